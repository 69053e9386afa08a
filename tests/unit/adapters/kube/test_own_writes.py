"""The record of our own writes."""

from __future__ import annotations

import pytest

from ebbflow.adapters.kube.own_writes import OwnWrites


def test_only_the_noted_version_of_the_object_is_our_own() -> None:
    writes = OwnWrites()
    writes.note("a", "7")
    assert writes.is_own("a", "7")
    assert not writes.is_own("a", "8")
    assert not writes.is_own("b", "7")


def test_the_oldest_writes_are_forgotten() -> None:
    writes = OwnWrites(remembered=2)
    for version in ("1", "2", "1", "3"):
        writes.note("a", version)
    assert [writes.is_own("a", version) for version in ("1", "2", "3")] == [True, False, True]


def test_what_comes_while_we_write_is_held_until_the_answer_is_there() -> None:
    writes = OwnWrites()
    told: list[bool] = []

    def tell() -> None:
        told.append(writes.is_own("a", "7"))

    assert not writes.hold("a", tell)
    with writes.writing("a"):
        assert writes.hold("a", tell)
        assert not writes.hold("b", tell)
        assert told == []
        writes.note("a", "7")
    assert told == [True]
    assert not writes.hold("a", tell)


def test_what_is_held_is_told_even_if_the_write_fails() -> None:
    writes = OwnWrites()
    told: list[str] = []

    def fail() -> None:
        with writes.writing("a"):
            writes.hold("a", lambda: told.append("a"))
            raise ValueError("no answer")

    with pytest.raises(ValueError, match="no answer"):
        fail()
    assert told == ["a"]
