"""What nodes do next, told as short plays."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbflow.api.reasons import Reason
from ebbflow.domain.document import InvalidDocument
from ebbflow.domain.runs.node_settings import Invalid, Settings, read_settings
from ebbflow.domain.runs.plan import Over, UnderWay, plan
from ebbflow.domain.runs.states import carry_over
from ebbflow.domain.runs.tree import Envelope, Place, build_teardown, build_tree, find, size_of
from tests.support.run_player import NOW, Player, Words, ended, group, loop, node, tree


def test_a_document_without_steps_has_succeeded():
    assert ended(Player(tree())).phase == "Succeeded"
    assert ended(Player(build_tree({"apiVersion": "v1.2"}))).phase == "Succeeded"


def test_sequential_nodes_run_one_after_another_and_stop_at_the_first_failure():
    player = Player(tree(node(), node(ref="b"), node()), {"1": "fail"})
    over = ended(player)
    assert (over.phase, over.reason, over.node) == ("Failed", Reason.NODE_FAILED, "1")
    assert over.message == "Delay b (1): it broke"
    assert player.phases() == {"0": "Succeeded", "1": "Failed"}
    assert player.most == 1


def test_parallel_nodes_start_together_and_the_others_finish_after_a_failure():
    player = Player(tree(node(), node(), node(), parallel=True), {"0": "fail"})
    assert ended(player).node == "0"
    assert player.phases() == {"0": "Failed", "1": "Succeeded", "2": "Succeeded"}
    assert player.most == 3


def test_a_failure_that_is_let_pass_does_not_fail_the_run():
    player = Player(tree(node(onFailure="continue"), node()), {"0": "fail"})
    over = ended(player)
    assert over.phase == "Succeeded"
    assert over.message == "every node is done; allowed to fail, and failed: Delay 0"
    assert player.phases() == {"0": "Failed", "1": "Succeeded"}


def test_the_cause_is_the_failure_that_was_not_let_pass():
    steps = (group(node(), onFailure="continue"), node())
    player = Player(tree(*steps), {"0.0": "fail", "1": "fail"})
    assert ended(player).node == "1"


def test_a_nested_workflow_is_one_step():
    inner = group(node(), node(), parallel=True, ref="inner")
    player = Player(tree(node(), inner, node()), {"1.1": "fail"})
    over = ended(player)
    assert over.node == "1.1"
    assert player.phases() == {"0": "Succeeded", "1": "Failed", "1.0": "Succeeded", "1.1": "Failed"}
    assert player.states["1"].message == "Delay 1.1: it broke"


def test_a_node_that_is_left_out_passes_and_takes_all_below_with_it():
    left_out = group(node(), when="false")
    player = Player(tree(left_out, node(when="false"), node()))
    assert ended(player).phase == "Succeeded"
    assert player.phases() == {"0": "Skipped", "1": "Skipped", "2": "Succeeded"}


@pytest.mark.parametrize(
    ("step", "message"),
    [
        pytest.param(node(when="?"), "Delay 0: when: unknown name", id="when"),
        pytest.param(
            node(timeoutDuration="soon"),
            'Delay 0: timeout must be seconds or a duration such as 10m, not "soon"',
            id="timeout",
        ),
        pytest.param(
            {"kind": "LoopWorkflow", "spec": {"iterations": "${x}", "steps": []}},
            'LoopWorkflow 0: iterations must be an array, not "${x}"',
            id="iterations",
        ),
    ],
)
def test_a_value_that_cannot_be_used_fails_its_node(step, message):
    over = ended(Player(tree(step, node())))
    assert (over.phase, over.message) == ("Failed", message)


def test_a_failed_attempt_is_made_again_after_its_delay():
    settings = {"maxAttempts": 3, "backoff": {"type": "exponential", "delay": 10}}
    player = Player(tree(node(settings=settings)), {"0": "2"})
    assert ended(player).phase == "Succeeded"
    assert player.started == ["0", "0", "0"]
    assert player.states["0"].attempt == 3
    assert player.now - NOW == timedelta(seconds=10 + 20)


def test_after_the_last_attempt_the_node_has_failed():
    player = Player(tree(node(settings={"maxAttempts": 2})), {"0": "fail"})
    assert ended(player).phase == "Failed"
    assert player.states["0"].attempt == 2


def test_a_node_that_takes_too_long_is_stopped_and_tried_again():
    steps = node(timeout="1m", settings={"maxAttempts": 2, "backoff": {"delay": 5}})
    player = Player(tree(steps), {"0": "stay"})
    assert player.play().wake == NOW + timedelta(minutes=1)
    (stop,) = player.wait(60).stop
    assert (stop.then.phase, stop.then.message) == ("Retrying", "it took longer than 1m")
    assert player.plan().wake == NOW + timedelta(seconds=65)
    assert player.wait(5).start[0].attempt == 2
    player.wait(60)
    assert ended(player).message == "Delay 0: it took longer than 1m"


def test_a_workflow_that_takes_too_long_stops_what_is_below_it():
    inner = group(node(), node(), parallel=True, timeoutDuration=30, onFailure="continue")
    player = Player(tree(inner, node()), {"0.0": "stay"})
    player.play()
    player.wait(30)
    assert ended(player).phase == "Succeeded"
    assert player.phases() == {"0": "Failed", "0.0": "Cancelled", "0.1": "Succeeded", "1": "Succeeded"}  # fmt: skip
    assert player.states["0"].message == "Workflow 0: it took longer than 30s"


def test_a_run_that_takes_too_long_is_stopped_and_has_failed():
    player = Player(tree(node(), node()), {"0": "stay"}, timeout=timedelta(hours=1))
    assert player.play().wake == NOW + timedelta(hours=1)
    player.wait(3600)
    over = ended(player)
    assert (over.phase, over.reason) == ("Failed", Reason.TIMED_OUT)
    assert player.phases() == {"0": "Cancelled"}


@pytest.mark.parametrize(("by", "reason"), [(None, Reason.CANCELLED), ("r2", Reason.REPLACED)])
def test_a_run_that_is_cancelled_stops_what_runs_and_begins_nothing(by, reason):
    steps = (group(node(), node(settings={"maxAttempts": 2}), parallel=True), node())
    player = Player(tree(*steps), {"0.0": "stay", "0.1": "fail"})
    player.play()
    player.cancel(by)
    over = ended(player)
    assert (over.phase, over.reason) == ("Cancelled", reason)
    assert player.phases() == {"0": "Cancelled", "0.0": "Cancelled", "0.1": "Cancelled"}


def test_a_run_that_was_done_when_it_was_cancelled_has_succeeded():
    player = Player(tree(node()))
    player.plan()
    player.end_one()
    player.cancel()
    assert ended(player).phase == "Succeeded"


def test_a_run_waits_when_all_that_is_under_way_waits():
    steps = (node("Approval"), node())
    player = Player(tree(*steps, parallel=True), {"0": "wait", "1": "stay"})
    assert player.play().verdict == UnderWay("Running", "Approval 0: 1 of 2 approved")
    player.ends["1"] = "ok"
    assert player.play().verdict == UnderWay(
        "Waiting", "0: 1 of 2 approved", Reason.WAITING_FOR_APPROVAL
    )
    player.ends["0"] = "ok"
    assert ended(player).phase == "Succeeded"


@pytest.mark.parametrize("parallelism", [1, 3, 100])
@pytest.mark.parametrize("items", [0, 1, 7])
def test_a_loop_runs_its_steps_for_each_item(items: int, parallelism: int):
    player = Player(tree(loop(items, node(), node(), parallelism=parallelism), node()))
    assert ended(player).phase == "Succeeded"
    wished = {f"0[{i}].{n}" for i in range(items) for n in (0, 1)}
    assert set(player.started) == wished | {"1"}
    assert player.most == max(1, min(items, parallelism))
    assert player.states["0"].iterations == (items, items)
    assert set(player.states) == {"0", "1"}


def test_a_loop_begins_nothing_more_after_a_failure():
    player = Player(tree(loop(9, node(), parallelism=3)), {"0[1].0": "fail", "0[2].0": "stay"})
    player.play()
    player.ends["0[2].0"] = "ok"
    over = ended(player)
    assert over.node == "0[1].0"
    assert len(player.started) <= 5
    assert player.states["0"].phase == "Failed"


def test_a_retry_keeps_what_succeeded_and_does_the_rest():
    steps = (node(), loop(4, node(), node()), group(node(), node(), parallel=True))
    first = Player(tree(*steps), {"1[2].1": "fail"})
    ended(first)
    second = Player(first.root)
    second.states = carry_over(first.states)
    assert ended(second).phase == "Succeeded"
    assert second.started == ["1[2].1", "1[3].0", "1[3].1", "2.0", "2.1"]
    assert second.states["0"].outputs == {"of": "0"}


def test_northflanks_nodes_fire_and_go_on_and_ours_wait():
    step = node()
    for version, wait in (("v1.2", "none"), ("ebbflow.dev/v1", "success")):
        (start,) = Player(tree(step, version=version)).plan().start
        assert start.wait == wait
    (start,) = Player(tree(node(condition="running"), version="v1.2")).plan().start
    assert start.wait == "running"


def test_a_plan_over_what_is_recorded_asks_for_nothing_again():
    player = Player(tree(node(), group(node(), loop(3, node())), parallel=True), {"0": "stay"})
    player.plan()
    again = player.plan()
    assert (again.record, again.forget, again.start, again.stop) == ((), (), (), ())


def test_a_teardown_has_paths_of_its_own():
    document = {
        "apiVersion": "v1.2",
        "teardownSpec": {"spec": group(node()), "failurePolicy": "ignore"},
    }
    teardown = build_teardown(document)
    assert teardown is not None
    player = Player(teardown, {"teardown.0": "fail"}, root=Place("teardown"))
    over = ended(player)
    assert (over.phase, over.node) == ("Failed", "teardown.0")
    assert build_teardown({"apiVersion": "v1.2"}) is None


def test_every_path_leads_back_to_its_node():
    root = tree(node(ref="a"), loop(3, node(ref="b"), group(node(ref="c"))))
    for path, ref, loops in (
        ("0", "a", ()),
        ("1[2].0", "b", (("1", 2),)),
        ("1[2].1.0", "c", (("1", 2),)),
    ):
        found = find(root, path)
        assert found is not None
        assert (found[0].envelope.ref, found[1]) == (ref, Place(path, loops))
    assert [find(root, path) for path in ("2", "0.0", "x", "1[0].9")] == [None] * 4


def test_a_document_with_more_nodes_than_a_status_can_hold_is_refused():
    assert size_of(tree(*[node()] * 999)) == 1000
    with pytest.raises(InvalidDocument, match="1001 nodes; a Run may have 1000"):
        tree(*[node()] * 1000)


@pytest.mark.parametrize(
    ("envelope", "expected"),
    [
        pytest.param({}, Settings(), id="none"),
        pytest.param({"timeout": "1h"}, Settings(timedelta(hours=1)), id="duration"),
        pytest.param({"timeout": "90"}, Settings(timedelta(seconds=90)), id="text-of-seconds"),
        pytest.param({"max_attempts": "3"}, Settings(attempts=3), id="text-of-a-number"),
        pytest.param({"backoff": {"delay": 0}}, Settings(delay=timedelta()), id="no-delay"),
        pytest.param({"max_attempts": 0}, None, id="no-attempt"),
        pytest.param({"max_attempts": 1.5}, None, id="half-an-attempt"),
        pytest.param({"max_attempts": True}, None, id="true"),
        pytest.param({"timeout": -1}, None, id="before-it-began"),
        pytest.param({"timeout": "9999h"}, None, id="more-than-a-year"),
        pytest.param({"backoff": {"type": "random"}}, None, id="unknown-backoff"),
    ],
)
def test_settings_are_read_from_numbers_and_texts(envelope, expected):
    read = read_settings(Envelope("Delay", "spec", **envelope), lambda value: value)
    assert isinstance(read, Invalid) if expected is None else read == expected


NODES = st.deferred(
    lambda: st.one_of(
        st.builds(
            node,
            onFailure=st.sampled_from(["fail", "continue"]),
            when=st.sampled_from(["true", "true", "false"]),
            settings=st.sampled_from([{}, {"maxAttempts": 2}]),
        ),
        st.builds(lambda s, p: group(*s, parallel=p), st.lists(NODES, max_size=3), st.booleans()),
        st.builds(
            lambda n, s, p: loop(n, *s, parallelism=p),
            st.integers(0, 4),
            st.lists(NODES, max_size=2),
            st.integers(1, 3),
        ),
    )
)


@given(st.lists(NODES, max_size=4), st.booleans(), st.sets(st.integers(0, 40)), st.integers(0, 60))
def test_every_run_ends_and_a_restart_anywhere_changes_nothing(steps, parallel, fails, cancel_at):
    """`fails`: which starts fail, by their number; at `cancel_at` the Run is cancelled."""
    player = Player(tree(*steps, parallel=parallel))
    for turn in range(3000):
        made = player.plan()
        if isinstance(made.verdict, Over):
            break
        # A restart: nothing but the states is known, and nothing is asked for again.
        again = plan(player.root, player.states, player.run, player.now, Words())
        assert not again.start
        for path in player.running:
            player.ends[path] = "fail" if player.started.index(path) in fails else "ok"
        if not player.end_one() and made.wake:
            player.now = max(player.now, made.wake)
        if turn == cancel_at:
            player.cancel()
    else:
        raise AssertionError("the Run never ends")
    assert player.running == {}
    assert all(state.over for state in player.states.values())
