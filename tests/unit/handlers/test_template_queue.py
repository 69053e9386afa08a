"""Which changes of a Template are news for the queue of its Runs: few, for each costs two requests."""

from __future__ import annotations

import kopf
import pytest

from ebbflow.api.base import JsonObject, Key
from ebbflow.domain.run_store import SOURCE_FINALIZER
from ebbflow.handlers.template import queue_of

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
