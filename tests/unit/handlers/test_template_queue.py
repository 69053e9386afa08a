"""What an event of a Template is news for: the queue of its Runs, and its first pass."""

from __future__ import annotations

import kopf
import pytest

from ebbflow.api.base import JsonObject, Key
from ebbflow.api.template import Template
from ebbflow.domain.run_store import SOURCE_FINALIZER
from ebbflow.handlers.template import queue_of, see
from ebbflow.services.sync.first_sights import MOST, FirstSights

HELD = {"finalizers": [SOURCE_FINALIZER]}
GONE = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
DELETE = {"deletionPolicy": "Delete"}
WAITS = {"queue": ["one"], "active": []}


@pytest.mark.parametrize(
    ("metadata", "spec", "status", "news"),
    [
        pytest.param({}, {}, {}, False, id="an edit"),
        pytest.param({}, DELETE, {}, True, id="it is to be held"),
        pytest.param(HELD, DELETE, {}, False, id="it is held"),
        pytest.param(HELD, {}, {}, True, id="it need not be held any more"),
        pytest.param({**HELD, **GONE}, DELETE, {}, True, id="it was deleted and is held"),
        pytest.param(GONE, {}, {}, False, id="it was deleted"),
        pytest.param({}, {"suspend": True}, WAITS, True, id="it is suspended, and Runs wait"),
        pytest.param({}, {"suspend": False}, WAITS, True, id="it goes on, and Runs wait"),
        pytest.param(
            {}, {}, {"queue": ["b"], "active": ["a"]}, True, id="its policy may be another"
        ),
        pytest.param({}, {}, {"queue": [], "active": ["a"]}, False, id="a Run is under way"),
    ],
)
def test_the_queue_hears_of_what_it_must_act_on(
    metadata: JsonObject, spec: JsonObject, status: JsonObject, news: bool
) -> None:
    about = {"namespace": "default", "name": "shop", **metadata}
    body = kopf.Body({"metadata": about, "spec": spec, "status": status})
    expected = [Key("RunQueue", "default", "shop")] if news else []
    assert list(queue_of(body)) == expected


SHOP = Key("Template", "default", "shop")
GIT = {"git": {"repository": "https://git.example/acme/infra", "branch": "main", "path": "a.yaml"}}


def seen(sights: FirstSights, kind: str = "ADDED", **parts: JsonObject) -> Key | None:
    """Let an event be seen, and tell what is to be had for the pass."""
    about = {"namespace": "default", "name": "shop", "uid": "u", "resourceVersion": "7"}
    see(sights, kind, kopf.Body({"metadata": about, "spec": GIT, "status": {}, **parts}))
    taken = sights.take(SHOP)
    return taken.key if taken else None


@pytest.mark.parametrize(
    ("parts", "kept"),
    [
        pytest.param({}, SHOP, id="new"),
        pytest.param({"spec": {}}, None, id="of no file"),
        pytest.param({"spec": {**GIT, "document": {"a": 1}}}, None, id="may go to Git"),
        pytest.param({"status": {"sync": {"commit": "c"}}}, None, id="was looked at"),
        pytest.param({"spec": {"git": 1}}, None, id="does not fit its model"),
    ],
)
def test_a_new_template_is_kept_as_it_was_seen(
    parts: dict[str, JsonObject], kept: Key | None
) -> None:
    assert seen(FirstSights(), **parts) == kept


@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        pytest.param("DELETED", {}, id="it is gone"),
        pytest.param("MODIFIED", {"spec": {**GIT, "document": {"a": 1}}}, id="it was edited"),
    ],
)
def test_what_was_seen_is_dropped_when_it_holds_no_more(
    kind: str, parts: dict[str, JsonObject]
) -> None:
    sights = FirstSights()
    about = {"namespace": "default", "name": "shop", "uid": "u", "resourceVersion": "6"}
    see(sights, "ADDED", kopf.Body({"metadata": about, "spec": GIT, "status": {}}))
    assert seen(sights, kind, **parts) is None


def test_only_so_many_are_kept() -> None:
    sights = FirstSights()
    new = Template.parse({"metadata": {"namespace": "default", "name": "t"}, "spec": GIT})
    for number in range(MOST + 1):
        metadata = new.metadata.model_copy(update={"name": f"t{number}"})
        sights.see(new.model_copy(update={"metadata": metadata}))
    assert sights.take(Key("Template", "default", f"t{MOST - 1}")) is not None
    assert sights.take(Key("Template", "default", f"t{MOST}")) is None
