"""Caches on disk: where they lie, how far they grow, and when they go."""

from __future__ import annotations

import asyncio
import dataclasses
import subprocess
import sys
from pathlib import Path

from ebbflow.adapters.clock import SystemClock
from ebbflow.adapters.git import DulwichBackend, HostPolicy, Limits
from ebbflow.adapters.git.cache import SessionDirectory
from tests.support.gitserver import FaultyGitServer
from tests.support.gitworld import (
    PASSWORD,
    USER,
    MakeBackend,
    RealWorld,
    RecordedMetrics,
)
from tests.support.memory_cluster import ManualClock


def below(directory: Path) -> list[str]:
    return [str(path.relative_to(directory)) for path in directory.rglob("*")]


def packs_in(directory: Path) -> list[str]:
    return [path for path in below(directory) if path.endswith(".pack")]


async def test_no_path_tells_an_address_or_a_credential(
    make: MakeBackend, server: FaultyGitServer, tmp_path: Path
) -> None:
    world = RealWorld(server, await make())
    head = world.create({"shop.yaml": b"a: 1\n"})
    await world.git.read_file(world.remote(), "main", head, "shop.yaml")
    assert packs_in(tmp_path)
    paths = " ".join(below(tmp_path))
    for word in ("127.0.0.1", "app", USER, PASSWORD, "shop"):
        assert word not in paths


async def test_a_credential_that_cannot_read_gets_nothing_from_the_cache_of_another(
    make: MakeBackend, server: FaultyGitServer
) -> None:
    world = RealWorld(server, await make())
    head = world.create({"shop.yaml": b"a: 1\n"})
    found = await world.git.read_file(world.remote(), "main", head, "shop.yaml")
    assert found is not None
    other = world.remote(password="other")
    assert await world.git.read_blob(other, found.blob) is None
    anonymous = dataclasses.replace(other, credential=None)
    assert await world.git.read_blob(anonymous, found.blob) is None


async def test_a_worn_cache_is_begun_anew_and_still_answers(
    make: MakeBackend, server: FaultyGitServer, tmp_path: Path
) -> None:
    world = RealWorld(server, await make(limits=Limits(packs=4)))
    head = world.create({"shop.yaml": b"n: 0\n"})
    first = head
    for count in range(1, 12):
        found = await world.git.read_file(world.remote(), "main", head, "shop.yaml")
        assert found is not None
        assert found.data == b"n: %d\n" % (count - 1)
        assert len(packs_in(tmp_path)) <= 4
        head = world.commit({"shop.yaml": b"n: %d\n" % count})
    again = await world.git.read_file(world.remote(), "main", first, "shop.yaml")
    assert again is not None
    assert again.data == b"n: 0\n"


async def test_readers_of_many_commits_survive_renewals(
    make: MakeBackend, server: FaultyGitServer
) -> None:
    world = RealWorld(server, await make(limits=Limits(packs=2)))
    commits = [world.create({"n": b"0"}), *(world.commit({"n": b"%d" % i}) for i in range(1, 6))]
    found = await asyncio.gather(
        *(world.git.read_file(world.remote(), "main", commit, "n") for commit in commits * 3)
    )
    assert [file and file.data for file in found] == [b"%d" % i for i in range(6)] * 3


async def test_a_cache_that_nobody_used_for_long_is_removed(
    make: MakeBackend, server: FaultyGitServer, tmp_path: Path
) -> None:
    clock = ManualClock()
    git = await make(clock=clock, limits=Limits(idle_seconds=3600))
    idle, used = RealWorld(server, git), RealWorld(server, git)
    for world in (idle, used):
        head = world.create({"n": b"0"})
        await git.read_file(world.remote(), "main", head, "n")
    assert len(packs_in(tmp_path)) == 2
    clock.advance(3000)
    await git.ls_heads(used.remote(), ["main"])
    clock.advance(1000)
    await git.ls_heads(used.remote(), ["main"])
    assert len(packs_in(tmp_path)) == 1


async def test_closing_the_backend_leaves_nothing_on_disk(
    server: FaultyGitServer, tmp_path: Path
) -> None:
    policy = HostPolicy(allow_insecure_http=True)
    async with DulwichBackend(tmp_path, policy, RecordedMetrics(), SystemClock()) as git:
        world = RealWorld(server, git)
        head = world.create({"n": b"0"})
        await git.read_file(world.remote(), "main", head, "n")
        assert below(tmp_path)
    assert not below(tmp_path)


def test_what_a_killed_process_left_is_removed_and_what_lives_is_kept(tmp_path: Path) -> None:
    program = (
        "import os, pathlib, signal, sys\n"
        "from ebbflow.adapters.git.cache import SessionDirectory\n"
        "SessionDirectory(pathlib.Path(sys.argv[1]))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    living = SessionDirectory(tmp_path)
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    assert len(list(tmp_path.iterdir())) == 2
    mine = SessionDirectory(tmp_path)
    assert set(tmp_path.iterdir()) == {living.path, mine.path}
    living.close()
    mine.close()
