"""The real backend against a real server that fails, is slow, lies, or is old."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from ebbflow.adapters.git import Limits, Timeouts
from ebbflow.domain.git import (
    AuthenticationFailed,
    BranchMoved,
    CommitGone,
    GitError,
    Pushed,
    PushRefused,
    RepositoryNotFound,
    TooLarge,
    Unreachable,
)
from ebbflow.domain.ports import GitBackend
from tests.support.gitserver import FaultyGitServer
from tests.support.gitworld import (
    COMMIT_HEADER,
    PASSWORD,
    QUICK,
    USER,
    MakeBackend,
    RealWorld,
    RecordedMetrics,
    noise,
)
from tests.support.waiting import soon


def real_server(root: Path) -> FaultyGitServer:
    return FaultyGitServer(root, username=USER, password=PASSWORD)


async def ask(server: FaultyGitServer, git: GitBackend, *, hang: bool = False) -> str | None:
    """Ask a server of its own for its branch."""
    world = RealWorld(server, git)
    world.create({"a": b"a\n"})
    if hang:
        server.hang(pause=0.02)
    return (await git.ls_heads(world.remote(), ["main"])).get("main")


class TestSlowAndBroken:
    async def test_a_dripping_server_ends_by_the_deadline_and_frees_its_thread(
        self, make: MakeBackend, server: FaultyGitServer
    ) -> None:
        git = await make(timeouts=QUICK, limits=Limits(network_threads=1))
        world = RealWorld(server, git)
        head = world.create({"a": b"a\n"})
        server.hang(pause=0.02)
        begun = time.monotonic()
        with pytest.raises(Unreachable, match=r"did not finish its answer .* within 1 s"):
            await git.ls_heads(world.remote(), ["main"])
        assert time.monotonic() - begun < 3
        server.calm()
        # The only thread is free again, and nothing of the old connection is used.
        assert await git.ls_heads(world.remote(), ["main"]) == {"main": head}

    async def test_a_silent_server_is_unreachable(
        self, make: MakeBackend, server: FaultyGitServer
    ) -> None:
        git = await make(timeouts=dataclasses.replace(QUICK, operation=5))
        world = RealWorld(server, git)
        world.create({"a": b"a\n"})
        server.hang(pause=60)
        with pytest.raises(Unreachable, match="no answer in time"):
            await git.ls_heads(world.remote(), ["main"])

    async def test_waiting_for_a_hanging_server_ends_for_all_who_wait(
        self, make: MakeBackend, server: FaultyGitServer
    ) -> None:
        git = await make(timeouts=QUICK, limits=Limits(network_threads=1))
        worlds = [RealWorld(server, git) for _ in range(20)]
        server.hang(pause=0.02)
        begun = time.monotonic()
        results = await asyncio.gather(
            *(git.ls_heads(world.remote(), ["main"]) for world in worlds), return_exceptions=True
        )
        assert {type(result) for result in results} == {Unreachable}
        assert time.monotonic() - begun < 20 * QUICK.operation / 2

    async def test_one_server_that_hangs_leaves_room_for_others(
        self, make: MakeBackend, server: FaultyGitServer, tmp_path: Path
    ) -> None:
        git = await make(timeouts=Timeouts(operation=30, connect=5, read=30))
        worlds = [RealWorld(server, git) for _ in range(6)]
        for world in worlds:
            world.create({"a": b"a\n"})
        server.hang(pause=0.02)
        hung = [asyncio.create_task(git.ls_heads(w.remote(), ["main"])) for w in worlds]
        with FaultyGitServer(tmp_path / "other", username=USER, password=PASSWORD) as other:
            well = RealWorld(other, git)
            head = well.create({"a": b"a\n"})
            heads = await asyncio.wait_for(git.ls_heads(well.remote(), ["main"]), 10)
        assert heads == {"main": head}
        assert not any(task.done() for task in hung)
        server.calm()
        await asyncio.gather(*hung, return_exceptions=True)

    async def test_many_servers_that_hang_leave_room_for_others(
        self, make: MakeBackend, tmp_path: Path
    ) -> None:
        git = await make(timeouts=Timeouts(operation=30, connect=5, read=30, slow=0.1))
        with ExitStack() as stack:
            *hanging, well = [stack.enter_context(real_server(tmp_path / str(n))) for n in range(9)]
            hung = [asyncio.create_task(ask(server, git, hang=True)) for server in hanging]
            head = await asyncio.wait_for(ask(well, git), 10)
            assert head is not None
            assert not any(task.done() for task in hung)
            for server in hanging:
                server.calm()
            await asyncio.gather(*hung, return_exceptions=True)

    async def test_no_more_operations_wait_for_slow_servers_than_there_are_threads(
        self, make: MakeBackend, tmp_path: Path
    ) -> None:
        limits = Limits(network_threads=2, slow_operations=1)
        git = await make(
            limits=limits, timeouts=Timeouts(operation=0.9, connect=0.5, read=0.8, slow=0.05)
        )
        with ExitStack() as stack:
            *hanging, well = [stack.enter_context(real_server(tmp_path / str(n))) for n in range(5)]
            hung = [asyncio.create_task(ask(server, git, hang=True)) for server in hanging]
            slots = limits.network_threads + limits.slow_operations
            await soon(
                lambda: sum(bool(server.seen) for server in hanging) == slots,
                10,
                "all slots to be taken",
            )
            # It waits for one of the three to give up, and is not refused.
            assert await asyncio.wait_for(ask(well, git), 10) is not None
            results = await asyncio.gather(*hung, return_exceptions=True)
        assert {type(result) for result in results} == {Unreachable}
        assert sum(len(server.seen) for server in hanging) >= limits.network_threads + 1

    async def test_a_branch_that_is_kept_from_pushes_is_refused_and_not_gone(
        self, world: RealWorld, server: FaultyGitServer
    ) -> None:
        head = world.create({"a": b"a\n"})
        remote = world.remote()
        server.repository(world.name).configure("receive.hideRefs", "refs/heads/main")
        made = await world.git.prepare_commit(remote, "main", head, "a", b"b\n", COMMIT_HEADER)
        refused = await world.git.push(remote, "main", made)
        assert refused == PushRefused(
            "the server lets this account read the branch but not push to it"
        )
        world.point("main", None)
        assert await world.git.push(remote, "main", made) == BranchMoved(None)

    @pytest.mark.parametrize("service", ["info-refs upload-pack", "upload-pack"])
    async def test_a_dropped_connection_is_transient(
        self, world: RealWorld, server: FaultyGitServer, service: str
    ) -> None:
        head = world.create({"a": b"a\n"})
        server.drop(service=service)
        with pytest.raises(Unreachable):
            await world.git.ls_heads(world.remote(), ["main"])
        assert await world.git.ls_heads(world.remote(), ["main"]) == {"main": head}

    async def test_a_fetch_that_breaks_off_leaves_nothing_behind(
        self, world: RealWorld, server: FaultyGitServer
    ) -> None:
        head = world.create({"a": b"a\n"})
        await world.git.ls_heads(world.remote(), ["main"])
        server.drop(service="upload-pack")
        with pytest.raises(Unreachable):
            await world.git.read_file(world.remote(), "main", head, "a")
        found = await world.git.read_file(world.remote(), "main", head, "a")
        assert found is not None
        assert found.data == b"a\n"

    async def test_a_kept_connection_that_the_server_closed_is_replaced(
        self, world: RealWorld, server: FaultyGitServer
    ) -> None:
        head = world.create({"a": b"a\n"})
        await world.git.ls_heads(world.remote(), ["main"])
        server.refuse_connections_after_accept()
        assert await world.git.ls_heads(world.remote(), ["main"]) == {"main": head}
        server.stop()
        server.start()
        assert await world.git.ls_heads(world.remote(), ["main"]) == {"main": head}

    async def test_a_push_whose_answer_is_lost_makes_one_commit(
        self, world: RealWorld, server: FaultyGitServer
    ) -> None:
        head = world.create({"a": b"a\n"})
        made = await world.git.prepare_commit(
            world.remote(), "main", head, "a", b"b\n", COMMIT_HEADER
        )
        server.lose_answer_of_push()
        with pytest.raises(Unreachable):
            await world.git.push(world.remote(), "main", made)
        assert server.counts.total("receive-pack") == 1
        assert world.head() == made.commit
        assert await world.git.push(world.remote(), "main", made) == Pushed()
        assert len(world.log()) == 2

    @pytest.mark.parametrize("after", [False, True], ids=["before git saw it", "after git took it"])
    async def test_a_push_is_cut_on_the_side_that_was_asked_for(
        self,
        world: RealWorld,
        server: FaultyGitServer,
        after: bool,
    ) -> None:
        head = world.create({"a": b"a\n"})
        made = await world.git.prepare_commit(
            world.remote(), "main", head, "a", b"b\n", COMMIT_HEADER
        )
        seen: list[str | None] = []

        def strike() -> bool:
            seen.append(world.head())
            return False

        server.strike(server.seen[-1].repository, "receive-pack", strike, after=after)
        with pytest.raises(Unreachable):
            await world.git.push(world.remote(), "main", made)
        assert seen == [world.head()] == [made.commit if after else head]
        assert await world.git.push(world.remote(), "main", made) == Pushed()

    @pytest.mark.parametrize(
        ("status", "error", "wait"),
        [
            pytest.param(401, AuthenticationFailed, None, id="401"),
            pytest.param(403, AuthenticationFailed, None, id="403"),
            pytest.param(404, RepositoryNotFound, None, id="404"),
            pytest.param(410, RepositoryNotFound, None, id="410"),
            pytest.param(429, Unreachable, "17", id="429 with seconds to wait"),
            pytest.param(403, Unreachable, "17", id="403 as a rate limit"),
            pytest.param(500, Unreachable, None, id="500"),
            pytest.param(503, Unreachable, "17", id="503 with seconds to wait"),
        ],
    )
    async def test_a_status_becomes_an_error_that_says_what_to_do(
        self,
        world: RealWorld,
        server: FaultyGitServer,
        status: int,
        error: type[GitError],
        wait: str | None,
    ) -> None:
        world.create({"a": b"a\n"})
        server.fail(status, retry_after=wait, words=f"Sorry, {USER} with {PASSWORD}.\x1b[31m")
        with pytest.raises(error) as caught:
            await world.git.ls_heads(world.remote(), ["main"])
        assert type(caught.value) is error
        assert caught.value.retry_after == (timedelta(seconds=17) if wait else None)
        assert f"HTTP {status}" in str(caught.value)
        assert "Sorry, robot with …." in str(caught.value)
        assert PASSWORD not in str(caught.value)
        assert "\x1b" not in str(caught.value)

    async def test_a_push_without_the_right_is_told_as_such(
        self, world: RealWorld, server: FaultyGitServer
    ) -> None:
        head = world.create({"a": b"a\n"})
        made = await world.git.prepare_commit(
            world.remote(), "main", head, "a", b"b\n", COMMIT_HEADER
        )
        server.fail(403, service="info-refs receive-pack")
        with pytest.raises(AuthenticationFailed, match="the right to push to the repository"):
            await world.git.push(world.remote(), "main", made)

    async def test_every_push_is_counted_once_with_how_it_ended(
        self, world: RealWorld, server: FaultyGitServer, metrics: RecordedMetrics
    ) -> None:
        head = world.create({"a": b"a\n"})
        made = await world.git.prepare_commit(
            world.remote(), "main", head, "a", b"b\n", COMMIT_HEADER
        )
        server.refuse_pushes(world.name, "no")
        await world.git.push(world.remote(), "main", made)
        server.fail(500, service="receive-pack")
        with pytest.raises(Unreachable):
            await world.git.push(world.remote(), "main", made)
        server.refuse_pushes(world.name, None)
        world.commit({"a": b"c\n"})
        await world.git.push(world.remote(), "main", made)
        assert [outcome for operation, outcome in metrics.operations if operation == "push"] == [
            "PushRejected",
            "GitUnreachable",
            "BranchMoved",
        ]

    @pytest.mark.parametrize("kind", ["advertisement", "result"])
    @pytest.mark.parametrize(
        "body",
        [
            pytest.param(b"<html>Sign in</html>", id="a page"),
            pytest.param(b"", id="nothing"),
            pytest.param(b"zzzz", id="no length"),
            pytest.param(b"0003", id="impossible length"),
            pytest.param(b"ffff\x00", id="cut off"),
            pytest.param(b"0032" + b"\xff" * 46 + b"0000", id="noise"),
            pytest.param(b"0010ERR go away\n0000", id="an error"),
        ],
    )
    async def test_an_answer_that_is_not_git_is_an_error_and_no_crash(
        self, world: RealWorld, server: FaultyGitServer, body: bytes, kind: str
    ) -> None:
        head = world.create({"a": b"a\n"})
        if kind == "result":
            await world.git.ls_heads(world.remote(), ["main"])
        for operation in (
            lambda: world.git.ls_heads(world.remote(), ["main"]),
            lambda: world.git.read_file(world.remote(), "main", head, "a"),
        ):
            server.say(body, f"application/x-git-upload-pack-{kind}")
            with pytest.raises(GitError):
                await operation()
        assert await world.git.ls_heads(world.remote(), ["main"]) == {"main": head}

    async def test_a_page_in_place_of_git_says_to_check_the_address(
        self, world: RealWorld, server: FaultyGitServer
    ) -> None:
        server.say(b"<html>Sign in</html>", "text/html")
        with pytest.raises(RepositoryNotFound, match="git clone"):
            await world.git.ls_heads(world.remote(), ["main"])

    async def test_more_bytes_than_allowed_are_refused(
        self, make: MakeBackend, server: FaultyGitServer
    ) -> None:
        git = await make(limits=Limits(fetch_bytes=100_000))
        world = RealWorld(server, git)
        head = world.create({"a": b"a\n", "b": noise(300_000)})
        with pytest.raises(TooLarge, match="more than 97 KiB"):
            await git.read_file(world.remote(), "main", head, "a")
        assert server.counts.bytes_out < 400_000

    async def test_a_commit_that_the_server_lost_is_transient(self, world: RealWorld) -> None:
        world.create({"a": b"a\n"})
        with pytest.raises(CommitGone) as caught:
            await world.git.read_file(world.remote(), "main", "1" * 40, "a")
        assert caught.value.transient


class TestOldServers:
    @pytest.fixture
    async def old(self, make: MakeBackend, tmp_path: Path) -> AsyncIterator[RealWorld]:
        with FaultyGitServer(
            tmp_path / "old", username=USER, password=PASSWORD, protocol_v2=False
        ) as server:
            yield RealWorld(server, await make())

    async def test_version_0_can_do_everything(self, old: RealWorld) -> None:
        first = old.create({"d/a": b"a\n", "b": b"b\n"})
        remote = old.remote()
        assert await old.git.ls_heads(remote, ["main", "none"]) == {"main": first}
        made = await old.git.prepare_commit(remote, "main", first, "d/a", b"new\n", COMMIT_HEADER)
        assert await old.git.push(remote, "main", made) == Pushed()
        later = old.commit({"b": b"c\n"})
        found = await old.git.read_file(remote, "main", later, "b")
        assert found is not None
        assert found.data == b"c\n"
        old.commit({"b": b"d\n"})
        head = old.commit({"b": b"e\n"})
        assert await old.git.contains(remote, "main", head, first)

    async def test_version_0_says_when_a_commit_is_no_head_any_more(self, old: RealWorld) -> None:
        first = old.create({"a": b"a\n"})
        old.server.repository(old.name).configure("uploadpack.allowAnySHA1InWant", "false")
        old.commit({"a": b"b\n"})
        with pytest.raises(CommitGone):
            await old.git.read_file(old.remote(), "main", first, "a")

    @pytest.mark.parametrize(
        ("key", "value"),
        [("uploadpack.allowFilter", "false"), ("uploadpackfilter.allow", "false")],
    )
    async def test_a_server_without_filters_is_asked_for_everything(
        self, world: RealWorld, key: str, value: str
    ) -> None:
        first = world.create({"a": b"a\n", "big": b"x" * 600 * 1024})
        world.server.repository(world.name).configure(key, value)
        found = await world.git.read_file(world.remote(), "main", first, "a")
        assert found is not None
        with pytest.raises(TooLarge):
            await world.git.read_file(world.remote(), "main", first, "big")
        world.commit({"a": b"b\n"})
        head = world.commit({"a": b"c\n"})
        assert await world.git.contains(world.remote(), "main", head, first)
