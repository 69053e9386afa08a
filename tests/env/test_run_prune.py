"""What left the document goes, in the tenant's name, on a real API server with its controllers."""

from __future__ import annotations

from typing import Any

import pytest

from ebbflow.domain.run_store import SOURCE_FINALIZER
from tests.env.conftest import Shared
from tests.support.audit import AuditLog
from tests.support.ran import Source, config_map, deployer, source, steps_document
from tests.support.waiting import eventually


@pytest.fixture(scope="module")
def robot(shared: Shared) -> str:
    return deployer(shared.kubectl, shared.namespace)


def made(shared: Shared, robot: str, name: str, *steps: Any, **fields: Any) -> Source:
    document = steps_document(*steps)
    return source(
        shared.kubectl, shared.namespace, name, document, serviceAccountName=robot, **fields
    )


def rewrite(shop: Source, *steps: Any) -> None:
    change = {"spec": {"document": steps_document(*steps)}}
    shop.kubectl.patch("Template", shop.name, shop.namespace, change)


def is_there(shared: Shared, kind: str, name: str) -> bool:
    return shared.kubectl.find(kind, name, shared.namespace) is not None


def lists(shared: Shared, name: str) -> list[str]:
    found = shared.kubectl.list_all("ControllerRevision", shared.namespace)
    return [one["metadata"]["name"] for one in found if f"{name}-made-" in one["metadata"]["name"]]


def test_what_left_the_document_is_deleted_as_the_tenant(
    shared: Shared, robot: str, audit: AuditLog
) -> None:
    shop = made(
        shared, robot, "pruned", config_map("pr-a", v="1"), config_map("pr-b", v="1"), prune=True
    )
    shop.wait_end(shop.start("pruned-1"))
    start = audit.mark()
    rewrite(shop, config_map("pr-a", v="1"))
    run = shop.wait_end(shop.start("pruned-2"))
    assert "deleted what left the document: ConfigMap" in run["status"]["message"]
    assert is_there(shared, "ConfigMap", "pr-a")
    assert not is_there(shared, "ConfigMap", "pr-b")
    deletions = [one for one in audit.since(start) if one.verb == "delete" and one.name == "pr-b"]
    assert [one.as_user for one in deletions] == [
        f"system:serviceaccount:{shared.namespace}:{robot}"
    ]
    status = shared.kubectl.get("Template", "pruned", shared.namespace)["status"]
    assert status["inventory"]["count"] == 1
    assert lists(shared, "pruned") == [status["inventory"]["ref"]]


def test_what_another_template_took_over_stays(shared: Shared, robot: str) -> None:
    first = made(
        shared, robot, "giver", config_map("given", v="1"), config_map("gi-a", v="1"), prune=True
    )
    first.wait_end(first.start("giver-1"))
    second = made(shared, robot, "taker", config_map("given", v="2"))
    second.wait_end(second.start("taker-1"))
    rewrite(first, config_map("gi-a", v="1"))
    first.wait_end(first.start("giver-2"))
    assert shared.kubectl.get("ConfigMap", "given", shared.namespace)["data"] == {"v": "2"}


def test_what_runs_made_goes_with_a_template_whose_policy_says_so(
    shared: Shared, robot: str
) -> None:
    shop = made(shared, robot, "ending", config_map("end-a", v="1"), deletionPolicy="Delete")
    shop.wait_end(shop.start("ending-1"))
    held = shared.kubectl.get("Template", "ending", shared.namespace)["metadata"]["finalizers"]
    assert held == [SOURCE_FINALIZER]
    shared.kubectl.delete("Template", "ending", shared.namespace)
    eventually(lambda: not is_there(shared, "Template", "ending"), 20, "the Template to be gone")
    assert not is_there(shared, "ConfigMap", "end-a")


def test_a_template_without_that_policy_leaves_what_runs_made(shared: Shared, robot: str) -> None:
    shop = made(shared, robot, "leaving", config_map("leave-a", v="1"))
    shop.wait_end(shop.start("leaving-1"))
    shared.kubectl.delete("Template", "leaving", shared.namespace)
    eventually(lambda: not is_there(shared, "Template", "leaving"), 20, "the Template to be gone")
    assert is_there(shared, "ConfigMap", "leave-a")


def test_a_right_that_is_missing_is_named_and_the_template_goes_once_it_is_given(
    shared: Shared,
) -> None:
    kubectl, namespace = shared.kubectl, shared.namespace
    weak = deployer(kubectl, namespace, "no-deleter")
    role = kubectl.get("Role", weak, namespace)
    rules = [
        {
            "apiGroups": ["*"],
            "resources": ["*"],
            "verbs": ["get", "list", "watch", "patch", "create"],
        }
    ]
    kubectl.patch("Role", weak, namespace, {"rules": rules})
    shop = made(shared, weak, "stuck", config_map("stuck-a", v="1"), deletionPolicy="Delete")
    shop.wait_end(shop.start("stuck-1"))
    kubectl.delete("Template", "stuck", namespace)

    def told() -> bool:
        return any(
            one["reason"] == "ObjectsLeft"
            and "kubectl create" in (one.get("note") or one.get("message", ""))
            for one in kubectl.list_all("Event", namespace)
        )

    eventually(told, 20, "an event that says what helps")
    assert is_there(shared, "Template", "stuck")
    kubectl.patch("Role", weak, namespace, {"rules": role["rules"]})
    eventually(lambda: not is_there(shared, "Template", "stuck"), 30, "the Template to be gone")
    assert not is_there(shared, "ConfigMap", "stuck-a")
