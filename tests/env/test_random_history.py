"""A random history on a real API server and a real Git server, with an operator that is killed.

EBBFLOW_SEED is the seed (else a new one each time), EBBFLOW_EDITS how many edits are made. What
happens between two processes is not drawn from the seed: the same seed gives the same edits and
troubles, but not the same moments.
"""

from __future__ import annotations

import os
import secrets
from random import Random

import pytest

from tests.support.apiproxy import ApiProxy
from tests.support.gitserver import FaultyGitServer
from tests.support.kubectl import Kubectl
from tests.support.operators import Operators
from tests.support.people import rights_in
from tests.support.random_history.handwriting import write
from tests.support.random_history.model import GIT
from tests.support.random_history.registers import START
from tests.support.random_history.servers import Pair
from tests.support.random_history.upheaval import Upheaval
from tests.support.synced import Scene, attach, wait_questions
from tests.support.waiting import eventually

SEED = int(os.environ.get("EBBFLOW_SEED") or secrets.randbelow(1_000_000))
EDITS = int(os.environ.get("EBBFLOW_EDITS", "150"))
ROUND = 50  # edits between two rests
NAMES = ("one", "two", "three", "four")
PLACES = ("one.yaml", "deep/two.yaml", "deep/three.yml", "four.json")
REST_SECONDS = 60.0


@pytest.fixture
def pairs(kubectl: Kubectl, git: FaultyGitServer, namespace: str, account: str) -> list[Pair]:
    """Four objects with a file and two users each, on one branch."""
    scene, random = Scene(kubectl, git, namespace, account), Random(f"{SEED}/edits")
    files = {path: write(START, path, random) for path in PLACES}
    git.create_repository("history", files)
    rights_in(kubectl, namespace, *(f"{name}-{who}" for name in NAMES for who in ("ada", "bob")))
    made = []
    for name, path in zip(NAMES, PLACES, strict=True):
        users = (f"{name}-ada", f"{name}-bob")
        synced = attach(scene, name, "history", path=path, ready=False)
        made.append(Pair(synced, users, random))
    return made


def come_to_rest(pairs: list[Pair], upheaval: Upheaval) -> None:
    upheaval.end()
    for pair in pairs:
        eventually(pair.is_at_rest, REST_SECONDS, f"{pair.synced.name} to come to rest")


def agree(pairs: list[Pair], mark: str) -> None:
    """Resolve what is in conflict by making the file as the object is."""
    for pair in pairs:
        if pair.conflicts():
            pair.push(mark, document=pair.look()["spec"]["document"])
        pair.model.moved.clear()


def write_down(request: pytest.FixtureRequest, pairs: list[Pair], upheaval: Upheaval) -> None:
    reporter = request.config.pluginmanager.getplugin("terminalreporter")
    if reporter is not None:
        reporter.write_line(f"random history: EBBFLOW_SEED={SEED} EBBFLOW_EDITS={EDITS}")
    lines = [*upheaval.told, *(line for pair in pairs for line in pair.told)]
    lines.sort(key=lambda line: int(line.split(":")[0]))
    request.node.add_report_section("call", "history", "\n".join(lines[-2 * ROUND :]))


@pytest.mark.timeout(max(180, EDITS * 2))
def test_no_edit_is_lost_whatever_happens(
    request: pytest.FixtureRequest,
    pairs: list[Pair],
    operators: Operators,
    git: FaultyGitServer,
    proxy: ApiProxy,
) -> None:
    operator, random = operators("--commit-window=200ms", through=proxy), Random(f"{SEED}")
    upheaval = Upheaval(operator, git, proxy, random)
    try:
        for pair in pairs:
            pair.synced.wait()
            pair.begin()
        for step in range(EDITS):
            pair = random.choice(pairs)
            random.choice((pair.edit, pair.edit, pair.push))(str(step))
            if random.random() < 0.2:
                upheaval.begin(str(step))
            if step % ROUND == ROUND - 1:
                come_to_rest(pairs, upheaval)
                agree(pairs, f"{step}")
        come_to_rest(pairs, upheaval)
    finally:
        write_down(request, pairs, upheaval)
    for pair in pairs:
        document = pair.look()["spec"]["document"]
        assert document == pair.model.documents[GIT] or pair.conflicts()
        pair.check()
    # At rest, a look at everything changes nothing.
    start = proxy.mark()
    wait_questions(git, 3, "history")
    assert proxy.writes(since=start) == []
