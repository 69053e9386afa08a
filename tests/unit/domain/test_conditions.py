"""Conditions after kstatus, and the status that an outcome wishes for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbflow.api.base import Condition, JsonObject
from ebbflow.api.crd import UNSEEN
from ebbflow.api.reasons import Reason
from ebbflow.api.template import Template
from ebbflow.domain.conditions import (
    MAX_MESSAGE,
    REQUESTED_AT,
    conditions,
    owned_status,
    ready_transition,
    wished_status,
)
from ebbflow.domain.outcome import Done, Outcome, Report, Stalled, Waiting

NOW = datetime(2026, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
BEFORE = "2026-01-01T00:00:00Z"
SOON = timedelta(seconds=5)

DONE = Done(Reason.IN_STEP, "In step")
SUSPENDED = Done(Reason.SUSPENDED, "Suspended")
PROGRESSING = Waiting(Reason.PROGRESSING, "Looking", SOON)
UNREACHABLE = Waiting(Reason.GIT_UNREACHABLE, "No answer", SOON)
STALLED = Stalled(Reason.CONFLICT, "Both changed")
CONFLICT_ELSEWHERE = Stalled(Reason.CONFLICT, "Both changed something else")
MISSING = Stalled(Reason.BRANCH_NOT_FOUND, "No branch")

OUTCOMES = (DONE, SUSPENDED, PROGRESSING, UNREACHABLE, STALLED, MISSING)


def template(
    outcome: Outcome | None = None, *, annotations: dict[str, str] | None = None, **status: Any
) -> Template:
    """A Template of generation 4 whose status is that of an earlier pass with `outcome`."""
    raw: JsonObject = {
        "metadata": {"name": "shop", "generation": 4, "annotations": annotations or {}},
        "status": status,
    }
    if outcome is not None:
        past = datetime(2026, 1, 1, tzinfo=UTC)
        raw["status"]["conditions"] = [c.dump() for c in conditions(outcome, (), 4, past)]
        raw["status"]["observedGeneration"] = 4
    return Template.parse(raw)


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        pytest.param(DONE, {"Ready": "True"}, id="done"),
        pytest.param(SUSPENDED, {"Ready": "True"}, id="suspended"),
        pytest.param(PROGRESSING, {"Ready": "Unknown", "Reconciling": "True"}, id="at work"),
        pytest.param(UNREACHABLE, {"Ready": "False", "Reconciling": "True"}, id="waiting"),
        pytest.param(STALLED, {"Ready": "False", "Stalled": "True"}, id="stalled"),
    ],
)
def test_an_outcome_has_its_conditions(outcome: Outcome, expected: dict[str, str]) -> None:
    made = conditions(outcome, (), 4, NOW)
    assert {c.type: c.status for c in made} == expected
    assert {(c.reason, c.message) for c in made} == {(outcome.reason.value, outcome.message)}
    assert {c.observed_generation for c in made} == {4}
    assert {c.last_transition_time for c in made} == {"2026-05-06T07:08:09Z"}


@pytest.mark.parametrize(
    ("earlier", "later", "kept"),
    [
        pytest.param(DONE, DONE, True, id="nothing new"),
        pytest.param(DONE, SUSPENDED, True, id="another reason, the same status"),
        pytest.param(UNREACHABLE, STALLED, True, id="False stays False"),
        pytest.param(DONE, STALLED, False, id="True to False"),
        pytest.param(PROGRESSING, DONE, False, id="Unknown to True"),
        pytest.param(PROGRESSING, UNREACHABLE, False, id="Unknown to False"),
    ],
)
def test_the_transition_time_of_ready_stays_with_its_status(
    earlier: Outcome, later: Outcome, kept: bool
) -> None:
    made = conditions(later, template(earlier).status.conditions, 4, NOW)
    ready = next(c for c in made if c.type == "Ready")
    assert (ready.last_transition_time == BEFORE) is kept


def test_the_first_pass_gives_a_time_to_what_the_api_server_filled_in() -> None:
    made = conditions(PROGRESSING, [Condition.model_validate(UNSEEN)], 4, NOW)
    assert {c.last_transition_time for c in made} == {"2026-05-06T07:08:09Z"}


@given(st.sampled_from(OUTCOMES), st.sampled_from(OUTCOMES), st.integers(1, 9))
def test_kstatus_always_finds_one_clear_answer(
    earlier: Outcome, later: Outcome, generation: int
) -> None:
    made = conditions(later, template(earlier).status.conditions, generation, NOW)
    by_type = {c.type: c.status for c in made}
    assert len(by_type) == len(made)
    assert "Ready" in by_type
    assert not {"Reconciling", "Stalled"} <= set(by_type)
    assert (by_type["Ready"] == "True") == (len(made) == 1)
    assert all(c.status == "True" for c in made if c.type != "Ready")
    assert all(c.observed_generation == generation for c in made)


@given(st.sampled_from(OUTCOMES), st.sampled_from(OUTCOMES))
def test_the_second_pass_wishes_for_what_the_first_wrote(first: Outcome, second: Outcome) -> None:
    sync = {"commit": "c", "conflicts": None}
    after_first = wished_status(Report(template(second), first, {"sync": sync}), NOW)
    live = Template.parse({"metadata": {"name": "shop", "generation": 4}, "status": after_first})
    later = NOW + timedelta(hours=1)
    again = wished_status(Report(live, first, {"sync": sync}), later)
    assert again == owned_status(live.status.dump()) == after_first


def test_a_long_message_is_cut() -> None:
    (ready,) = conditions(Done(Reason.IN_STEP, "x" * 100_000), (), 1, NOW)
    assert len(ready.message) == MAX_MESSAGE
    assert ready.message.endswith("…")


@pytest.mark.parametrize(
    ("annotation", "answered", "expected"),
    [
        pytest.param("token-2", "token-1", "token-2", id="a new request"),
        pytest.param(None, "token-1", "token-1", id="the annotation was removed"),
        pytest.param(None, None, None, id="never asked"),
        pytest.param("x" * 5000, None, "x" * 1023 + "…", id="a token that is too long"),
    ],
)
def test_the_answered_request_is_the_last_one(
    annotation: str | None, answered: str | None, expected: str | None
) -> None:
    annotations = {REQUESTED_AT: annotation} if annotation else {}
    observed = template(
        annotations=annotations, **({"lastHandledRequestedAt": answered} if answered else {})
    )
    assert wished_status(Report(observed, DONE), NOW).get("lastHandledRequestedAt") == expected


def test_the_report_is_not_changed() -> None:
    status = {"sync": {"commit": "c", "pendingWrite": {"commit": "d"}}, "active": ["a"]}
    report = Report(template(), DONE, status)
    wished = wished_status(report, NOW)
    assert report.status["sync"]["pendingWrite"] == {"commit": "d"}
    assert wished["sync"] == {"commit": "c"}
    assert "active" not in wished


@pytest.mark.parametrize(
    ("status", "owned"),
    [
        pytest.param({"active": ["a"], "queue": []}, {}, id="the queue's"),
        pytest.param({"recent": ["a"], "fence": 3}, {}, id="what the queue remembers"),
        pytest.param(
            {"lastRun": {"name": "a"}, "inventory": {"count": 1}, "hold": {"run": "a"}},
            {},
            id="what goes with the queue",
        ),
        pytest.param({"sync": {"pendingWrite": {"commit": "a"}}}, {}, id="the pending write"),
        pytest.param({"sync": {}}, {}, id="an empty sync is none"),
        pytest.param({"sync": None, "hold": None}, {}, id="null is absent"),
        pytest.param(
            {"sync": {"commit": "a", "blob": None}}, {"sync": {"commit": "a"}}, id="null inside"
        ),
        pytest.param(
            {"effective": {"runOnUpdate": True}, "owners": ("a",)},
            {"effective": {"runOnUpdate": True}, "owners": ["a"]},
            id="the rest",
        ),
    ],
)
def test_only_the_status_writers_part_counts(status: JsonObject, owned: JsonObject) -> None:
    assert owned_status(status) == {"conditions": [], **owned}


def test_conditions_are_compared_in_one_order_and_others_are_left_out() -> None:
    entries = [{"type": "Stalled"}, {"type": "Healthy"}, {"type": "Ready"}]
    assert owned_status({"conditions": entries})["conditions"] == [
        {"type": "Ready"},
        {"type": "Stalled"},
    ]


@pytest.mark.parametrize(
    ("earlier", "later", "announced"),
    [
        pytest.param(None, DONE, None, id="the first answer is good"),
        pytest.param(None, PROGRESSING, None, id="the first touch"),
        pytest.param(None, STALLED, "Conflict", id="the first answer is bad"),
        pytest.param(DONE, DONE, None, id="nothing new"),
        pytest.param(DONE, PROGRESSING, None, id="at work again"),
        pytest.param(PROGRESSING, DONE, None, id="the work is done"),
        pytest.param(DONE, STALLED, "Conflict", id="it went wrong"),
        pytest.param(STALLED, CONFLICT_ELSEWHERE, None, id="only the message is new"),
        pytest.param(STALLED, MISSING, "BranchNotFound", id="it went wrong otherwise"),
        pytest.param(STALLED, DONE, "InStep", id="it is well again"),
        pytest.param(DONE, SUSPENDED, "Suspended", id="suspended"),
    ],
)
def test_transitions_of_ready_are_announced(
    earlier: Outcome | None, later: Outcome, announced: str | None
) -> None:
    notice = ready_transition(Report(template(earlier), later))
    if announced is None:
        assert notice is None
        return
    assert notice is not None
    assert notice.reason.value == announced
    assert notice.message == later.message
    assert notice.warning is not isinstance(later, Done)


def test_conditions_fit_their_model() -> None:
    for outcome in OUTCOMES:
        for condition in conditions(outcome, (), 1, NOW):
            assert Condition.model_validate(condition.dump()) == condition
