"""Who may run, who waits and who never runs, as tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ebbflow.api.reasons import Reason
from ebbflow.domain.runs.admission import (
    BATCH,
    Admitted,
    Enqueued,
    Known,
    Refused,
    Request,
    accept,
    admit,
)
from ebbflow.domain.runs.gate import (
    Continue,
    Ended,
    Fenced,
    NotOurs,
    NotYet,
    Ours,
    Start,
    Stop,
    Taken,
    claim_name,
    fenced,
    pass_gate,
)
from ebbflow.domain.runs.names import TriggerKey
from ebbflow.domain.runs.queue import Parent, QueueState, RunFact
from ebbflow.domain.runs.turns import Turn, advance, finish, forget, repair

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)


def fact(name: str, second: int = 0, **what) -> RunFact:
    made = {"uid": f"uid-{name}", "owner_uid": "p", "created": NOW + timedelta(seconds=second)}
    return RunFact(name, **made | what)


def facts(*known: RunFact) -> dict[str, RunFact | None]:
    return {one.name: one for one in known}


def parent(policy: str, **what) -> Parent:
    return Parent("p", policy, **what)


BUSY = QueueState(active=("x",))
IDLE = QueueState()
MADE = Request("r", fact("r", 5))
FIRED = Request("r")
X = fact("x", phase="Running")


@pytest.mark.parametrize(
    ("policy", "state", "request_", "expected", "decision"),
    [
        pytest.param("Allow", BUSY, FIRED, QueueState(("x", "r")), Admitted(), id="allow-beside"),
        pytest.param("Queue", IDLE, MADE, QueueState(("r",)), Admitted(), id="queue-idle"),
        pytest.param("Queue", BUSY, MADE, QueueState(("x",), ("r",)), Enqueued(1), id="queue-busy"),
        pytest.param(
            "Queue", IDLE, FIRED, QueueState((), ("r",)), Enqueued(1), id="queue-not-made-yet"
        ),
        pytest.param("Forbid", IDLE, MADE, QueueState(("r",)), Admitted(), id="forbid-idle"),
        pytest.param("Forbid", BUSY, MADE, BUSY, Refused(Reason.FORBIDDEN, "x"), id="forbid-busy"),
        pytest.param(
            "Forbid",
            QueueState((), ("k",)),
            MADE,
            QueueState((), ("k",)),
            Refused(Reason.FORBIDDEN, "k"),
            id="forbid-while-one-is-pending",
        ),
        pytest.param("Latest", BUSY, MADE, QueueState(("x",), ("r",)), Enqueued(1), id="latest"),
        pytest.param(
            "Replace",
            BUSY,
            MADE,
            QueueState(("x",), ("r",)),
            Enqueued(1, (), ("x",)),
            id="replace-cancels",
        ),
        pytest.param(
            "Queue", QueueState(("r",)), MADE, QueueState(("r",)), Known(True), id="twice"
        ),
        pytest.param(
            "Allow",
            QueueState(recent=("r",)),
            FIRED,
            QueueState(recent=("r",)),
            Known(False),
            id="a-trigger-that-is-done-with",
        ),
    ],
)
def test_a_request_is_decided_on_by_the_policy(policy, state, request_, expected, decision):
    assert admit(state, request_, parent(policy), facts(X)) == (expected, decision)


def test_past_the_limit_a_request_is_refused_and_what_waits_stays():
    full = QueueState(("x",), ("a", "b"))
    decided = admit(full, MADE, parent("Queue", limit=2), facts(X, fact("a"), fact("b", 5)))
    assert decided == (full, Refused(Reason.QUEUE_FULL, "b"))


def test_what_was_made_later_takes_no_place_from_what_was_made_earlier():
    known = facts(X, fact("a", 4), fact("z", 6))
    state = QueueState(("x",), ("a", "z"))
    state, decision = admit(state, MADE, parent("Queue", limit=2), known)
    assert (state.queue, decision) == (("a", "r", "z"), Enqueued(2))


def test_a_refusal_that_a_crash_kept_from_being_written_comes_after_nobody_made_later():
    """The first look gives `a` its turn; were `r` refused in it, the second would let it follow."""
    asked = [MADE]
    known = facts(fact("a", 6), MADE.made)
    state, _ = accept(QueueState((), ("a",)), asked, parent("Queue", limit=1), known)
    state, turn = advance(state, parent("Queue", limit=1), known)
    assert (turn.admitted, state.queue) == (("r",), ("a",))


def test_an_automatic_trigger_is_held_back_and_a_person_is_not():
    held = parent("Allow", hold="shop-rollback")
    assert admit(IDLE, Request("r", automatic=True), held, {})[1] == Refused(
        Reason.HELD, "shop-rollback"
    )
    assert admit(IDLE, MADE, held, {})[1] == Admitted()


def test_a_name_that_a_person_uses_again_is_a_new_request():
    done = finish(QueueState(("r",)), fact("r", phase="Succeeded"))
    again = Request("r", fact("r", uid="another"))
    assert admit(done, again, parent("Queue"), {})[1] == Admitted()


def test_runs_are_accepted_in_the_order_of_their_creation_whatever_order_they_are_seen_in():
    asked = [Request(n, fact(n, s)) for n, s in (("c", 3), ("a", 1), ("d", 3), ("b", 2))]
    state, decisions = accept(IDLE, asked, parent("Queue"), {})
    assert state == QueueState(("a",), ("b", "c", "d"))
    assert decisions["d"] == Enqueued(3)


def test_a_run_that_was_made_earlier_waits_before_those_that_were_accepted_earlier():
    known = facts(X, fact("late", 9), fact("later", 9))
    state = QueueState(("x",), ("late", "later"))
    state, decisions = accept(state, [MADE], parent("Queue"), known)
    assert state.queue == ("r", "late", "later")
    assert decisions == {"r": Enqueued(1)}


def test_only_the_newest_waits_and_all_others_are_told():
    asked = [Request(n, fact(n, s)) for n, s in (("c", 3), ("a", 1), ("b", 2))]
    state, decisions = accept(BUSY, asked, parent("Latest"), facts(X))
    assert state.queue == ("c",)
    assert state.recent == ("uid-b", "uid-a")
    assert decisions == {
        "a": Refused(Reason.SUPERSEDED, "b"),
        "b": Refused(Reason.SUPERSEDED, "c"),
        "c": Enqueued(1, ("b",)),
    }
    again, decided = accept(state, asked, parent("Latest"), facts(X))
    assert again == state
    assert decided["a"] == Refused(Reason.SUPERSEDED)


def test_an_older_request_that_comes_late_does_not_supersede_a_newer_one():
    state = QueueState(("x",), ("new",))
    decided = accept(state, [MADE], parent("Latest"), facts(X, fact("new", 9)))
    assert decided[0].queue == ("new",)
    assert decided[1] == {"r": Refused(Reason.SUPERSEDED, "new")}


@pytest.mark.parametrize(
    ("finished", "decision"),
    [
        pytest.param(7.5, Refused(Reason.FORBIDDEN, "x"), id="it-ran-when-the-request-was-made"),
        pytest.param(5.5, Admitted(), id="it-may-have-ended-before"),
        pytest.param(2.0, Admitted(), id="it-had-ended"),
    ],
)
def test_forbid_decides_late_as_it_would_have_decided_in_time(finished, decision):
    ended = fact("x", phase="Succeeded", finished_at=NOW + timedelta(seconds=finished))
    assert accept(IDLE, [MADE], parent("Forbid"), facts(ended))[1] == {"r": decision}


def test_what_is_over_or_of_another_parent_is_no_request():
    others = [Request("a", fact("a", phase="Failed")), Request("b", fact("b", owner_uid="q"))]
    assert accept(IDLE, others, parent("Allow"), {}) == (IDLE, {})


def test_a_run_that_is_under_way_but_not_listed_is_accounted_for():
    state, decisions = accept(BUSY, [Request("r", fact("r", phase="Running"))], parent("Queue"), {})
    assert state.active == ("x", "r")
    assert decisions == {"r": Admitted()}


def test_a_burst_is_decided_on_in_batches():
    asked = [Request(f"r{n:03}", fact(f"r{n:03}", n)) for n in range(BATCH + 1)]
    state, decisions = accept(IDLE, asked, parent("Allow"), {})
    assert len(decisions) == len(state.active) == BATCH


def test_the_next_in_order_gets_the_turn():
    line = QueueState((), ("b", "a"))
    moved = advance(line, parent("Queue"), facts(fact("a", 1), fact("b", 2)))
    assert moved == (QueueState(("a",), ("b",)), Turn(admitted=("a",)))


def test_nobody_is_overtaken_because_a_read_was_old():
    line = QueueState((), ("a", "b"))
    assert advance(line, parent("Queue"), facts(fact("b", 2))) == (line, Turn(look=("a",)))


def test_what_is_not_made_yet_does_not_hold_up_what_is():
    line = QueueState((), ("k", "b"))
    known = {"k": None, "b": fact("b", 2)}
    assert advance(line, parent("Queue"), known)[0] == QueueState(("b",), ("k",))


def test_replace_goes_on_cancelling_until_there_is_room():
    waiting = QueueState(("x",), ("r",))
    known = facts(X, fact("r", 5))
    assert advance(waiting, parent("Replace"), known) == (waiting, Turn(cancel=("x",)))


def test_repair_forgets_what_ended_and_withdraws_what_is_lost_or_anothers():
    state = QueueState(("done", "gone", "soon", "unseen"), ("other", "going"))
    known = {
        **facts(fact("done", phase="Failed"), fact("other", owner_uid="q")),
        **facts(fact("going", deleting=True)),
        "gone": None,
        "soon": None,
    }
    after, repaired = repair(state, parent("Allow"), known, lost=("gone",))
    assert after == QueueState(("soon", "unseen"), ("going",), ("uid-done",))
    assert repaired.withdrawn == ("gone", "other")
    assert repaired.cancel == ("going",)


def test_the_history_remembers_the_triggers_of_the_runs_that_it_loses():
    runs = [fact("k", for_trigger=True), fact("by-hand"), fact("j", for_trigger=True)]
    assert forget(QueueState(recent=("j",)), runs).recent == ("k", "j")


@pytest.mark.parametrize(
    ("run", "fence", "passage"),
    [
        pytest.param(fact("r"), 2, Start(2), id="listed"),
        pytest.param(fact("r", phase="Waiting"), 2, Continue(2), id="under-way"),
        pytest.param(fact("s"), 2, NotYet(), id="not-listed"),
        pytest.param(fact("r", owner_uid="q"), 2, NotOurs(), id="of-another-parent"),
        pytest.param(fact("r", owner_uid=None), 2, NotOurs(), id="of-no-parent"),
        pytest.param(fact("r"), 1, Fenced(2), id="the-parent-knows-a-later-leader"),
        pytest.param(fact("r", fence=3), 2, Fenced(3), id="the-run-knows-a-later-leader"),
        pytest.param(fact("r", cancel=True), 2, Stop(), id="cancelled"),
        pytest.param(fact("s", deleting=True), 2, Stop(), id="deleted-while-it-waits"),
        pytest.param(fact("r", phase="Skipped"), 2, Ended(), id="over"),
    ],
)
def test_the_gate_lets_through_what_the_parent_lists(run, fence, passage):
    assert pass_gate(QueueState(("r",), fence=2), parent("Queue"), run, fence) == passage


def test_the_queue_is_written_by_the_latest_leader_only():
    assert fenced(QueueState(fence=2), 1) == Fenced(2)
    assert fenced(QueueState(fence=2), 3) == QueueState(fence=3)


def test_a_run_of_the_same_name_is_ours_only_with_our_owner_and_the_whole_key():
    assert claim_name(parent("Allow"), "k", fact("r"), "k") == Ours()
    assert isinstance(claim_name(parent("Allow"), "k", fact("r"), "other"), Taken)
    assert isinstance(claim_name(parent("Allow"), "k", fact("r", owner_uid="q"), "k"), Taken)


def test_the_same_trigger_has_the_same_name_and_any_difference_another():
    key = TriggerKey("uid", "Update", "blob")
    assert key.run_name("shop") == TriggerKey("uid", "Update", "blob").run_name("shop")
    others = [
        TriggerKey("uid", "Update", "blob", "again"),
        TriggerKey("uid2", "Update", "blob"),
        TriggerKey("uid", "Updateb", "lob"),
    ]
    assert len({key.digest, *(other.digest for other in others)}) == 4


@pytest.mark.parametrize(("name", "start"), [("shop", "shop-"), ("a" * 52, "a" * 40 + "-"), ("a" * 39 + ".b", "a" * 39 + "-")])  # fmt: skip
def test_the_name_of_a_run_fits_and_begins_with_its_parents(name, start):
    made = TriggerKey("uid").run_name(name)
    assert made.startswith(start)
    assert len(made) == len(start) + 11 <= 52
