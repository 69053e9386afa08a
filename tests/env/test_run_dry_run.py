"""A dry run says what a run would change, and changes nothing: the audit log is the witness."""

from __future__ import annotations

from typing import Any

import pytest

from tests.env.conftest import Shared
from tests.support.audit import AuditLog
from tests.support.installation import OPERATOR_USER
from tests.support.ran import Source, config_map, deployer, source, steps_document

JsonObject = dict[str, Any]


@pytest.fixture(scope="module")
def robot(shared: Shared) -> str:
    return deployer(shared.kubectl, shared.namespace)


def made(shared: Shared, robot: str, name: str, *steps: Any, **fields: Any) -> Source:
    document = steps_document(*steps, arguments=fields.pop("arguments", {}))
    return source(
        shared.kubectl, shared.namespace, name, document, serviceAccountName=robot, **fields
    )


def planned(run: JsonObject) -> dict[str, JsonObject]:
    """Return the changes of a plan by their objects."""
    return {change["object"]: change for change in run["status"].get("plan", ())}


def fields(change: JsonObject) -> dict[str, tuple[str | None, str | None]]:
    return {one["path"]: (one.get("from"), one.get("to")) for one in change.get("fields", ())}


def secret(name: str, **values: str) -> JsonObject:
    manifest = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "stringData": values,
    }
    return {"kind": "Manifest", "ref": name, "spec": {"manifest": manifest}}


def test_a_dry_run_tells_what_is_made_changed_and_deleted_and_writes_nothing(
    shared: Shared, robot: str, audit: AuditLog
) -> None:
    kubectl, space = shared.kubectl, shared.namespace
    shop = made(
        shared,
        robot,
        "planned",
        config_map("pl-a", colour="red", size="1"),
        config_map("pl-b", v="1"),
        prune=True,
    )
    shop.wait_end(shop.start("planned-1"))
    document = steps_document(
        config_map("pl-a", colour="blue", size="1"),
        config_map("pl-c", uid="${refs.pl-a.metadata.uid}"),
        config_map("pl-d", after="${refs.pl-c.metadata.name}", key="${fn.randomSecret(32)}"),
        secret("pl-e", password="${fn.randomSecret(32)}"),
    )
    kubectl.patch("Template", "planned", space, {"spec": {"document": document}})
    before = {kind: objects(shared, kind) for kind in ("ConfigMap", "Secret", "ControllerRevision")}
    start = audit.mark()
    run = shop.wait_end(shop.start("planned-dry", dryRun=True))
    asked = audit.since(start)

    changes = planned(run)
    assert {name: change["action"] for name, change in changes.items()} == {
        f"v1 ConfigMap {space}/pl-a": "update",
        f"v1 ConfigMap {space}/pl-b": "delete",
        f"v1 ConfigMap {space}/pl-c": "create",
        f"v1 ConfigMap {space}/pl-d": "create",
        f"v1 Secret {space}/pl-e": "create",
    }
    assert fields(changes[f"v1 ConfigMap {space}/pl-a"]) == {"data.colour": ("red", "blue")}
    uid = kubectl.get("ConfigMap", "pl-a", space)["metadata"]["uid"]
    assert fields(changes[f"v1 ConfigMap {space}/pl-c"])["data.uid"] == (None, uid)
    assert fields(changes[f"v1 ConfigMap {space}/pl-d"])["data.after"] == (None, "pl-c")
    assert fields(changes[f"v1 ConfigMap {space}/pl-d"])["data.key"] == (None, "(secret)")
    assert fields(changes[f"v1 Secret {space}/pl-e"])["data.password"] == (None, "(secret)")

    tenant = [one for one in asked if one.as_user and one.is_write]
    assert tenant, "nothing was asked as the tenant"
    assert [one.uri for one in tenant if "dryRun=All" not in one.uri] == []
    own = asked.where(user=OPERATOR_USER).writes()
    resources = {one.resource for one in own if not one.as_user}
    assert resources <= {
        *("runs", "runs/status", "templates/status"),
        *("controllerrevisions", "events", "leases"),
    }
    after = {kind: objects(shared, kind) for kind in before}
    # The Run's own copy of its document is all that is there beside what was.
    assert len(after["ControllerRevision"] - before["ControllerRevision"]) == 1
    assert after["ConfigMap"] == before["ConfigMap"]
    assert after["Secret"] == before["Secret"]


def test_a_dry_run_of_what_the_account_may_not_do_says_what_is_missing(shared: Shared) -> None:
    weak = deployer(shared.kubectl, shared.namespace, "looker", resources=["pods"])
    shop = made(shared, weak, "dry-denied", config_map("dd-a", v="1"))
    run = shop.wait_end(shop.start("dry-denied-1", dryRun=True), "Failed")
    assert "kubectl create" in run["status"]["message"]


def test_a_run_after_a_dry_run_does_what_was_planned(shared: Shared, robot: str) -> None:
    shop = made(shared, robot, "twice", config_map("tw-a", v="${args.V}"), arguments={"V": "1"})
    dry = shop.wait_end(shop.start("twice-dry", dryRun=True, arguments={"V": "7"}))
    assert [change["action"] for change in dry["status"]["plan"]] == ["create"]
    shop.wait_end(shop.start("twice-real", arguments={"V": "7"}))
    again = shop.wait_end(shop.start("twice-again", dryRun=True, arguments={"V": "7"}))
    assert [change["action"] for change in again["status"]["plan"]] == ["none"]


def objects(shared: Shared, kind: str) -> frozenset[tuple[str, str]]:
    """Return names and versions of all objects of a kind."""
    found = (one["metadata"] for one in shared.kubectl.list_all(kind, shared.namespace))
    return frozenset((one["name"], one["resourceVersion"]) for one in found)
