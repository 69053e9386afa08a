"""Repositories that want to be the operator's last: refused in words, in bounded time and memory."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ebbflow.adapters.git import DulwichBackend, Limits, Timeouts
from ebbflow.adapters.unpack.order import Order
from ebbflow.adapters.unpack.scan import PackBounds
from ebbflow.devcluster.gitrepository import GitRepository
from ebbflow.domain.git import CommitId, GitError, TooLarge, Unreachable
from tests.support.gitserver import FaultyGitServer
from tests.support.gitworld import MakeBackend, RealWorld
from tests.support.memory_objects import BLOB, TREE, object_id, tree_bytes
from tests.support.packs import answer, commit_of, entry, pack, ref_delta, repeat, with_file

MIB = 1024 * 1024
RESULT = "application/x-git-upload-pack-result"
DATA = bytes(MIB)


class Growth:
    """How much this process has grown since `begin`, at its highest."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        Path("/proc/self/clear_refs").write_text("5", "utf-8")
        self._before = memory("VmRSS")

    @property
    def bytes(self) -> int:
        return memory("VmHWM") - self._before


@pytest.fixture(autouse=True)
def growth() -> Iterator[Growth]:
    """Whatever a test does, the operator may not grow by more than 32 MiB, nor leave a process."""
    growth = Growth()
    yield growth
    assert growth.bytes < 32 * MIB
    assert not unpackers()


def memory(name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text("utf-8"))
    assert found is not None
    return int(found[1]) * 1024


def unpackers() -> list[str]:
    lines = subprocess.run(["ps", "-eo", "ppid,args"], capture_output=True, text=True, check=True)
    mine = f"{subprocess.os.getpid()} "
    return [
        line
        for line in lines.stdout.splitlines()
        if line.lstrip().startswith(mine) and "ebbflow.adapters.unpack" in line
    ]


def bomb(repository: GitRepository, size: int, directory: Path) -> CommitId:
    """Commit a file of so many zeros, as git itself packs it: a thousandth of its size."""
    sparse = directory / "zeros"
    with sparse.open("wb") as file:
        file.truncate(size)
    stream = ("-c", "core.bigFileThreshold=1m")
    blob = repository.git(*stream, "hash-object", "-w", str(sparse)).decode().strip()
    small = repository.git("hash-object", "-w", "--stdin", stdin=b"a\n").decode().strip()
    lines = f"100644 blob {small}\ta\n100644 blob {blob}\tbig\n"
    tree = repository.git("mktree", stdin=lines.encode()).decode().strip()
    who = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com")
    parent = repository.head("main")
    parents = ("-p", parent) if parent else ()
    sha = repository.git(*who, "commit-tree", "-m", "x", *parents, tree).decode().strip()
    repository.point("main", sha)
    return sha


async def is_well(git: DulwichBackend, server: FaultyGitServer) -> bool:
    """Tell whether another repository is served."""
    well = RealWorld(server, git)
    head = well.create({"a": b"a\n"})
    found = await git.read_file(well.remote(), "main", head, "a")
    return found is not None and found.data == b"a\n"


async def offered(
    world: RealWorld, server: FaultyGitServer, packed: bytes, head: CommitId
) -> bytes:
    """Read the file `a` of a commit that the server sends in this pack."""
    world.create({"a": b"a\n"})
    await world.git.ls_heads(world.remote(), ["main"])
    server.say(answer(packed), RESULT, times=None)
    try:
        found = await world.git.read_file(world.remote(), "main", head, "a")
    finally:
        server.calm()
    assert found is not None
    return found.data


class TestLargeObjects:
    @pytest.mark.parametrize("filters", [True, False], ids=["filters", "no filters"])
    async def test_a_file_of_300_mib_in_a_small_pack(
        self, world: RealWorld, server: FaultyGitServer, tmp_path: Path, filters: bool
    ) -> None:
        world.create()
        repository = world.server.repository(world.name)
        head = bomb(repository, 300 * MIB, tmp_path)
        repository.configure("uploadpack.allowFilter", str(filters).lower())
        with pytest.raises(TooLarge) as caught:
            await world.git.read_file(world.remote(), "main", head, "big")
        if filters:
            assert await world.git.read_file(world.remote(), "main", head, "a") is not None
        else:
            assert "an object of 300 MiB" in str(caught.value)
            assert "uploadpack.allowFilter" in str(caught.value)
        assert await is_well(world.git, server)

    async def test_a_file_of_300_mib_in_the_history(
        self, world: RealWorld, server: FaultyGitServer, tmp_path: Path
    ) -> None:
        first = world.create({"a": b"a\n"})
        repository = world.server.repository(world.name)
        bomb(repository, 300 * MIB, tmp_path)
        head = world.commit({"a": b"b\n", "big": None})
        repository.configure("uploadpack.allowFilter", "false")
        with pytest.raises(TooLarge, match="an object of 300 MiB"):
            await world.git.contains(world.remote(), "main", head, first)
        assert await is_well(world.git, server)

    async def test_a_file_of_40_mib_beside_the_document_costs_no_memory(
        self, world: RealWorld, tmp_path: Path
    ) -> None:
        first = world.create({"a": b"a\n"})
        repository = world.server.repository(world.name)
        head = bomb(repository, 40 * MIB, tmp_path)
        repository.configure("uploadpack.allowFilter", "false")
        found = await world.git.read_file(world.remote(), "main", head, "a")
        assert found is not None
        with pytest.raises(TooLarge, match="big"):
            await world.git.read_file(world.remote(), "main", head, "big")
        # What comes beside a large object is unpacked apart too, and reads as before.
        later = world.commit({"a": b"b\n"})
        found = await world.git.read_file(world.remote(), "main", later, "a")
        assert found is not None
        assert found.data == b"b\n"
        assert await world.git.contains(world.remote(), "main", later, first)

    @pytest.mark.parametrize("entries", [80_000, 300_000])
    async def test_a_directory_of_very_many_files(
        self, world: RealWorld, server: FaultyGitServer, entries: int, growth: Growth
    ) -> None:
        blob = object_id(BLOB, b"a\n")
        tree = tree_bytes({f"{number:07}": ("100644", blob) for number in range(entries)})
        head, needed = commit_of(tree)
        del tree
        packed = pack([*needed, entry(BLOB, b"a\n")])
        growth.begin()  # what the test itself needed does not count
        with pytest.raises(TooLarge, match="directory"):
            await offered(world, server, packed, head)
        assert await is_well(world.git, server)

    async def test_nobody_is_named_for_what_was_a_directory_of_too_many_files(
        self, server: FaultyGitServer, make: MakeBackend
    ) -> None:
        world = RealWorld(server, await make(limits=Limits(tree_bytes=512)))
        many = world.create({f"{number:02}": b"a\n" for number in range(30)})
        with pytest.raises(TooLarge, match="directory"):
            await world.git.read_file(world.remote(), "main", many, "00")
        head = world.commit({f"{number:02}": None for number in range(1, 30)})
        assert await world.git.read_file(world.remote(), "main", head, "00") is not None
        assert await world.git.author_of(world.remote(), "main", head, "00") is None


class TestManyObjects:
    async def test_a_pack_that_says_to_have_a_million_objects_is_not_received(
        self, world: RealWorld, server: FaultyGitServer
    ) -> None:
        head, needed = with_file("a", b"a\n")
        with pytest.raises(TooLarge, match="1,000,000 objects"):
            await offered(world, server, pack(needed, says=1_000_000), head)
        assert await is_well(world.git, server)

    async def test_a_tree_of_ten_thousand_levels(
        self, world: RealWorld, server: FaultyGitServer
    ) -> None:
        name, content, entries = "", b"", []
        for _ in range(10_000):
            files = {"d": ("40000", name)} if name else {"f": ("100644", object_id(BLOB, b"a\n"))}
            content = tree_bytes(files)
            name = object_id(TREE, content)
            entries.append(entry(TREE, content))
        files = {"a": ("100644", object_id(BLOB, b"a\n")), "d": ("40000", name)}
        head, needed = commit_of(tree_bytes(files))
        packed = pack([*needed, entry(BLOB, b"a\n"), *entries])
        assert await offered(world, server, packed, head) == b"a\n"
        with pytest.raises(GitError, match="use a shorter one"):
            await world.git.read_file(world.remote(), "main", head, "d/" * 9_000 + "f")


class TestDifferences:
    async def test_a_difference_that_makes_a_gigabyte(
        self, world: RealWorld, server: FaultyGitServer
    ) -> None:
        head, needed = with_file("a", b"a\n")
        delta = ref_delta(object_id(BLOB, DATA), repeat(MIB, 16 * 1024))
        packed = pack([*needed, entry(BLOB, b"a\n"), entry(BLOB, DATA), delta])
        assert len(packed) < 100_000
        with pytest.raises(TooLarge, match="an object of 1,024 MiB"):
            await offered(world, server, packed, head)
        assert await is_well(world.git, server)

    async def test_ten_thousand_differences_that_make_gigabytes_together(
        self, world: RealWorld, server: FaultyGitServer
    ) -> None:
        head, needed = with_file("a", b"a\n")
        delta = ref_delta(object_id(BLOB, DATA), repeat(MIB, 16))
        packed = pack([*needed, entry(BLOB, b"a\n"), entry(BLOB, DATA), *[delta] * 10_000])
        with pytest.raises(TooLarge, match="more than 1024 MiB when unpacked"):
            await offered(world, server, packed, head)

    @pytest.mark.parametrize(
        "delta",
        [
            pytest.param(repeat(MIB, 16 * 1024, says=10), id="its result"),
            pytest.param(repeat(10, 16), id="its base"),
            pytest.param(b"", id="no sizes"),
            pytest.param(b"\x80" * 30, id="sizes without end"),
        ],
    )
    async def test_a_difference_that_lies(
        self, world: RealWorld, server: FaultyGitServer, delta: bytes
    ) -> None:
        head, needed = with_file("a", b"a\n")
        lying = ref_delta(object_id(BLOB, DATA), delta)
        packed = pack([*needed, entry(BLOB, b"a\n"), entry(BLOB, DATA), lying])
        with pytest.raises(Unreachable, match="cannot be read"):
            await offered(world, server, packed, head)
        assert await is_well(world.git, server)

    async def test_differences_that_need_each_other(
        self, world: RealWorld, server: FaultyGitServer
    ) -> None:
        head, needed = with_file("a", b"a\n")
        one, two = "11" * 20, "22" * 20
        loop = [ref_delta(one, repeat(65536, 1)), ref_delta(two, repeat(65536, 1))]
        with pytest.raises(Unreachable, match="cannot be read"):
            await offered(world, server, pack([*needed, entry(BLOB, b"a\n"), *loop]), head)
        assert await is_well(world.git, server)

    @pytest.mark.parametrize("size", [1, 5 * MIB], ids=["more than it says", "less than it says"])
    async def test_a_content_of_another_size_than_it_says(
        self, world: RealWorld, server: FaultyGitServer, size: int
    ) -> None:
        head, needed = with_file("a", b"a\n")
        with pytest.raises(Unreachable, match="cannot be read"):
            await offered(world, server, pack([*needed, entry(BLOB, DATA, size=size)]), head)


class TestTheProcess:
    @staticmethod
    def heavy() -> tuple[CommitId, bytes]:
        """Return a pack that is allowed, and takes seconds to unpack."""
        head, needed = with_file("a", b"a\n")
        delta = ref_delta(object_id(BLOB, DATA), repeat(MIB, 128))
        return head, pack([*needed, entry(BLOB, b"a\n"), entry(BLOB, DATA), *[delta] * 120])

    async def test_it_is_killed_by_the_deadline_of_the_operation(
        self, make: MakeBackend, server: FaultyGitServer
    ) -> None:
        git = await make(timeouts=Timeouts(operation=0.7, connect=0.5, read=0.5))
        world = RealWorld(server, git)
        head, packed = self.heavy()
        begun = time.monotonic()
        with pytest.raises(Unreachable, match="did not finish"):
            await offered(world, server, packed, head)
        assert time.monotonic() - begun < 5
        assert not unpackers()

    async def test_its_processor_time_is_bounded(
        self, make: MakeBackend, server: FaultyGitServer
    ) -> None:
        world = RealWorld(server, await make(limits=Limits(process_cpu_seconds=1)))
        head, packed = self.heavy()
        with pytest.raises(TooLarge, match="processor time"):
            await offered(world, server, packed, head)
        assert await is_well(world.git, server)

    async def test_its_memory_is_bounded(
        self, make: MakeBackend, server: FaultyGitServer, tmp_path: Path
    ) -> None:
        world = RealWorld(server, await make(limits=Limits(process_memory_bytes=90 * MIB)))
        world.create()
        repository = world.server.repository(world.name)
        head = bomb(repository, 60 * MIB, tmp_path)
        repository.configure("uploadpack.allowFilter", "false")
        with pytest.raises(TooLarge, match="memory"):
            await world.git.read_file(world.remote(), "main", head, "a")

    async def test_nothing_stays_on_disk_of_what_was_refused(
        self, world: RealWorld, server: FaultyGitServer, tmp_path: Path
    ) -> None:
        head, needed = with_file("a", b"a\n")
        lying = ref_delta(object_id(BLOB, DATA), repeat(MIB, 16 * 1024, says=MIB))
        packed = pack([*needed, entry(BLOB, DATA), entry(BLOB, b"a\n"), *[lying] * 3000])
        with pytest.raises(GitError):
            await offered(world, server, packed, head)
        assert files_below(tmp_path, "*.pack") == []
        assert files_below(tmp_path, "tmp_pack_*") == []

    async def test_a_pack_of_a_mebibyte_and_more_is_unpacked_apart(
        self, make: MakeBackend, server: FaultyGitServer
    ) -> None:
        git = await make(limits=Limits(process_memory_bytes=16 * MIB))
        world = RealWorld(server, git)
        small = world.create({"a": b"a\n"})
        assert await git.read_file(world.remote(), "main", small, "a") is not None
        many = RealWorld(server, git)
        head = many.create({f"d{n}/f": b"%d\n" % n for n in range(1500)})
        with pytest.raises(TooLarge):  # so little memory that only the thread can do it
            await git.read_file(many.remote(), "main", head, "d1/f")

    def test_it_does_nothing_for_a_parent_that_is_gone(self, tmp_path: Path) -> None:
        order = Order(str(tmp_path), 1, PackBounds(1, 1, 1), 512 * MIB, 5, MIB)
        done = subprocess.run(
            [sys.executable, "-m", "ebbflow.adapters.unpack", order.to_text()],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        assert done.returncode != 0
        assert done.stdout == b""


def files_below(directory: Path, pattern: str) -> list[Path]:
    return list(directory.rglob(pattern))
