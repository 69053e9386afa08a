"""What the states of many nodes take of a status."""

from __future__ import annotations

import json

from ebbflow.api.run import MAX_NODE_STATES, RunStatus
from ebbflow.domain.runs.states import read_states, write_states
from tests.support.run_player import Player, ended, loop, node, tree


def test_a_slow_iteration_does_not_let_the_status_grow():
    player = Player(tree(loop(1000, node(), parallelism=100)), {"0[0].0": "stay"})
    player.play()
    assert len(player.states) <= 201
    player.ends.clear()
    assert ended(player).phase == "Succeeded"


def test_loops_in_loops_stay_within_the_status():
    inner = loop(100, *[node()] * 5, parallelism=100)
    player = Player(tree(loop(100, inner, parallelism=100)))
    for _ in range(200):
        player.plan()
        player.end_one()
        assert len(player.states) <= MAX_NODE_STATES


def test_a_finished_run_of_100_nodes_is_small_and_one_of_500_far_from_the_limit():
    for count, most in ((100, 25 * 1024), (500, 125 * 1024)):
        player = Player(tree(*[node("Manifest", ref=f"node-number-{n}") for n in range(count)]))
        ended(player)
        for state in player.states.values():
            assert state.outputs is not None
        wire = write_states(player.states.values())
        assert len(json.dumps(wire)) < most
        assert read_states(RunStatus.model_validate({"nodes": wire})) == player.states


def test_long_messages_are_cut_to_what_a_status_can_hold():
    player = Player(tree(*[node()] * 999, parallel=True))
    player.plan()
    long = [
        s.__class__(s.path, s.kind, "Failed", message="m" * 5000) for s in player.states.values()
    ]
    assert len(json.dumps(write_states(long))) < 300 * 1024
    assert len(write_states(long[:1])[0]["message"]) == 1024
