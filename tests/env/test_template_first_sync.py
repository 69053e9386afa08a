"""The first sync of a Template: Git wins, a missing file is created, and nobody takes it for done."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from tests.env.conftest import Shared
from tests.support.builders import document, template
from tests.support.kubectl import KINDS, condition_of
from tests.support.synced import SHOP, attach, link

JsonObject = dict[str, Any]

FROM_FILE = {"REPLICAS": "2", "COLOUR": "red"}


def test_a_file_that_exists_wins_over_the_document(shared: Shared) -> None:
    shop = link(shared, "wins", document=document({"REPLICAS": "9", "SIZE": "xl"}))
    assert shop.arguments() == FROM_FILE
    assert shop.file() == SHOP
    assert shop.subjects() == ["Begin"]
    status, reason, message = shop.ready()
    assert (status, reason, message) == (
        "True",
        "InStep",
        f"In step with main at {shop.head()[:7]}",
    )
    sync = shop.get()["status"]["sync"]
    assert (sync["commit"], sync["path"]) == (shop.head(), shop.path)


@pytest.mark.parametrize(
    ("name", "path", "read"),
    [
        pytest.param("made-yaml", "shop.yaml", yaml.safe_load, id="yaml"),
        pytest.param("made-yml", "a/new/directory/shop.yml", yaml.safe_load, id="nested-yml"),
        pytest.param("made-json", "templates/shop.json", json.loads, id="json"),
        pytest.param("made-plain", "shop", json.loads, id="no-ending-is-json"),
        pytest.param("made-other", "shop.template", json.loads, id="another-ending-is-json"),
    ],
)
def test_a_missing_file_is_created_from_the_document(
    shared: Shared, name: str, path: str, read: Any
) -> None:
    wanted = document({"REPLICAS": "2", "RATIO": 0.5, "ON": True})
    shop = link(shared, name, {"README.md": b"hello\n"}, path=path, document=wanted)
    assert read(shop.file()) == wanted
    assert shop.file("README.md") == b"hello\n"
    assert shop.subjects() == [f"Update {name}", "Begin"]
    assert shop.get()["status"]["sync"]["commit"] == shop.head()
    assert shop.document() == wanted


def test_neither_a_file_nor_a_document_is_nothing_to_sync(shared: Shared) -> None:
    shop = link(shared, "nothing", {"README.md": b"hello\n"}, ready=False)
    message = shop.wait_stalled("NothingToSync")
    assert message == (
        f"{shop.path} does not exist on branch main and spec.document is empty; "
        f"commit the file or fill spec.document"
    )
    shop.patch(document=document({"REPLICAS": "2"}))
    shop.wait()
    assert shop.subjects() == ["Update nothing", "Begin"]


def test_a_leading_slash_means_the_root_of_the_repository(shared: Shared) -> None:
    shop = link(shared, "slash", path="/templates/shop.yaml")
    assert shop.arguments() == FROM_FILE
    shop.edit(REPLICAS="5")
    shop.wait_file(SHOP.replace(b'"2"', b'"5"'))


def test_an_object_that_nobody_has_looked_at_is_not_taken_for_finished(shared: Shared) -> None:
    made = template("unseen").within(shared.namespace).suspended()
    stored = shared.kubectl.create(made.build())
    seen = shared.kubectl.get("Template", "unseen", shared.namespace)
    assert (status_of(seen, "Ready"), status_of(stored, "Ready")) == ("Unknown", "Unknown")


def test_a_watcher_sees_that_it_is_not_ready_before_it_is(shared: Shared) -> None:
    shared.git.create_repository("watched", {"shop.yaml": SHOP})
    made = template("watched").within(shared.namespace)
    made = made.at(shared.git.url_of("watched"), "shop.yaml", account=shared.account)
    version = shared.kubectl.create(made.build())["metadata"]["resourceVersion"]
    shared.kubectl.wait_condition("Template", "watched", shared.namespace)

    states = ready_states(shared, "watched", version)
    assert states[0] == ("Unknown", None)
    assert states[-1] == ("True", None)
    assert all(state in {("Unknown", None), ("True", None)} for state in states)


def ready_states(shared: Shared, name: str, version: str) -> list[tuple[str, str | None]]:
    """What a watcher from this version on saw: the statuses of Ready and Reconciling."""
    path = KINDS["Template"].path(shared.namespace)
    # The API server's watch cache plays the past again; the time-out only ends the answer.
    query = f"watch=true&resourceVersion={version}&timeoutSeconds=1"
    only = f"fieldSelector=metadata.name%3D{name}"
    lines = shared.kubectl.api.get(f"{path}?{query}&{only}").splitlines()
    objects: list[JsonObject] = [json.loads(line)["object"] for line in lines]
    seen = [each for each in objects if each.get("status", {}).get("conditions")]
    return [(status_of(each, "Ready") or "", status_of(each, "Reconciling")) for each in seen]


def status_of(thing: JsonObject, kind: str) -> str | None:
    found = condition_of(thing, kind)
    return found["status"] if found else None


def test_the_real_kubectl_wait_waits_for_it(shared: Shared) -> None:
    shop = link(shared, "awaited", ready=False)
    printed = shared.kubectl.kubectl_wait("Template", "awaited", shared.namespace)
    assert "condition met" in printed
    assert shop.arguments() == FROM_FILE


def test_a_second_template_of_the_same_file_takes_it_too(shared: Shared) -> None:
    link(shared, "one-of-two")
    other = attach(shared, "two-of-two", "one-of-two")
    assert other.arguments() == FROM_FILE
    assert other.subjects() == ["Begin"]
