"""CombinedService with pods that really run: an image is built from a commit, pushed to a registry,
pulled by the node and rolled out.

The builder is a shell script instead of kaniko or BuildKit, which are in no package that this
machine has; what it pushes is an image as the specifications of OCI have it, and all around it is
real.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from ebbflow.devcluster.build import machine
from ebbflow.devcluster.cluster import ControlPlane
from tests.support.builders import git_account, secret
from tests.support.image_registry import ImageRegistry, image_registry
from tests.support.job_runs import END_SECONDS, IMAGE, NOBODY, Place, message, place_on
from tests.support.waiting import eventually

JsonObject = dict[str, Any]

REPOSITORY = "team/web"
NAME = "acme/web"
PORT = 8080

BUILDER = r"""
set -e
cd /tmp
digest() { echo "sha256:$(sha256sum < "$1" | cut -d ' ' -f 1)"; }
about() { printf '"digest":"%s","size":%s' "$(digest "$1")" "$(wc -c < "$1")"; }
send() {
  {
    printf '%s /v2/acme/web/%s HTTP/1.0\r\nContent-Type: %s\r\n' "$1" "$2" "$3"
    printf 'Content-Length: %s\r\n\r\n' "$(wc -c < "$4")"
    cat "$4"
  } | nc "$HOST" "$PORT" | head -n 1 | grep -q ' 201 '
}
mkdir -p root/www
cp -a /bin /etc root
cp "$EBBFLOW_SOURCE/index.html" root/www
tar -c -f layer -C root .
cat > config << END
{"architecture":"$MACHINE","os":"linux","config":{"Cmd":["httpd","-f","-p","8080","-h","/www"],
"Env":["PATH=/bin"]},"rootfs":{"type":"layers","diff_ids":["$(digest layer)"]}}
END
type=application/vnd.oci.image
cat > manifest << END
{"schemaVersion":2,"mediaType":"$type.manifest.v1+json",
"config":{"mediaType":"$type.config.v1+json",$(about config)},
"layers":[{"mediaType":"$type.layer.v1.tar",$(about layer)}]}
END
for file in layer config; do
  send POST "blobs/uploads/?digest=$(digest $file)" application/octet-stream $file
done
send PUT "manifests/${EBBFLOW_IMAGE##*:}" "$type.manifest.v1+json" manifest
printf %s "$(digest manifest)" > /dev/termination-log
echo pushed
"""


SCRIPT = BUILDER.replace("${", r"\${")
"""As a document has it."""


@dataclass(frozen=True)
class World:
    """A repository, the registry that its images go to, and the namespace of the service."""

    place: Place
    registry: ImageRegistry

    @property
    def service(self) -> JsonObject:
        """The node. The registry has one name for containerd, which takes plain HTTP from loopback
        only, and another one for pods.
        """
        told = {
            "HOST": self.place.cluster.machine_address,
            "PORT": str(self.registry.port),
            "MACHINE": machine(),
        }
        builder = {"image": IMAGE, "command": ["sh", "-c", SCRIPT], "env": told}
        build = {
            "image": f"127.0.0.1:{self.registry.port}/{NAME}",
            "builder": builder | {"securityContext": NOBODY},
            "git": {
                "accountRef": {"name": "git"},
                "repository": self.place.git.url_of(REPOSITORY),
                "ref": "main",
            },
        }
        ports = [{"name": "http", "internalPort": PORT}]
        probe = {"type": "readinessProbe", "protocol": "HTTP", "port": PORT}
        spec = {"name": "web", "build": build, "ports": ports, "healthChecks": [probe]}
        return {
            "kind": "CombinedService",
            "ref": "web",
            "spec": spec | {"securityContext": NOBODY},
        }

    @property
    def deployment(self) -> JsonObject:
        return self.place.kubectl.get("Deployment", "web", self.place.namespace)

    @property
    def image(self) -> str:
        (container,) = self.deployment["spec"]["template"]["spec"]["containers"]
        text: str = container["image"]
        return text

    def page(self) -> str:
        """Return what the service answers at its address."""
        path = f"/api/v1/namespaces/{self.place.namespace}/services/web"
        service = self.place.kubectl.api.call("GET", path)
        url = f"http://{service['spec']['clusterIP']}:{PORT}/"
        where = ("-n", self.place.namespace, "forward", "--")
        return self.place.kubectl.run("exec", *where, "wget", "-q", "-O", "-", url, check=False)


def forward(place: Place, port: int) -> None:
    """Let the node's own loopback lead to the registry."""
    command = ["nc", "-ll", "-p", str(port), "-e", "nc", place.cluster.machine_address, str(port)]
    container = {"name": "nc", "image": IMAGE, "command": command}
    pod = {"hostNetwork": True, "terminationGracePeriodSeconds": 0, "containers": [container]}
    metadata = {"name": "forward", "namespace": place.namespace}
    made = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod}
    place.cluster.wait_for_service_account(place.namespace)
    place.kubectl.run("create", "-f", "-", input=json.dumps(made))
    ready = ("--for=condition=Ready", f"--timeout={END_SECONDS:.0f}s")
    place.kubectl.run("wait", "pod/forward", "-n", place.namespace, *ready)


@pytest.fixture(scope="module")
def world(
    node_cluster: ControlPlane, tmp_path_factory: pytest.TempPathFactory, process_group: int
) -> Iterator[World]:
    with (
        image_registry(node_cluster.machine_address) as registry,
        place_on(node_cluster, tmp_path_factory.mktemp("combined"), process_group) as place,
    ):
        login = secret("git").within(place.namespace).for_hosts("127.0.0.1")
        place.kubectl.apply(login.with_login("ebbflow", place.password).build())
        place.kubectl.apply(git_account("git").within(place.namespace).using("git").build())
        place.git.create_repository(REPOSITORY, {"index.html": b"one"})
        forward(place, registry.port)
        made = World(place, registry)
        place.run(made.service)
        yield made


def test_each_commit_is_built_once_and_its_image_rolled_out(world: World) -> None:
    first = world.image
    eventually(lambda: world.page() == "one", END_SECONDS, "the page of the first commit")
    world.place.git.commit(REPOSITORY, {"index.html": b"two"})
    world.place.run(world.service)
    second = world.image
    eventually(lambda: world.page() == "two", END_SECONDS, "the page of the second commit")
    for image in (first, second):
        name, _, digest = image.partition("@")
        assert world.registry.manifests[NAME, name.rpartition(":")[2]].digest == digest
        assert digest in world.registry.pulled
    assert first != second
    before = world.deployment
    again = world.place.run(world.service)
    assert world.place.jobs(again["metadata"]["name"]) == []
    assert world.deployment["spec"] == before["spec"]


def test_a_build_that_fails_leaves_the_service_as_it_is(world: World) -> None:
    before, page = world.deployment, world.page()
    world.place.git.commit(REPOSITORY, {"index.html": None, "other.html": b"three"})
    run = world.place.run(world.service, phase="Failed")
    assert "container builder ended with exit code 1" in message(run)
    assert "can't stat '/workspace/index.html'" in message(run)
    assert world.deployment["spec"] == before["spec"]
    assert world.page() == page
