"""What operations cost: requests, bytes and objects, counted by a real server; and what real git says of our commits."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import pytest

from ebbflow.devcluster.gitrepository import Entry
from ebbflow.domain.git import (
    Pushed,
    Signature,
    TooLarge,
    Unreachable,
)
from tests.support.gitserver import FaultyGitServer
from tests.support.gitworld import COMMIT_HEADER, SHOP, RealWorld, RecordedMetrics, noise


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
        made = await world.git.prepare_commit(
            remote, "main", c0, "t/shop.yaml", b"n: 1\n", COMMIT_HEADER
        )
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
            world.remote(), "main", head, "d3/e/f7", b"new\n", COMMIT_HEADER
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
        head = world.create({"shop.yaml": SHOP, "film.bin": noise(3_000_000)})
        assert await world.git.read_file(world.remote(), "main", head, "shop.yaml") is not None
        with pytest.raises(TooLarge, match=r"film\.bin"):
            await world.git.read_file(world.remote(), "main", head, "film.bin")
        assert server.counts.bytes_out < 10_000

    async def test_a_file_that_shrinks_below_the_limit_can_be_read(self, world: RealWorld) -> None:
        # The server may send it as a difference to the large one, which it was told to leave out.
        bytes_of_noise = noise(700 * 1024)
        big = world.create({"big.bin": bytes_of_noise})
        with pytest.raises(TooLarge):
            await world.git.read_file(world.remote(), "main", big, "big.bin")
        small = world.commit({"big.bin": bytes_of_noise[: 500 * 1024]})
        found = await world.git.read_file(world.remote(), "main", small, "big.bin")
        assert found is not None
        assert found.data == bytes_of_noise[: 500 * 1024]


class TestCommitsByRealGit:
    async def test_git_finds_no_fault_in_our_commits(self, world: RealWorld) -> None:
        head = world.create({"run.sh": Entry("100755", b"#!/bin/sh\n"), "a.b/c": b"1\n", "a": b""})
        repository = world.server.repository(world.name)
        odd = dataclasses.replace(
            COMMIT_HEADER, author=Signature("<>\n", "a b<c>\n@x"), message="héllo ✓"
        )
        for path, header in (("run.sh", COMMIT_HEADER), ("a.b/new/deep", odd), ("a0", odd)):
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
            COMMIT_HEADER,
        )
        await world.git.push(world.remote(), "main", made)
        lines = world.server.diff(world.name, made.commit).splitlines()
        assert [line for line in lines if line[0] in "+-" and line[1] not in "+-"] == [
            "-replicas: 2  # how many",
            "+replicas: 5  # how many",
        ]


def _objects(counted: bytes) -> int:
    values = dict(line.split(": ") for line in counted.decode().splitlines())
    return int(values["count"]) + int(values["in-pack"])
