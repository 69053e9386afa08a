"""The CustomResourceDefinitions as a person with kubectl meets them, without any operator."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ebbflow.api.crd import UNSEEN
from tests.support.kubectl import Kubectl, full_name

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "tests/support/examples").glob("*.yaml"))
GROUP = "/openapi/v3/apis/ebbflow.dev/v1alpha1"

Json = dict[str, Any]


@pytest.fixture(scope="module")
def kubectl(ebbflow_cluster) -> Kubectl:
    ebbflow_cluster.kubectl_run(
        "apply", "--server-side", "--force-conflicts", "-f", str(ROOT / "crds")
    )
    ebbflow_cluster.kubectl_run("wait", "--for=condition=Established", "-f", str(ROOT / "crds"))
    return Kubectl(ebbflow_cluster)


def template(namespace: str, name: str = "shop", **spec: Any) -> Json:
    return {
        "apiVersion": "ebbflow.dev/v1alpha1",
        "kind": "Template",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def place(branch: str = "main") -> Json:
    return {"repository": "https://a.dev/b", "branch": branch, "path": "x.yaml"}


def applied(kubectl: Kubectl, thing: Json, manager: str) -> Json:
    text = kubectl.run(
        *("apply", "--server-side", "--force-conflicts", f"--field-manager={manager}"),
        *("-o", "json", "-f", "-"),
        input=json.dumps(thing),
    )
    return json.loads(text)


def test_the_definitions_alone_are_enough_to_use_the_kinds(kubectl: Kubectl, namespace: str):
    kubectl.run("create", "-f", "-", input=json.dumps(template(namespace, git=place())))
    assert kubectl.get("Template", "shop", namespace)["spec"]["git"] == place()


def below(schema: Json, path: str) -> Iterator[tuple[str, Json]]:
    for name, child in schema.get("properties", {}).items():
        yield f"{path}.{name}", child
        yield from below(child, f"{path}.{name}")
    if "items" in schema:
        yield from below(schema["items"], f"{path}[]")


@pytest.mark.parametrize("kind", ["Template", "GitAccount", "Run"])
def test_the_server_publishes_a_text_for_every_field(kubectl: Kubectl, kind: str):
    published = json.loads(kubectl.api.get(GROUP))["components"]["schemas"]
    schema = published[f"dev.ebbflow.v1alpha1.{kind}"]
    fields = [
        *below(schema["properties"]["spec"], "spec"),
        *below(schema["properties"]["status"], ""),
    ]
    assert len(fields) > 30
    assert [path for path, field in fields if not field.get("description")] == []


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("", "kept the same in the cluster and in a file in Git"),
        (".spec", "What is wanted."),
        (".spec.git.branch", "The branch, without refs/heads/."),
        (".spec.document", "the same content as the file"),
        (".spec.argumentOverrides.value", "any JSON value"),
        (".spec.sync.onConflict", "ENUM: Fail PreferGit PreferCluster PullRequest"),
        (".status.sync.commit", "The commit whose file the object holds"),
    ],
)
def test_kubectl_explain_has_an_answer(kubectl: Kubectl, field: str, text: str):
    shown = " ".join(kubectl.run("explain", f"templates.ebbflow.dev{field}").split())
    assert text in shown


def test_templates_can_be_selected_by_their_place_in_git(kubectl: Kubectl, namespace: str):
    for name, branch in (("one", "main"), ("two", "prod")):
        kubectl.create(template(namespace, name, git=place(branch)))
    kubectl.create(template(namespace, "three"))

    def selected(selector: str) -> list[str]:
        arguments = ("-n", namespace, "-o", "name", f"--field-selector={selector}")
        return kubectl.run("get", "templates.ebbflow.dev", *arguments).split()

    assert selected("spec.git.branch=prod") == ["template.ebbflow.dev/two"]
    assert selected("spec.git.repository=https://a.dev/b,spec.git.branch!=prod") == [
        "template.ebbflow.dev/one"
    ]
    assert selected("spec.git.path=") == ["template.ebbflow.dev/three"]


CONDITION = {
    "type": "Ready",
    "status": "True",
    "reason": "InStep",
    "message": "In step with main at 4f0d7c3",
    "lastTransitionTime": "2026-11-21T10:00:00Z",
    "observedGeneration": 1,
}


def test_kubectl_get_shows_where_an_object_stands(kubectl: Kubectl, namespace: str):
    kubectl.create(template(namespace, git=place()))
    status = json.dumps({"status": {"conditions": [CONDITION], "sync": {"commit": "4f0d7c3"}}})
    kubectl.run(
        *("patch", full_name("Template"), "shop", "-n", namespace, "--subresource=status"),
        *("--type=merge", f"--patch={status}"),
    )
    head, row = kubectl.run("get", full_name("Template"), "-n", namespace).splitlines()
    assert head.split() == ["NAME", "READY", "STATUS", "AGE"]
    assert row.split()[:-1] == ["shop", "True", *CONDITION["message"].split()]
    wide = kubectl.run("get", full_name("Template"), "-n", namespace, "-o", "wide").splitlines()
    assert wide[0].split() == ["NAME", "READY", "STATUS", "REVISION", "REPOSITORY", "PATH", "AGE"]
    assert "https://a.dev/b" in wide[1]
    kubectl.run("wait", "--for=condition=Ready", "-n", namespace, "templates.ebbflow.dev/shop")


def test_accounts_show_their_provider(kubectl: Kubectl, namespace: str):
    kubectl.create(
        {
            "apiVersion": "ebbflow.dev/v1alpha1",
            "kind": "GitAccount",
            "metadata": {"name": "acme", "namespace": namespace},
            "spec": {"provider": "GitHub"},
        }
    )
    head, row = kubectl.run("get", "ga", "-n", namespace).splitlines()
    assert head.split() == ["NAME", "PROVIDER", "READY", "STATUS", "AGE"]
    assert row.split()[:2] == ["acme", "GitHub"]


def test_all_of_ebbflow_is_one_category_and_not_in_all(kubectl: Kubectl, namespace: str):
    kubectl.create(template(namespace))
    for name in ("ebbflow", "tpl", "template", "templates"):
        found = kubectl.run("get", name, "-n", namespace, "-o", "name")
        assert "template.ebbflow.dev/shop" in found, name
    assert "ebbflow.dev" not in kubectl.run("get", "all", "-n", namespace, "-o", "name")


def test_an_unknown_field_is_refused_by_kubectl_and_pruned_by_the_server(
    kubectl: Kubectl, namespace: str
):
    wrong = json.dumps(template(namespace, colour="blue", git={**place(), "depth": 3}))
    refused = kubectl.cluster.kubectl_run("create", "-f", "-", input=wrong, check=False)
    assert refused.returncode == 1
    assert 'unknown field "spec.colour"' in refused.stderr
    assert 'unknown field "spec.git.depth"' in refused.stderr
    warned = kubectl.cluster.kubectl_run("create", "--validate=warn", "-f", "-", input=wrong)
    assert 'unknown field "spec.colour"' in warned.stderr
    stored = kubectl.get("Template", "shop", namespace)["spec"]
    assert "colour" not in stored
    assert stored["git"] == place()


def test_a_document_keeps_every_field(kubectl: Kubectl, namespace: str):
    document = {"apiVersion": "v1.2", "any": {"thing": [1, None, {"deep": True}]}, "null": None}
    kubectl.create(template(namespace, document=document))
    assert kubectl.get("Template", "shop", namespace)["spec"]["document"] == document


def test_defaults_are_filled_in(kubectl: Kubectl, namespace: str):
    kubectl.create(template(namespace, history={"failed": 3}))
    assert kubectl.get("Template", "shop", namespace)["spec"] == {
        "deletionPolicy": "Orphan",
        "history": {"failed": 3, "succeeded": 20},
        "prune": False,
        "queueLimit": 20,
        "suspend": False,
        "sync": {
            "commitMessage": "Update {name}",
            "direction": "Both",
            "onConflict": "Fail",
            "pullRequests": {"always": False, "branchPrefix": "ebbflow/"},
        },
    }


def test_the_defaults_of_an_account_are_filled_in(kubectl: Kubectl, namespace: str):
    kubectl.create(
        {
            "apiVersion": "ebbflow.dev/v1alpha1",
            "kind": "GitAccount",
            "metadata": {"name": "acme", "namespace": namespace},
            "spec": {"provider": "GitHub"},
        }
    )
    assert kubectl.get("GitAccount", "acme", namespace)["spec"] == {
        "provider": "GitHub",
        "access": {"mode": "All"},
        "allowedNamespaces": {"from": "Same"},
        "committer": {"name": "ebbflow", "email": "ebbflow@ebbflow.dev"},
        "suspend": False,
        "webhooks": {"manage": True},
    }


def test_a_status_has_a_door_of_its_own(kubectl: Kubectl, namespace: str):
    made = kubectl.create({**template(namespace), "status": {"observedGeneration": 7}})
    assert "observedGeneration" not in made.get("status", {})
    status = json.dumps({"status": {"observedGeneration": 1}, "spec": {"suspend": True}})
    kubectl.run(
        *("patch", full_name("Template"), "shop", "-n", namespace, "--subresource=status"),
        *("--type=merge", f"--patch={status}"),
    )
    stored = kubectl.get("Template", "shop", namespace)
    assert stored["status"] == {"observedGeneration": 1, "conditions": [UNSEEN]}
    assert stored["spec"]["suspend"] is False
    assert stored["metadata"]["generation"] == 1


def test_a_document_is_applied_whole_and_overrides_one_by_one(kubectl: Kubectl, namespace: str):
    one = template(
        namespace, document={"a": 1, "b": 2}, argumentOverrides=[{"name": "x", "value": 1}]
    )
    other = template(namespace, document={"a": 3}, argumentOverrides=[{"name": "y", "value": 2}])
    applied(kubectl, one, "one")
    spec = applied(kubectl, other, "other")["spec"]
    assert spec["document"] == {"a": 3}
    assert spec["argumentOverrides"] == [{"name": "x", "value": 1}, {"name": "y", "value": 2}]


def test_a_reference_is_applied_whole(kubectl: Kubectl, namespace: str):
    before = {**place(), "accountRef": {"name": "acme", "namespace": "platform"}}
    applied(kubectl, template(namespace, git=before), "one")
    after = {**place(), "accountRef": {"name": "other"}}
    assert applied(kubectl, template(namespace, git=after), "two")["spec"]["git"] == after


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_every_example_of_the_docs_is_taken(kubectl: Kubectl, file: Path):
    text = file.read_text()
    documents = list(yaml.safe_load_all(text))
    verb = "create" if "generateName" in text else "apply"
    done = kubectl.run(verb, "--dry-run=server", "--validate=strict", "-f", "-", input=text)
    assert done.count("created (server dry run)") == len(documents)


def test_a_document_of_512_kib_is_stored(kubectl: Kubectl, namespace: str):
    document = {"apiVersion": "v1.2", "description": "x" * (512 * 1024 - 60)}
    text = json.dumps(template(namespace, document=document))
    kubectl.run("apply", "--server-side", "-f", "-", input=text)
    assert kubectl.get("Template", "shop", namespace)["spec"]["document"] == document
