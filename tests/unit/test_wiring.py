"""What the composition root decides by itself: whose Lease, and which shard serves a namespace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ebbflow.settings import Settings, Shard
from ebbflow.wiring import lease_name, serves


def settings(**values: Any) -> Settings:
    return Settings(identity="me", cache_dir=Path("cache"), **values)


def test_operators_of_the_same_part_share_a_lease() -> None:
    assert lease_name(settings()) == "ebbflow-operator"
    assert lease_name(settings(namespaces=("a", "b"))) == lease_name(
        settings(namespaces=("b", "a"))
    )


def test_operators_of_different_parts_have_leases_of_their_own() -> None:
    parts = [
        settings(),
        settings(namespaces=("a",)),
        settings(namespaces=("a", "b")),
        settings(shard=Shard(0, 2)),
        settings(shard=Shard(1, 2)),
        settings(namespaces=("a",), shard=Shard(0, 2)),
    ]
    assert len({lease_name(part) for part in parts}) == len(parts)
    assert all(len(lease_name(part)) <= 63 for part in parts)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_every_namespace_is_served_by_exactly_one_shard(count: int) -> None:
    for n in range(200):
        assert sum(serves(Shard(i, count), f"team-{n}") for i in range(count)) == 1


def test_shards_share_the_namespaces_out() -> None:
    served = sum(serves(Shard(0, 2), f"team-{n}") for n in range(1000))
    assert 400 < served < 600
