"""The real backend against a real server that fails, is slow, lies, or is somewhere else."""

from __future__ import annotations

import asyncio
import dataclasses
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ebbflow.adapters.git import DulwichBackend, HostPolicy, Limits, Timeouts
from ebbflow.devcluster.gitrepository import Entry
from ebbflow.domain.git import (
    AddressNotAllowed,
    AuthenticationFailed,
    CommitGone,
    CommitHeader,
    GitError,
    InvalidRequest,
    Pushed,
    Remote,
    RepositoryNotFound,
    Signature,
    TooLarge,
    Unreachable,
)
from tests.support.gitserver import Authority, FaultyGitServer
from tests.support.gitworld import PASSWORD, USER, RealClock, RealWorld, RecordedMetrics

PERSON = Signature("Ann Example", "ann@example.com")
HEADER = CommitHeader(PERSON, Signature("ebbflow", "e@ebbflow.dev"), 1_700_000_000, "Update shop")
SHOP = b"replicas: 2\n"
HTTP = HostPolicy(allow_insecure_http=True)
QUICK = Timeouts(operation=1, connect=0.8, read=0.8)

MakeBackend = Callable[..., Any]


@pytest.fixture(scope="module")
def running() -> Iterator[FaultyGitServer]:
    with FaultyGitServer(username=USER, password=PASSWORD) as server:
        yield server


@pytest.fixture
def server(running: FaultyGitServer) -> Iterator[FaultyGitServer]:
    running.reset_counts()
    running.seen.clear()
    yield running
    running.calm()


@pytest.fixture
def metrics() -> RecordedMetrics:
    return RecordedMetrics()


@pytest.fixture
async def make(tmp_path: Path, metrics: RecordedMetrics) -> AsyncIterator[MakeBackend]:
    async with AsyncExitStack() as stack:

        async def make_backend(policy: HostPolicy = HTTP, **options: Any) -> DulwichBackend:
            backend = DulwichBackend(tmp_path / "cache", policy, metrics, RealClock(), **options)
            return await stack.enter_async_context(backend)

        yield make_backend


@pytest.fixture
async def world(make: MakeBackend, server: FaultyGitServer) -> RealWorld:
    return RealWorld(server, await make())


class TestCosts:
    async def test_every_operation_is_as_few_requests_as_git_allows(
        self, world: RealWorld, server: FaultyGitServer, metrics: RecordedMetrics
    ) -> None:
        c0 = world.create({"t/shop.yaml": SHOP})
        remote = world.remote()

        async def cost(operation: Any) -> dict[str, int]:
            server.reset_counts()
            await operation
            return server.counts.by_service()

        listing = {"upload-pack": 1}
        assert await cost(world.git.ls_heads(remote, ["main"])) == {
            "info-refs upload-pack": 1,  # once: what the server can do
            **listing,
        }
        assert await cost(world.git.ls_heads(remote, ["main", "stage"])) == listing
        assert await cost(world.git.read_file(remote, "main", c0, "t/shop.yaml")) == {
            "upload-pack": 1
        }
        assert await cost(world.git.read_file(remote, "main", c0, "t/shop.yaml")) == {}
        assert await cost(world.git.blob_ids(remote, "main", c0, ["t/shop.yaml", "x"])) == {}
        made = await world.git.prepare_commit(remote, "main", c0, "t/shop.yaml", b"n: 1\n", HEADER)
        assert await cost(world.git.push(remote, "main", made)) == {
            "info-refs receive-pack": 1,
            "receive-pack": 1,
        }
        assert await cost(world.git.read_file(remote, "main", made.commit, "t/shop.yaml")) == {}
        assert await cost(world.git.contains(remote, "main", made.commit, c0)) == {}
        assert metrics.operations == [
            ("ls-remote", "ok"),
            ("ls-remote", "ok"),
            ("fetch", "ok"),
            ("push", "ok"),
        ]
        assert len({seen.connection for seen in server.seen}) == 1

    async def test_two_hundred_readers_of_one_commit_make_one_fetch(
        self, world: RealWorld, server: FaultyGitServer
    ) -> None:
        files = {f"f{i}.yaml": b"n: %d\n" % i for i in range(200)}
        head = world.create(dict(files))
        found = await asyncio.gather(
            *(world.git.read_file(world.remote(), "main", head, path) for path in files),
            world.git.blob_ids(world.remote(), "main", head, list(files)),
        )
        assert [file.data for file in found[:-1]] == list(files.values())
        assert server.counts.by_service() == {"info-refs upload-pack": 1, "upload-pack": 1}

    async def test_a_thousand_questions_for_branches_make_one_listing(
        self, world: RealWorld, server: FaultyGitServer
    ) -> None:
        main = world.create({"a": b"a\n"})
        stage = world.commit({"a": b"b\n"}, branch="stage")
        await world.git.ls_heads(world.remote(), ["main"])
        server.reset_counts()
        heads = await asyncio.gather(
            *(
                world.git.ls_heads(world.remote(), ["stage" if i % 2 else "main"])
                for i in range(1000)
            )
        )
        assert heads == [{"stage": stage} if i % 2 else {"main": main} for i in range(1000)]
        assert server.counts.by_service() == {"upload-pack": 1}

    async def test_a_failed_fetch_fails_all_who_wait_with_one_request(
        self, world: RealWorld, server: FaultyGitServer
    ) -> None:
        head = world.create({"a": b"a\n"})
        server.fail(500, times=None)
        results = await asyncio.gather(
            *(world.git.read_file(world.remote(), "main", head, "a") for _ in range(50)),
            return_exceptions=True,
        )
        assert {type(result) for result in results} == {Unreachable}
        assert server.counts.total() == 1

    async def test_a_push_sends_only_what_changed(self, world: RealWorld) -> None:
        head = world.create({f"d{i}/e/f{j}": b"%d\n" % j for i in range(20) for j in range(20)})
        made = await world.git.prepare_commit(
            world.remote(), "main", head, "d3/e/f7", b"new\n", HEADER
        )
        assert [kind for kind, _ in made.objects] == [3, 2, 2, 2, 1]  # blob, three trees, commit
        before = world.server.repository(world.name).git("count-objects", "-v")
        assert await world.git.push(world.remote(), "main", made) == Pushed()
        after = world.server.repository(world.name).git("count-objects", "-v")
        assert _objects(after) - _objects(before) == 5

    async def test_a_new_commit_is_fetched_alone(
        self, world: RealWorld, server: FaultyGitServer
    ) -> None:
        first = world.create({f"f{i}.yaml": b"n: %d\n" % i * 50 for i in range(300)})
        await world.git.read_file(world.remote(), "main", first, "f1.yaml")
        whole = server.reset_counts().bytes_out
        second = world.commit({"f7.yaml": b"changed\n"})
        await world.git.read_file(world.remote(), "main", second, "f7.yaml")
        assert server.counts.bytes_out < whole / 10

    async def test_a_large_file_beside_the_document_is_never_fetched(
        self, world: RealWorld, server: FaultyGitServer
    ) -> None:
        head = world.create({"shop.yaml": SHOP, "film.bin": _noise(3_000_000)})
        assert await world.git.read_file(world.remote(), "main", head, "shop.yaml") is not None
        with pytest.raises(TooLarge, match=r"film\.bin"):
            await world.git.read_file(world.remote(), "main", head, "film.bin")
        assert server.counts.bytes_out < 10_000

    async def test_a_file_that_shrinks_below_the_limit_can_be_read(self, world: RealWorld) -> None:
        # The server may send it as a difference to the large one, which it was told to leave out.
        noise = _noise(700 * 1024)
        big = world.create({"big.bin": noise})
        with pytest.raises(TooLarge):
            await world.git.read_file(world.remote(), "main", big, "big.bin")
        small = world.commit({"big.bin": noise[: 500 * 1024]})
        found = await world.git.read_file(world.remote(), "main", small, "big.bin")
        assert found is not None
        assert found.data == noise[: 500 * 1024]


class TestCommitsByRealGit:
    async def test_git_finds_no_fault_in_our_commits(self, world: RealWorld) -> None:
        head = world.create({"run.sh": Entry("100755", b"#!/bin/sh\n"), "a.b/c": b"1\n", "a": b""})
        repository = world.server.repository(world.name)
        odd = dataclasses.replace(HEADER, author=Signature("<>\n", "a b<c>\n@x"), message="héllo ✓")
        for path, header in (("run.sh", HEADER), ("a.b/new/deep", odd), ("a0", odd)):
            made = await world.git.prepare_commit(
                world.remote(), "main", head, path, b"x: 1\n", header
            )
            assert await world.git.push(world.remote(), "main", made) == Pushed()
            head = made.commit
        assert repository.check() == ""
        assert b"100755 blob" in repository.git("ls-tree", "main", "run.sh")
        assert b"100644 blob" in repository.git("ls-tree", "main", "a0")
        assert world.log()[0].message == "héllo ✓\n"
        assert world.server.diff(world.name, "main").count("\n+") == 2

    async def test_the_diff_of_a_commit_is_the_changed_line(self, world: RealWorld) -> None:
        head = world.create({"shop.yaml": b"# The shop\nreplicas: 2  # how many\nend: 1\n"})
        made = await world.git.prepare_commit(
            world.remote(),
            "main",
            head,
            "shop.yaml",
            b"# The shop\nreplicas: 5  # how many\nend: 1\n",
            HEADER,
        )
        await world.git.push(world.remote(), "main", made)
        lines = world.server.diff(world.name, made.commit).splitlines()
        assert [line for line in lines if line[0] in "+-" and line[1] not in "+-"] == [
            "-replicas: 2  # how many",
            "+replicas: 5  # how many",
        ]


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
        made = await world.git.prepare_commit(world.remote(), "main", head, "a", b"b\n", HEADER)
        server.lose_answer_of_push()
        with pytest.raises(Unreachable):
            await world.git.push(world.remote(), "main", made)
        assert server.counts.total("receive-pack") == 1
        assert world.head() == made.commit
        assert await world.git.push(world.remote(), "main", made) == Pushed()
        assert len(world.log()) == 2

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
        made = await world.git.prepare_commit(world.remote(), "main", head, "a", b"b\n", HEADER)
        server.fail(403, service="info-refs receive-pack")
        with pytest.raises(AuthenticationFailed, match="the right to push to the repository"):
            await world.git.push(world.remote(), "main", made)

    async def test_every_push_is_counted_once_with_how_it_ended(
        self, world: RealWorld, server: FaultyGitServer, metrics: RecordedMetrics
    ) -> None:
        head = world.create({"a": b"a\n"})
        made = await world.git.prepare_commit(world.remote(), "main", head, "a", b"b\n", HEADER)
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
        head = world.create({"a": b"a\n", "b": _noise(300_000)})
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
        made = await old.git.prepare_commit(remote, "main", first, "d/a", b"new\n", HEADER)
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


class TestWhereConnectionsGo:
    async def test_a_redirect_to_another_origin_is_refused_and_never_asked(
        self, world: RealWorld, server: FaultyGitServer, tmp_path: Path
    ) -> None:
        head = world.create({"a": b"a\n"})
        with FaultyGitServer(tmp_path / "b", username=USER, password=PASSWORD) as elsewhere:
            server.redirect(elsewhere.url)
            with pytest.raises(
                AddressNotAllowed, match=r"redirects .* to another origin"
            ) as caught:
                await world.git.ls_heads(world.remote(), ["main"])
            server.calm()
            await world.git.ls_heads(world.remote(), ["main"])
            server.redirect(elsewhere.url, service="upload-pack")
            with pytest.raises(AddressNotAllowed):
                await world.git.read_file(world.remote(), "main", head, "a")
            assert elsewhere.seen == []
        assert PASSWORD not in str(caught.value)

    async def test_a_redirect_at_the_same_origin_is_followed(
        self, world: RealWorld, server: FaultyGitServer
    ) -> None:
        head = world.create({"a": b"a\n"})
        moved = dataclasses.replace(world.remote(), url=f"{server.url}/old/place.git")
        server.moved_to("old/place", world.name)
        assert await world.git.ls_heads(moved, ["main"]) == {"main": head}
        found = await world.git.read_file(moved, "main", head, "a")
        assert found is not None
        made = await world.git.prepare_commit(moved, "main", head, "a", b"b\n", HEADER)
        assert await world.git.push(moved, "main", made) == Pushed()

    async def test_an_endless_redirect_ends(
        self, world: RealWorld, server: FaultyGitServer
    ) -> None:
        world.create({"a": b"a\n"})
        server.redirect(server.url)
        with pytest.raises(AddressNotAllowed, match="again and again"):
            await world.git.ls_heads(world.remote(), ["main"])
        assert server.counts.total() < 6

    async def test_the_checked_address_is_the_one_connected_to(
        self, make: MakeBackend, server: FaultyGitServer
    ) -> None:
        asked: list[tuple[str, int]] = []

        def look_up(host: str, port: int) -> tuple[str, ...]:
            asked.append((host, port))
            return ("127.0.0.1",)

        world = RealWorld(server, await make(look_up=look_up))
        head = world.create({"a": b"a\n"})
        named = Remote(
            world.remote().url.replace("127.0.0.1", "git.does-not-exist.invalid"),
            world.remote().credential,
        )
        assert await world.git.ls_heads(named, ["main"]) == {"main": head}
        assert asked == [("git.does-not-exist.invalid", server.port)]

    async def test_a_name_that_leads_to_a_metadata_address_is_refused(
        self, make: MakeBackend
    ) -> None:
        git = await make(look_up=lambda *_: ("10.1.2.3", "169.254.169.254"))
        with pytest.raises(AddressNotAllowed, match=r"leads to 169\.254\.169\.254"):
            await git.ls_heads(Remote("http://innocent.example/team/app"), ["main"])

    async def test_an_unknown_name_is_unreachable(self, make: MakeBackend) -> None:
        def look_up(*_: object) -> tuple[str, ...]:
            raise OSError(-2, "Name or service not known")

        git = await make(look_up=look_up)
        with pytest.raises(Unreachable, match="Name or service not known"):
            await git.ls_heads(Remote("http://gone.example/team/app"), ["main"])

    @pytest.mark.parametrize(
        ("policy", "url"),
        [
            pytest.param(HostPolicy(), "http://git.example/team/app", id="http"),
            pytest.param(HTTP, "ssh://git@git.example/team/app", id="ssh"),
            pytest.param(HTTP, "file:///etc", id="file"),
            pytest.param(HTTP, "http://169.254.169.254/latest/meta", id="metadata"),
            pytest.param(HostPolicy(("*.corp",)), "https://git.example/team/app", id="host"),
            pytest.param(HTTP, "https://u:p@git.example/team/app", id="credentials"),
        ],
    )
    async def test_every_operation_refuses_what_is_not_allowed(
        self, make: MakeBackend, policy: HostPolicy, url: str
    ) -> None:
        git = await make(policy)
        remote = Remote(url)
        for operation in (
            git.ls_heads(remote, ["main"]),
            git.read_file(remote, "main", "1" * 40, "a"),
            git.blob_ids(remote, "main", "1" * 40, ["a"]),
            git.prepare_commit(remote, "main", "1" * 40, "a", b"", HEADER),
            git.contains(remote, "main", "1" * 40, "2" * 40),
        ):
            with pytest.raises(AddressNotAllowed):
                await operation

    async def test_settings_of_the_machine_change_nothing(
        self, world: RealWorld, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        head = world.create({"a": b"a\n"})
        (tmp_path / ".gitconfig").write_text('[url "http://127.0.0.1:1/"]\n\tinsteadOf = http://\n')
        (tmp_path / ".netrc").write_text("default login evil password evil\n")
        monkeypatch.setenv("HOME", str(tmp_path))
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        assert await world.git.ls_heads(world.remote(), ["main"]) == {"main": head}

    async def test_https_needs_a_certificate_that_is_trusted(
        self, make: MakeBackend, tmp_path: Path
    ) -> None:
        authority = Authority()
        context = authority.server_context(tmp_path)
        with FaultyGitServer(username=USER, password=PASSWORD, tls=context) as server:
            world = RealWorld(server, await make(HostPolicy()))
            head = world.create({"a": b"a\n"})
            remote = world.remote()
            with pytest.raises(Unreachable, match=r"certificate is not trusted.*caBundle"):
                await world.git.ls_heads(remote, ["main"])
            trusting = dataclasses.replace(remote, ca_bundle=authority.pem)
            assert await world.git.ls_heads(trusting, ["main"]) == {"main": head}
            found = await world.git.read_file(trusting, "main", head, "a")
            assert found is not None
            other = dataclasses.replace(remote, ca_bundle=Authority().pem)
            with pytest.raises(Unreachable):
                await world.git.ls_heads(other, ["main"])
            broken = dataclasses.replace(remote, ca_bundle="no certificate")
            with pytest.raises(InvalidRequest, match="caBundle"):
                await world.git.ls_heads(broken, ["main"])

    async def test_a_tls_server_that_drips_its_handshake_ends_by_the_deadline(
        self, make: MakeBackend
    ) -> None:
        async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for _ in range(1000):
                writer.write(b"\x16")
                await asyncio.wait({asyncio.create_task(reader.read(1))}, timeout=0.02)
            writer.close()

        listener = await asyncio.start_server(drip, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        git = await make(HostPolicy(), timeouts=QUICK)
        async with listener:
            with pytest.raises(Unreachable):
                await git.ls_heads(Remote(f"https://127.0.0.1:{port}/team/app"), ["main"])


def _objects(counted: bytes) -> int:
    values = dict(line.split(": ") for line in counted.decode().splitlines())
    return int(values["count"]) + int(values["in-pack"])


def _noise(size: int) -> bytes:
    """Bytes that do not compress, the same each time."""
    return random.Random(size).randbytes(size)  # noqa: S311  # not for secrets
