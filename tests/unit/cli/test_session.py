"""A command's conversation with the API server: watches that break off, writes that come too late."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ebbflow.cli.problem import Problem
from ebbflow.cli.session import PAGE, Session
from ebbflow.domain.ports import ClusterError
from tests.support.cli_runs import raw_run
from tests.support.fake_kube_api import FakeApi, refusal


def watch(*events: tuple[str, Any]) -> asyncio.Queue[Any]:
    """A watch that says this and ends."""
    lines: asyncio.Queue[Any] = asyncio.Queue()
    for type_, body in events:
        lines.put_nowait({"type": type_, "object": body})
    lines.put_nowait(None)
    return lines


async def phases(session: Session, count: int) -> list[str | None]:
    seen: list[str | None] = []
    async for found in session.follow("shop-1"):
        seen.append(found.model.status.phase)
        if len(seen) == count:
            break
    return seen


async def test_a_run_is_followed_over_watches_that_end(session: Session, api: FakeApi) -> None:
    api.replies = [
        (200, raw_run(phase="Queued")),
        (200, watch(("MODIFIED", raw_run(phase="Running", version="2")))),
        (200, raw_run(phase="Waiting", version="3")),
        (200, watch(("MODIFIED", raw_run(phase="Succeeded", version="4")))),
    ]
    assert await phases(session, 4) == ["Queued", "Running", "Waiting", "Succeeded"]
    assert [request.query.get("resourceVersion") for request in api.requests] == [
        *(None, "1", None, "3")
    ]
    assert api.requests[1].query["fieldSelector"] == "metadata.name=shop-1"


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param((200, watch(("ERROR", {"code": 410}))), id="expired"),
        pytest.param(refusal(503, "starting"), id="refused"),
    ],
)
async def test_a_watch_that_breaks_off_is_opened_again(
    broken: Any, session: Session, api: FakeApi
) -> None:
    api.replies = [(200, raw_run()), broken, (200, raw_run(phase="Failed", version="9"))]
    assert await phases(session, 2) == ["Running", "Failed"]


async def test_a_run_that_is_deleted_while_it_is_followed_is_a_problem(
    session: Session, api: FakeApi
) -> None:
    api.replies = [(200, raw_run()), (200, watch(("DELETED", raw_run())))]
    with pytest.raises(Problem, match="there is no Run shop-1"):
        await phases(session, 2)


async def test_a_change_that_comes_too_late_is_made_anew(session: Session, api: FakeApi) -> None:
    api.replies = [
        (200, raw_run(version="1")),
        refusal(409, "the object has been modified"),
        (200, raw_run(version="2")),
        (200, raw_run(version="3", cancel=True)),
    ]
    found = await session.change_run("shop-1", lambda _: [{"op": "test"}])
    assert found.model.spec.cancel is True
    bodies = [request.body for request in api.requests if request.method == "PATCH"]
    assert [body[0]["value"] for body in bodies] == ["1", "2"]
    assert {body[0]["path"] for body in bodies} == {"/metadata/resourceVersion"}


async def test_a_name_that_is_taken_is_a_problem_of_its_own(session: Session, api: FakeApi) -> None:
    api.replies = [refusal(409, 'runs.ebbflow.dev "shop-1" already exists')]
    with pytest.raises(Problem, match="there is a Run shop-1 already") as raised:
        await session.create_run({}, name="shop-1")
    assert raised.value.advice == "choose another name"


async def test_nothing_to_change_is_no_request(session: Session, api: FakeApi) -> None:
    api.replies = [(200, raw_run())]
    await session.change_run("shop-1", lambda _: [])
    assert [request.method for request in api.requests] == ["GET"]


async def test_a_refused_change_is_not_tried_again(session: Session, api: FakeApi) -> None:
    api.replies = [(200, raw_run()), refusal(403, "not you")]
    with pytest.raises(ClusterError, match="not you"):
        await session.change_run("shop-1", lambda _: [{"op": "test"}])
    assert len(api.requests) == 2


async def test_lists_are_read_in_pages_and_sorted_newest_first(
    session: Session, api: FakeApi
) -> None:
    old, new = raw_run("old"), raw_run("new")
    new["metadata"]["creationTimestamp"] = "2026-11-21T11:00:00Z"
    api.replies = [
        (200, {"items": [old], "metadata": {"continue": "next"}}),
        (200, {"items": [new], "metadata": {}}),
    ]
    found = await session.runs({"spec.source.name": "shop"}, everywhere=True)
    assert [one.model.metadata.name for one in found] == ["new", "old"]
    assert all(one.raw["kind"] == "Run" for one in found)
    assert api.requests[0].path == "/apis/ebbflow.dev/v1alpha1/runs"
    assert api.requests[1].query == {
        "limit": str(PAGE),
        "fieldSelector": "spec.source.name=shop",
        "continue": "next",
    }


async def test_a_missing_object_is_named_with_where_it_was_looked_for(
    session: Session, api: FakeApi
) -> None:
    api.replies = [refusal(404, "no")]
    with pytest.raises(Problem) as raised:
        await session.template("shop")
    assert str(raised.value).splitlines()[:2] == [
        "there is no Template shop",
        "  namespace team",
    ]
