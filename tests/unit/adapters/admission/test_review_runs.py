"""Who makes a Run is recorded, over whatever is sent along."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ebbflow.adapters.admission.review import Signer, answer, read
from ebbflow.api.run import CREATED_BY, TRIGGER, Run, RunTrigger
from ebbflow.domain.authorship import OPERATOR
from ebbflow.domain.runs.creation import NewPlace, by_user, creator_of
from ebbflow.domain.runs.triggered import trigger_note
from tests.support.reviews import as_body, review

KEY = b"k" * 32
OWN = "system:serviceaccount:ebbflow-system:ebbflow"
SIGNER = Signer(KEY, OWN, "ebbflow")
NOW = datetime(2026, 11, 21, 12, 0, 3, tzinfo=UTC)
CREATED = "2026-11-21T12:00:00Z"
NOTES = trigger_note(RunTrigger(type="Update"))
MINE = by_user(KEY, NewPlace("default", "one"), "mallory", int(NOW.timestamp())) or ""

JsonObject = dict[str, Any]


def asked(**metadata: Any) -> JsonObject:
    about = {"name": "one", "namespace": "default", **metadata}
    source = {"kind": "Template", "name": "shop"}
    return {"kind": "Run", "metadata": about, "spec": {"source": source}}


def stored(user: str, new: JsonObject, **more: Any) -> Run:
    """The Run as it is stored after the webhook saw it being made."""
    kind = {"group": "ebbflow.dev", "version": "v1alpha1", "kind": "Run"}
    request = read(as_body(review(user, new, None, kind=kind, **more)))
    made, outcome = answer(request, SIGNER, lambda _: True, NOW)
    assert outcome == "recorded"
    notes = dict(new["metadata"].get("annotations", {}))
    for operation in json.loads(base64.b64decode(made["response"].get("patch", "")) or "[]"):
        if operation["op"] == "remove":
            del notes[CREATED_BY]
        else:
            value = operation["value"]
            notes |= value if isinstance(value, dict) else {CREATED_BY: value}
    about = {**new["metadata"], "creationTimestamp": CREATED, "annotations": notes}
    about["name"] = about.get("name") or about["generateName"] + "x7k2p"
    return Run.parse({**new, "metadata": about})


@pytest.mark.parametrize(
    "new",
    [
        pytest.param(asked(), id="without annotations"),
        pytest.param(asked(annotations={"a": "b"}), id="with annotations"),
        pytest.param(asked(name="", generateName="one-"), id="with a generated name"),
        pytest.param(asked(annotations={CREATED_BY: MINE}), id="with the record of another"),
        pytest.param(asked(annotations=NOTES), id="with a trigger written by hand"),
    ],
)
def test_the_user_is_recorded(new: JsonObject) -> None:
    assert creator_of(KEY, stored("alice", new)) == "alice"


def test_a_record_is_taken_away_from_somebody_who_has_no_name() -> None:
    seen = stored("", asked(annotations={CREATED_BY: MINE}))
    assert CREATED_BY not in seen.metadata.annotations


def test_the_operator_is_recorded_with_the_trigger() -> None:
    seen = stored(OWN, asked(annotations=NOTES), manager="ebbflow")
    assert creator_of(KEY, seen) == OPERATOR


def test_a_person_with_the_operators_kubeconfig_makes_no_triggered_run() -> None:
    assert creator_of(KEY, stored(OWN, asked(annotations=NOTES), manager="kubectl")) == OWN


def test_a_later_write_records_nothing() -> None:
    kind = {"group": "ebbflow.dev", "version": "v1alpha1", "kind": "Run"}
    request = read(as_body(review("alice", asked(), asked(), kind=kind)))
    made, outcome = answer(request, SIGNER, lambda _: True, NOW)
    assert outcome == "kept"
    assert "patch" not in made["response"]
    assert TRIGGER not in made["response"]
