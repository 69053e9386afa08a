"""Looking into packs: what real git packed is told exactly, and no bytes do any harm."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbflow.adapters.unpack.order import (
    Broken,
    Failed,
    Order,
    Refused,
    Result,
    Unpacked,
    read_result,
)
from ebbflow.adapters.unpack.scan import (
    BrokenPack,
    PackBounds,
    PackFacts,
    TooMuch,
    count_objects,
    scan,
)
from ebbflow.devcluster.gitrepository import GitRepository
from tests.support.gitworld import noise
from tests.support.memory_objects import BLOB
from tests.support.packs import OFS_DELTA, entry, pack, ref_delta, repeat, varint

WIDE = PackBounds(10_000, 10**9, 10**10)


def test_a_pack_of_git_is_read_to_its_end(tmp_path: Path) -> None:
    repository = GitRepository.create(tmp_path / "r.git", "main")
    data = noise(300_000)
    for part in (data, data[:200_000] + b"x", b"", data + b"more"):
        repository.commit({"big": part}, message="x", author="A <a@x>", branch="main")
    objects = repository.git("rev-list", "--objects", "--all").split()
    names = b"\n".join(word for word in objects if len(word) == 40)
    packed = repository.git("pack-objects", "--stdout", "--delta-base-offset", stdin=names)
    sizes = repository.git(
        "cat-file", "--batch-check=%(objectsize)", "--batch-all-objects", "--unordered"
    )
    facts = scan(memoryview(packed), WIDE)
    assert facts.objects == len(names.split())
    assert facts.largest == len(data) + 4
    assert facts.unpacked == sum(int(size) for size in sizes.split())
    assert len(packed) < 400_000  # so there were differences in it


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        pytest.param(PackBounds(1, 10**9, 10**9), "2 objects", id="objects"),
        pytest.param(PackBounds(9, 4000, 10**9), "an object of 0.0 MiB", id="object"),
        pytest.param(PackBounds(9, 10**9, 6000), "when unpacked", id="unpacked"),
    ],
)
def test_each_bound_holds(bounds: PackBounds, words: str) -> None:
    packed = pack([entry(BLOB, bytes(3000)), entry(BLOB, bytes(5000))])
    with pytest.raises(TooMuch, match=words):
        scan(memoryview(packed), bounds)


def test_what_a_difference_makes_counts() -> None:
    packed = pack([entry(BLOB, bytes(65536)), ref_delta("00" * 20, repeat(65536, 1000))])
    facts = scan(memoryview(packed), WIDE)
    assert facts == PackFacts(2, 65_536_000, 65_536_000 + 65_536)


@pytest.mark.parametrize(
    "packed",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"PACK", id="half a header"),
        pytest.param(b"JUNK" + bytes(100), id="another header"),
        pytest.param(b"PACK" + (9).to_bytes(4, "big") + bytes(4), id="another version"),
        pytest.param(pack([], says=1)[:12], id="no entry"),
        pytest.param(pack([entry(BLOB, bytes(100))])[:20], id="cut off"),
        pytest.param(pack([entry(BLOB, bytes(100), size=99)]), id="too large"),
        pytest.param(pack([entry(BLOB, bytes(100), size=101)]), id="too small"),
        pytest.param(pack([entry(5, b"x")]), id="unknown type"),
        pytest.param(pack([b"\xff" * 40]), id="endless size"),
        pytest.param(pack([entry(OFS_DELTA, b"", base=b"\xff" * 40)]), id="endless distance"),
        pytest.param(pack([entry(BLOB, b"x", base=b"junk")]), id="no zlib"),
    ],
)
def test_what_is_no_pack_is_said(packed: bytes) -> None:
    with pytest.raises(BrokenPack):
        scan(memoryview(packed), WIDE)


@given(st.binary(max_size=80), st.integers(0, 4))
def test_no_bytes_fail_in_another_way(data: bytes, objects: int) -> None:
    head = b"PACK" + (2).to_bytes(4, "big") + objects.to_bytes(4, "big")
    for packed in (data, head + data, head + entry(BLOB, data)[: len(data)]):
        try:
            scan(memoryview(packed), WIDE)
        except (BrokenPack, TooMuch):
            continue
        assert count_objects(packed) <= 4


@given(st.lists(st.binary(max_size=3000), max_size=6), st.integers(0, 9))
def test_any_content_at_any_compression_is_measured(contents: list[bytes], level: int) -> None:
    entries = [
        entry(BLOB, b"", size=len(data))[:-8] + zlib.compress(data, level) for data in contents
    ]
    facts = scan(memoryview(pack(entries)), WIDE)
    assert facts == PackFacts(
        len(contents), max(map(len, contents), default=0), sum(map(len, contents))
    )


@given(st.integers(0, 2**40))
def test_sizes_are_written_as_they_are_read(number: int) -> None:
    delta = varint(number) + varint(0)
    packed = pack([ref_delta("00" * 20, delta)])
    assert scan(memoryview(packed), PackBounds(1, 2**41, 2**41)).largest == max(number, len(delta))


@pytest.mark.parametrize(
    "result", [Unpacked(7), Refused("too much"), Broken("ValueError"), Failed("no space")]
)
def test_results_survive_the_way_between_processes(result: Result) -> None:
    assert read_result(result.to_text() + "\n") == result


@pytest.mark.parametrize("text", ["", "Traceback", '{"other": 1}', '{"unpacked": "x"}', "{broken"])
def test_anything_else_is_no_result(text: str) -> None:
    assert read_result(text) is None


def test_an_order_survives_the_way_between_processes() -> None:
    order = Order("/a b", 7, PackBounds(1, 2, 3), 4, 5, 6)
    assert Order.from_text(order.to_text()) == order
