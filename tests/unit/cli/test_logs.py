"""`ebbflow logs`: whose lines are shown, over connections that break off, and what is said for none."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ebbflow.cli import logs as showing
from ebbflow.cli.logs import Wanted
from ebbflow.cli.pod_log import NotThere, NotYet, PodContainer, log_lines
from ebbflow.cli.problem import Problem
from ebbflow.cli.session import Session
from ebbflow.domain.ports import ClusterError
from tests.support.cli_runs import raw_run
from tests.support.fake_kube_api import Broken, FakeApi, Reply, Request

MAIN = PodContainer("migrate-x", "main")


async def lines(session: Session, *, follow: bool = False, tail: int | None = None) -> list[bytes]:
    return [line async for line in log_lines(session, MAIN, follow=follow, tail=tail)]


async def test_lines_are_asked_for_with_their_times_and_shown_without(
    session: Session, api: FakeApi
) -> None:
    api.replies = [(200, "2026-11-21T12:00:00Z one\n2026-11-21T12:00:00.5Z two three\n")]
    assert await lines(session, follow=True, tail=5) == [b"one", b"two three"]
    assert api.requests[0].path == "/api/v1/namespaces/team/pods/migrate-x/log"
    assert api.requests[0].query == {
        "container": "main",
        "timestamps": "true",
        "follow": "true",
        "tailLines": "5",
    }


async def test_after_a_break_nothing_is_lost_and_nothing_shown_twice(
    session: Session, api: FakeApi
) -> None:
    first = "2026-11-21T12:00:00.1Z one\n"
    api.replies = [
        (200, Broken(first)),
        (200, f"{first}2026-11-21T12:00:00.25Z two\n"),
    ]
    assert await lines(session, follow=True) == [b"one", b"two"]
    assert api.requests[1].query["sinceTime"] == "2026-11-21T12:00:00.100000000Z"


@pytest.mark.parametrize(
    ("code", "words", "error"),
    [
        pytest.param(404, 'pods "migrate-x" not found', NotThere, id="gone"),
        pytest.param(400, "container is waiting to start: PodInitializing", NotYet, id="not-yet"),
        pytest.param(400, "container c is not valid for pod", ClusterError, id="no-container"),
        pytest.param(403, "forbidden", ClusterError, id="no-right"),
    ],
)
async def test_refusals_are_told_apart(
    session: Session, api: FakeApi, code: int, words: str, error: type[Exception]
) -> None:
    api.replies = [(code, {"kind": "Status", "message": words})]
    with pytest.raises(error, match=words):
        await lines(session)


def pod(name: str, node: str, **status: Any) -> dict[str, Any]:
    metadata = {"name": name, "annotations": {"ebbflow.dev/node": node}, "creationTimestamp": name}
    return {"metadata": metadata, "spec": {"containers": [{"name": "main"}]}, "status": status}


class Answers:
    """A Run, its pods, and their logs."""

    def __init__(self, run: dict[str, Any], *pods: dict[str, Any], **logs: str) -> None:
        self.run = run
        self.pods = pods
        self.logs = logs

    def __call__(self, request: Request) -> Reply:
        name = request.path.rsplit("/", 2)[-2]
        if request.path.endswith("/pods"):
            return 200, {"kind": "PodList", "items": list(self.pods)}
        if request.path.endswith("/log"):
            return (200, f"2026-11-21T12:00:00Z {self.logs[name]}\n") if name in self.logs else (
                404, {"kind": "Status", "message": "not found"})  # fmt: skip
        return 200, self.run


def run_with(*nodes: dict[str, Any], phase: str = "Succeeded") -> dict[str, Any]:
    raw = raw_run(phase=phase)
    raw["status"]["nodes"] = [{"kind": "JobRun", "phase": "Succeeded", **one} for one in nodes]
    return raw


async def show(session: Session, wanted: Wanted) -> int:
    return await showing.show(session, "shop-1", wanted, follow=False)


async def test_several_pods_are_told_apart_by_their_nodes(
    session: Session, api: FakeApi, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    run = run_with({"path": "0", "ref": "seed"}, {"path": "1"})
    api.otherwise = Answers(run, pod("a", "0"), pod("b", "1"), a="one", b="two")
    assert await show(session, Wanted()) == 0
    assert capfdbinary.readouterr().out == b"seed | one\n1 | two\n"


@pytest.mark.parametrize("node", ["seed", "0"])
async def test_one_node_is_shown_without_its_name(
    session: Session, api: FakeApi, capfdbinary: pytest.CaptureFixture[bytes], node: str
) -> None:
    run = run_with({"path": "0", "ref": "seed"}, {"path": "1"})
    api.otherwise = Answers(run, pod("a", "0"), pod("b", "1"), a="one", b="two")
    assert await show(session, Wanted(node)) == 0
    assert capfdbinary.readouterr().out == b"one\n"


async def test_the_container_that_failed_is_shown(
    session: Session, api: FakeApi, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    ended = {"name": "unpack", "state": {"terminated": {"exitCode": 1}}}
    run = run_with({"path": "0"})
    api.otherwise = Answers(run, pod("a", "0", initContainerStatuses=[ended]), a="one")
    await show(session, Wanted())
    assert api.requests[-1].query["container"] == "unpack"


@pytest.mark.parametrize(
    ("answers", "wanted", "words"),
    [
        pytest.param(
            Answers(run_with({"path": "0", "message": "exit code 7"})),
            Wanted(),
            "has no pods any more.*\n.*exit code 7",
            id="gone",
        ),
        pytest.param(Answers(run_with(phase="Running")), Wanted(), "no pods yet", id="none-yet"),
        pytest.param(
            Answers(run_with({"path": "0", "ref": "seed"})),
            Wanted("other"),
            "has no node other that has begun\n.*seed",
            id="no-such-node",
        ),
        pytest.param(
            Answers(run_with({"path": "0.1", "ref": "a"}, {"path": "0.2", "ref": "a"})),
            Wanted("a"),
            "there are 2 nodes a",
            id="in-a-loop",
        ),
        pytest.param(
            Answers(run_with({"path": "0"}), pod("a", "0")),
            Wanted(),
            "have written no log yet",
            id="pod-without-a-log",
        ),
    ],
)
async def test_where_there_is_no_log_it_is_said_why(
    session: Session, api: FakeApi, answers: Answers, wanted: Wanted, words: str
) -> None:
    api.otherwise = answers
    with pytest.raises(Problem) as raised:
        await show(session, wanted)
    assert re.search(words, str(raised.value))
