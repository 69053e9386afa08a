"""What the chart and deploy/ hold is taken by a real API server, under restricted pod security."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.helm import CHART, VALUES, helm, objects, only, render
from tests.support.kubectl import Kubectl
from tests.support.waiting import eventually

DEPLOY = Path(__file__).parents[2] / "deploy"
NAMESPACES = ("chart-restricted", "team-a", "team-b")
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}

Json = dict[str, Any]


def namespace(name: str) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": RESTRICTED},
    }


@pytest.fixture(scope="module")
def kubectl(ebbflow_cluster) -> Iterator[Kubectl]:
    acting = Kubectl(ebbflow_cluster)
    for name in NAMESPACES:
        acting.apply(namespace(name))
    yield acting
    for name in NAMESPACES:
        acting.delete("Namespace", name)


def dry_run(kubectl: Kubectl, text: str) -> list[str]:
    """Ask the server what it would do with each object of the text; one line for each."""
    arguments = ("--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict")
    return kubectl.run("apply", *arguments, "-f", "-", input=text).splitlines()


@pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)
def test_the_api_server_takes_every_object_of_a_rendering(kubectl: Kubectl, values: Path):
    text = render(f"--values={values}", namespace=NAMESPACES[0])
    done = dry_run(kubectl, text)
    assert len(done) == len(objects(text))
    assert all(line.endswith("serverside-applied (server dry run)") for line in done)


@pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)
def test_restricted_pod_security_admits_the_pod(kubectl: Kubectl, values: Path):
    made = objects(render(f"--values={values}", namespace=NAMESPACES[0]))
    kubectl.apply(only(made, "ServiceAccount"))
    template = only(made, "Deployment")["spec"]["template"]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**template["metadata"], "name": "pod", "namespace": NAMESPACES[0]},
        "spec": template["spec"],
    }
    assert dry_run(kubectl, json.dumps(pod)) == ["pod/pod serverside-applied (server dry run)"]


def test_restricted_pod_security_would_refuse_a_pod_with_more(kubectl: Kubectl):
    made = objects(render(namespace=NAMESPACES[0]))
    kubectl.apply(only(made, "ServiceAccount"))
    spec = only(made, "Deployment")["spec"]["template"]["spec"]
    del spec["securityContext"]["seccompProfile"]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "pod", "namespace": NAMESPACES[0]},
        "spec": spec,
    }
    arguments = ("create", "--dry-run=server", "-f", "-")
    done = kubectl.cluster.kubectl_run(*arguments, input=json.dumps(pod), check=False)
    assert "violates PodSecurity" in done.stderr


def test_helm_installs_the_chart_and_its_pod_is_made(kubectl: Kubectl):
    common = (f"--kubeconfig={kubectl.cluster.kubeconfig}", f"--namespace={NAMESPACES[0]}")
    # The definitions and the roles for people belong to the whole cluster, and to other tests.
    shared = "--set=crds.install=false,rbac.userRoles=false"
    installed = helm("install", "flow", str(CHART), shared, *common)
    assert installed.returncode == 0, installed.stderr
    try:
        notes = installed.stdout.split("NOTES:\n", 1)[1].strip().splitlines()
        assert 5 <= len(notes) <= 9
        assert any("deployment/flow-ebbflow" in line for line in notes)
        chosen = "--selector=app.kubernetes.io/instance=flow"
        arguments = ("get", "pods", "-n", NAMESPACES[0], chosen, "-o", "name")
        eventually(lambda: kubectl.run(*arguments), 20, "the controllers to make the pod")
    finally:
        removed = helm("uninstall", "flow", *common)
    assert removed.returncode == 0, removed.stderr


def documents(name: str) -> list[Json]:
    return list(yaml.safe_load_all((DEPLOY / name).read_text()))


def test_the_api_server_takes_every_object_of_deploy(kubectl: Kubectl):
    kubectl.apply(documents("rbac.yaml")[0])
    done = dry_run(kubectl, (DEPLOY / "ebbflow.yaml").read_text())
    assert len(done) == len(documents("ebbflow.yaml"))


def test_deploy_is_all_of_its_parts_and_nothing_of_helm():
    everything = documents("ebbflow.yaml")
    assert all(
        part in everything for name in ("crds.yaml", "rbac.yaml") for part in documents(name)
    )
    assert "helm" not in (DEPLOY / "ebbflow.yaml").read_text().lower().split("\n", 1)[1]
    assert everything[0]["metadata"]["labels"].items() >= RESTRICTED.items()
    assert everything[0]["metadata"]["name"] == "ebbflow-system"


def test_people_may_do_what_their_built_in_role_says(kubectl: Kubectl):
    kubectl.run(
        *("apply", "--server-side", "--force-conflicts", "-f", "-"),
        input=(DEPLOY / "rbac.yaml").read_text(),
    )
    for role in ("view", "edit", "admin"):
        kubectl.apply(
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "RoleBinding",
                "metadata": {"name": role, "namespace": NAMESPACES[0]},
                "roleRef": {
                    "apiGroup": "rbac.authorization.k8s.io",
                    "kind": "ClusterRole",
                    "name": role,
                },
                "subjects": [
                    {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": f"a-{role}er"}
                ],
            }
        )

    def may(role: str, verb: str, resource: str) -> bool:
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": f"a-{role}er",
                "resourceAttributes": {
                    "namespace": NAMESPACES[0],
                    "group": "ebbflow.dev",
                    "resource": resource,
                    "verb": verb,
                },
            },
        }
        path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        return bool(kubectl.api.call("POST", path, review)["status"]["allowed"])

    # The controller manager adds the rules to the built-in roles a moment later.
    eventually(lambda: may("admin", "create", "gitaccounts"), 20, "the roles to be aggregated")
    allowed = {
        (role, verb, resource)
        for role in ("view", "edit", "admin")
        for verb in ("get", "create")
        for resource in ("templates", "gitaccounts")
        if may(role, verb, resource)
    }
    assert allowed == {
        ("view", "get", "templates"),
        ("edit", "get", "templates"),
        ("edit", "create", "templates"),
        ("edit", "get", "gitaccounts"),
        ("admin", "get", "templates"),
        ("admin", "create", "templates"),
        ("admin", "get", "gitaccounts"),
        ("admin", "create", "gitaccounts"),
    }
