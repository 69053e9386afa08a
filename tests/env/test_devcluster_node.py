"""A real node: what runs in pods really runs."""

from __future__ import annotations

import functools
import json
import secrets
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.client import HTTPSConnection
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ebbflow.devcluster.cluster import ControlPlane
from ebbflow.devcluster.images import BUSYBOX, Image, busybox_layer, write_archive
from tests.support.python_image import write_python_archive
from tests.support.tools import need
from tests.support.waiting import eventually


class Place:
    """A namespace on the real node."""

    def __init__(self, cluster: ControlPlane) -> None:
        self._cluster = cluster
        self.namespace = f"node-{secrets.token_hex(3)}"
        cluster.kubectl_run("create", "namespace", self.namespace)
        cluster.wait_for_service_account(self.namespace)

    def kubectl(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        namespace = f"--namespace={self.namespace}"
        return self._cluster.kubectl_run(namespace, *arguments, check=check)

    def run(self, name: str, script: str, **container: Any) -> None:
        """Start a pod that runs a script once."""
        main = {"name": "main", "image": BUSYBOX, "command": ["sh", "-c", script]} | container
        spec = {"restartPolicy": "Never", "containers": [main]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
        answer = self._cluster.request("POST", f"/api/v1/namespaces/{self.namespace}/pods", pod)
        assert answer.status == 201, answer.body

    def status(self, name: str) -> dict[str, Any]:
        path = f"/api/v1/namespaces/{self.namespace}/pods/{name}"
        found: dict[str, Any] = self._cluster.request("GET", path).json()["status"]
        return found

    def ended(self, name: str) -> dict[str, Any]:
        """Wait until a pod's container has ended, and return how."""

        def terminated() -> dict[str, Any] | None:
            containers = self.status(name).get("containerStatuses", [{}])
            found: dict[str, Any] | None = containers[0].get("state", {}).get("terminated")
            return found

        ending = eventually(terminated, 60, f"pod {name} to end")
        assert ending is not None
        return ending


@pytest.fixture
def page(node_cluster: ControlPlane, tmp_path: Path) -> Iterator[str]:
    """The URL of a page that this machine serves to pods."""
    (tmp_path / "page").write_text("from the machine\n")
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer((node_cluster.machine_address, 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://{node_cluster.machine_address}:{server.server_port}/page"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def place(node_cluster: ControlPlane) -> Place:
    return Place(node_cluster)


@pytest.fixture(scope="module")
def web(place: Place) -> str:
    """A Deployment with a Service of the same name."""
    page = "mkdir /tmp/www; echo hello > /tmp/www/index.html; httpd -f -p 8080 -h /tmp/www"
    place.kubectl("create", "deployment", "web", f"--image={BUSYBOX}", "--", "sh", "-c", page)
    place.kubectl("expose", "deployment", "web", "--port=80", "--target-port=8080")
    place.kubectl("wait", "--for=condition=Available", "deployment/web", "--timeout=60s")
    return "web"


@pytest.mark.parametrize("code", [0, 7])
def test_a_job_ends_with_the_exit_code_of_its_program(place: Place, code: int) -> None:
    name = f"job-{code}"
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {
            "backoffLimit": 0,
            "template": {
                "spec": {
                    "restartPolicy": "Never",
                    "containers": [
                        {
                            "name": "main",
                            "image": BUSYBOX,
                            "command": ["sh", "-c", f"echo ran; exit {code}"],
                        }
                    ],
                }
            },
        },
    }
    path = f"/apis/batch/v1/namespaces/{place.namespace}/jobs"
    assert place._cluster.request("POST", path, job).status == 201

    ending = "Failed" if code else "Complete"
    place.kubectl("wait", f"--for=condition={ending}", f"job/{name}", "--timeout=60s")

    assert place.kubectl("logs", f"job/{name}").stdout == "ran\n"
    pods = json.loads(place.kubectl("get", "pods", f"--selector=job-name={name}", "-ojson").stdout)
    (container,) = pods["items"][0]["status"]["containerStatuses"]
    assert container["state"]["terminated"]["exitCode"] == code


def test_a_command_in_a_pod_gives_its_output_and_its_exit_code(place: Place, web: str) -> None:
    done = place.kubectl("exec", f"deploy/{web}", "--", "sh", "-c", "echo in; exit 3", check=False)

    assert (done.stdout, done.returncode) == ("in\n", 3)


def test_pods_find_a_service_by_its_name(place: Place, web: str) -> None:
    place.run("reader", f"wget -qO- http://{web}.{place.namespace}.svc.cluster.local")

    assert place.ended("reader")["exitCode"] == 0, place.kubectl("logs", "reader").stderr
    assert place.kubectl("logs", "reader").stdout == "hello\n"


def test_pods_reach_servers_of_the_machine(place: Place, page: str) -> None:
    place.run("client", f"wget -qO- {page}")

    assert place.ended("client")["exitCode"] == 0
    assert place.kubectl("logs", "client").stdout == "from the machine\n"


def test_images_are_loaded_from_an_archive(
    node_cluster: ControlPlane, place: Place, tmp_path: Path
) -> None:
    busybox = need("busybox", "install busybox-static")
    loaded = Image("ebbflow.invalid/own:1", ("sh", "-c", "echo own"))
    write_archive(tmp_path / "own.tar", busybox_layer(busybox), (loaded,))

    node_cluster.load_images(tmp_path / "own.tar")

    place.run("own", "echo own", image=loaded.name)
    assert place.ended("own")["exitCode"] == 0


def test_there_is_an_image_with_python(
    node_cluster: ControlPlane, place: Place, tmp_path: Path
) -> None:
    image = write_python_archive(tmp_path / "python.tar")
    node_cluster.load_images(tmp_path / "python.tar")

    script = "python3 -c 'import json, ssl, sqlite3, sys; print(sys.version)'"
    place.run("snake", script, image=image.name, securityContext={"runAsUser": 65534})

    assert place.ended("snake")["exitCode"] == 0, place.kubectl("logs", "snake").stdout
    assert place.kubectl("logs", "snake").stdout.startswith(sys.version.split()[0])


def test_pods_reach_the_api_server_with_their_token(place: Place) -> None:
    place.run(
        "caller",
        "echo | nc -w 5 kubernetes.default.svc 443 && "
        "test -s /var/run/secrets/kubernetes.io/serviceaccount/token",
    )

    assert place.ended("caller")["exitCode"] == 0


def test_what_takes_more_memory_than_its_limit_is_killed(place: Place) -> None:
    limits = {"limits": {"memory": "16Mi"}}
    # containerd looks out for it only a moment after the start, and not beyond the end.
    once = "dd if=/dev/zero of=/dev/null bs=64M count=1; code=$?; sleep 1"
    hungry = f"for each in 1 2 3 4 5; do {once}; done; exit $code"
    place.run("hungry", hungry, resources=limits)

    ended = place.ended("hungry")

    assert (ended["reason"], ended["exitCode"]) == ("OOMKilled", 137)


def test_an_image_that_does_not_exist_is_a_failure_that_says_so(place: Place) -> None:
    place.run("imageless", "true", image="ebbflow.invalid/none:1")

    def reason() -> str | None:
        containers = place.status("imageless").get("containerStatuses", [{}])
        waiting = containers[0].get("state", {}).get("waiting", {})
        found: str | None = waiting.get("reason")
        return found if found in {"ErrImagePull", "ImagePullBackOff"} else None

    assert eventually(reason, 60, "the pull to fail")


def test_a_volume_is_made_for_a_claim_and_written_to(place: Place) -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Mi"}},
        },
    }
    path = f"/api/v1/namespaces/{place.namespace}/persistentvolumeclaims"
    assert place._cluster.request("POST", path, claim).status == 201

    place.kubectl(
        "wait",
        "--for=jsonpath={.status.phase}=Bound",
        "persistentvolumeclaim/data",
        "--timeout=60s",
    )
    assert not Path("/tmp/hostpath_pv").exists()  # noqa: S108 - on the machine it would lie there


def test_a_restricted_pod_runs_as_nobody_with_a_read_only_root(place: Place) -> None:
    restricted = {
        "runAsNonRoot": True,
        "runAsUser": 65534,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    place.run("strict", "id -u; touch /x", securityContext=restricted)

    assert place.ended("strict")["exitCode"] == 1
    assert set(place.kubectl("logs", "strict").stdout.splitlines()) == {
        "65534",
        "touch: /x: Read-only file system",
    }


def test_the_kubelet_asks_who_is_there(node_cluster: ControlPlane) -> None:
    node = node_cluster.request("GET", "/api/v1/nodes/node-0").json()
    (address,) = [
        each["address"] for each in node["status"]["addresses"] if each["type"] == "InternalIP"
    ]
    known = ssl.create_default_context(cafile=str(node_cluster.certificate_authority))
    kubelet = HTTPSConnection(address, 10250, timeout=10, context=known)
    kubelet.request("GET", "/pods")

    assert kubelet.getresponse().status == 401
    kubelet.close()


def test_the_api_server_restarts_beside_running_pods(
    node_cluster: ControlPlane, place: Place, web: str
) -> None:
    node_cluster.restart_apiserver(grace_seconds=0)

    done = place.kubectl("exec", f"deploy/{web}", "--", "echo", "still here")
    assert done.stdout == "still here\n"


def test_pods_of_a_paused_kubelet_run_on(
    node_cluster: ControlPlane, place: Place, page: str
) -> None:
    place.run("steady", f"while ! wget -qO- {page}; do sleep 0.2; done; sleep 2; wget -qO- {page}")
    eventually(lambda: place.status("steady")["phase"] == "Running", 60, "the pod to run")

    node_cluster.pause_node()
    node_cluster.resume_node()

    assert place.ended("steady")["exitCode"] == 0
    assert node_cluster.running()
