"""Reading paths: each commit and directory is parsed once, within a bound of memory."""

from __future__ import annotations

from collections import Counter

import pytest
from dulwich.objects import Blob, Commit, ObjectID, ShaFile, Tree

from ebbflow.adapters.git.packs import GitObject
from ebbflow.adapters.git.trees import PARSED_BYTE, PARSED_OBJECT, ParsedObjects, TreeReader

FILES = 40


class Store:
    """A commit with one directory of files; counts what is read of it."""

    def __init__(self) -> None:
        self.objects: dict[str, ShaFile] = {}
        self.reads: Counter[str] = Counter()
        blob = self._put(Blob.from_string(b"x"))
        inner = Tree()
        for n in range(FILES):
            inner.add(f"f{n:02}".encode(), 0o100644, blob)
        root = Tree()
        root.add(b"apps", 0o040000, self._put(inner))
        commit = Commit()
        commit.tree = self._put(root)
        commit.author = commit.committer = b"A <a@example.org>"
        commit.author_time = commit.commit_time = commit.author_timezone = 0
        commit.commit_timezone = 0
        commit.message = b"m\n"
        self.blob = blob.decode()
        self.inner = inner.id.decode()
        self.commit = self._put(commit).decode()

    def _put(self, item: ShaFile) -> ObjectID:
        self.objects[item.id.decode()] = item
        return item.id

    def get(self, sha: str) -> GitObject:
        self.reads[sha] += 1
        found = self.objects[sha]
        return found.type_num, found.as_raw_string()

    def reader(self, parsed: ParsedObjects) -> TreeReader:
        return TreeReader(self.get, self.commit, 2**20, parsed)


def test_every_file_of_a_directory_is_found_by_one_look_at_it() -> None:
    store, parsed = Store(), ParsedObjects(2**20)
    for n in range(FILES):
        entry = store.reader(parsed).find(f"apps/f{n:02}")
        assert entry is not None
        assert entry.blob == store.blob
    assert set(store.reads.values()) == {1}


def test_what_has_no_room_is_read_again_and_found_all_the_same() -> None:
    store, parsed = Store(), ParsedObjects(0)
    assert store.reader(parsed).find("apps/f00") is not None
    assert store.reader(parsed).find("apps/f01") is not None
    assert store.reads[store.inner] == 2


def test_the_object_that_was_used_longest_ago_goes_first() -> None:
    a, b, c = (Blob.from_string(text) for text in (b"a", b"b", b"c"))
    parsed = ParsedObjects(2 * (PARSED_OBJECT + PARSED_BYTE))
    parsed.keep("a", a, 1)
    parsed.keep("b", b, 1)
    assert parsed.get("a") is a
    parsed.keep("c", c, 1)
    assert [parsed.get(name) for name in ("a", "b", "c")] == [a, None, c]


def test_nothing_is_left_after_clearing() -> None:
    parsed = ParsedObjects(2**20)
    parsed.keep("a", Blob.from_string(b"a"), 1)
    parsed.clear()
    assert parsed.get("a") is None


def test_an_object_of_another_type_is_not_taken_for_a_directory() -> None:
    store, parsed = Store(), ParsedObjects(2**20)
    reader = store.reader(parsed)
    with pytest.raises(KeyError):
        reader.tree(store.commit)
    with pytest.raises(KeyError):
        reader.tree(store.blob)
