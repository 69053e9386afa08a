"""The record of our own writes."""

from __future__ import annotations

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
