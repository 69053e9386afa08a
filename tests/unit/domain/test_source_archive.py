"""Packed files: what comes out is what went in, and the same files are the same bytes."""

from __future__ import annotations

import gzip
import io
import random
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbflow.domain.source_archive import (
    MOST_PARTS,
    PART_BYTES,
    ArchiveTooLarge,
    TreeFile,
    pack,
    parts_of,
)

NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/"), min_size=1)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
FILES = st.dictionaries(PATHS, st.binary(max_size=200), max_size=5).map(
    lambda files: [TreeFile(path, "file", data) for path, data in files.items()]
)


@given(FILES)
def test_files_come_out_as_they_went_in(files: list[TreeFile]) -> None:
    whole = b"".join(parts_of(pack(files)))
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(whole))) as archive:
        members = archive.getmembers()
        assert [member.name for member in members] == [file.path for file in files]
        for member, file in zip(members, files, strict=True):
            content = archive.extractfile(member)
            assert content is not None
            assert content.read() == file.data


def test_equal_files_are_equal_bytes_whatever_the_time() -> None:
    files = [TreeFile("a", "file", b"1"), TreeFile("run.sh", "executable", b"#!/bin/sh\n")]
    assert pack(files) == pack(tuple(files))


def test_modes_and_links_are_kept() -> None:
    files = [TreeFile("run", "executable", b""), TreeFile("to", "link", b"run")]
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(pack(files)))) as archive:
        run, to = archive.getmembers()
    assert run.mode == 0o755
    assert (to.issym(), to.linkname) == (True, "run")


def test_what_does_not_fit_says_how_much_it_is() -> None:
    assert len(parts_of(random.Random(1).randbytes(PART_BYTES + 1))) == 2
    with pytest.raises(ArchiveTooLarge, match=r"5\.5 MiB when packed"):
        parts_of(bytes(PART_BYTES * MOST_PARTS + 1))
