"""Who made a Run is known from its record, and from nothing that anybody else can write."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbflow.api.run import CREATED_BY, TRIGGER, Run, RunTrigger
from ebbflow.domain.authorship import MAX_USER, OPERATOR
from ebbflow.domain.edit_record import CREATION_SLACK
from ebbflow.domain.runs.creation import NewPlace, by_operator, by_user, creator_of
from ebbflow.domain.runs.triggered import (
    MAX_VALUES,
    TooManyValues,
    lacks_its_maker,
    refs_of,
    trigger_note,
    trigger_of,
)

KEY = b"k" * 32
NOW = 1_795_262_400
CREATED = "2026-11-21T12:00:00Z"
HERE = NewPlace("default", "one")
PUSH = RunTrigger(type="Update", commit="a" * 40, actor="ada")
NOTE = trigger_note(PUSH)[TRIGGER]


def run(record: str | None = None, **metadata: Any) -> Run:
    notes = metadata.pop("annotations", {})
    if record is not None:
        notes = {**notes, CREATED_BY: record}
    about = {"name": "one", "namespace": "default", "creationTimestamp": CREATED, **metadata}
    spec = {"source": {"kind": "Template", "name": "shop"}}
    return Run.parse({"metadata": {**about, "annotations": notes}, "spec": spec})


def signed(place: NewPlace = HERE, user: str = "ada", now: int = NOW, key: bytes = KEY) -> str:
    text = by_user(key, place, user, now)
    assert text is not None
    return text


@given(st.text(min_size=1, max_size=MAX_USER))
def test_the_user_of_a_record_made_the_run(user: str) -> None:
    seen = run(signed(user=user))
    assert creator_of(KEY, seen) == user
    assert trigger_of(seen, KEY).type == "Manual"


def test_a_generated_name_begins_with_what_was_signed() -> None:
    seen = run(signed(NewPlace("default", "one-")), name="one-x7k2p", generateName="one-")
    assert creator_of(KEY, seen) == "ada"


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(run(), id="without a record"),
        pytest.param(run("{}"), id="that says nothing"),
        pytest.param(run("[" * 3000), id="that is no record"),
        pytest.param(run("x" * 5000), id="that is too long"),
        pytest.param(run(signed(key=b"x" * 32)), id="of another key"),
        pytest.param(run(signed(NewPlace("default", "two"))), id="of another Run"),
        pytest.param(run(signed(NewPlace("other", "one"))), id="of another namespace"),
        pytest.param(run(signed(now=NOW - CREATION_SLACK - 1)), id="of another time"),
        pytest.param(run(signed().replace("ada", "eve")), id="in which the user was changed"),
        pytest.param(run(signed()[:-1] + ',"more":1}'), id="to which something was added"),
        pytest.param(run(by_operator(KEY, HERE, NOTE)), id="of a trigger that is not there"),
        pytest.param(
            run(by_operator(KEY, HERE, NOTE), annotations={TRIGGER: NOTE.replace("ada", "bob")}),
            id="of another trigger",
        ),
    ],
)
def test_nobody_is_known_from_a_record(seen: Run) -> None:
    assert creator_of(KEY, seen) is None
    assert trigger_of(seen, KEY) == RunTrigger(type="Manual")
    assert lacks_its_maker(trigger_of(seen, KEY))


def test_nobody_is_known_without_the_key() -> None:
    assert creator_of(None, run(signed())) is None


def test_a_trigger_counts_where_the_operator_made_the_run() -> None:
    seen = run(by_operator(KEY, HERE, NOTE), annotations={TRIGGER: NOTE})
    assert creator_of(KEY, seen) == OPERATOR
    assert trigger_of(seen, KEY) == PUSH
    assert not lacks_its_maker(PUSH)


def test_a_trigger_that_a_person_writes_by_hand_counts_for_nothing() -> None:
    seen = run(signed(user="eve"), annotations={TRIGGER: NOTE})
    assert trigger_of(seen, KEY) == RunTrigger(type="Manual", actor="eve")


@pytest.mark.parametrize("user", [None, "", "u" * (MAX_USER + 1)], ids=["none", "empty", "long"])
def test_there_is_no_record_of_somebody_who_has_no_name(user: str | None) -> None:
    assert by_user(KEY, HERE, user, NOW) is None


@given(st.recursive(st.none() | st.integers() | st.text(), st.lists) | st.dictionaries(
    st.sampled_from(["user", "made", "trigger", "hmac"]), st.none() | st.integers() | st.text()
))  # fmt: skip
def test_no_annotation_that_anybody_makes_up_is_believed(made_up: Any) -> None:
    assert creator_of(KEY, run(json.dumps(made_up))) is None


def test_an_automatic_run_needs_no_maker() -> None:
    assert not lacks_its_maker(RunTrigger(type="Update"))
    assert lacks_its_maker(RunTrigger(type="Manual"))
    assert lacks_its_maker(None)


VALUES = {"backend": {"branch": "main", "sha": "a" * 40}}


def test_what_its_trigger_gave_a_run_is_read_from_what_was_signed() -> None:
    note = trigger_note(PUSH, VALUES)
    seen = run(by_operator(KEY, HERE, note[TRIGGER]), annotations=note)
    assert refs_of(seen, KEY) == VALUES
    assert trigger_of(seen, KEY) == PUSH


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(None, id="nobody signed"),
        pytest.param(signed(user="eve"), id="a person signed"),
    ],
)
def test_values_that_a_person_writes_count_for_nothing(record: str | None) -> None:
    assert refs_of(run(record, annotations=trigger_note(PUSH, VALUES)), KEY) == {}


def test_values_that_no_annotation_can_hold_are_refused() -> None:
    with pytest.raises(TooManyValues, match="65536"):
        trigger_note(PUSH, {"webhook": {"body": "x" * MAX_VALUES}})
