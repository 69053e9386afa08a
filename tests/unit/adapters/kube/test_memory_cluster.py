"""The fake cluster keeps the contract of the real one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.cluster_contract import ClusterContract
from tests.support.memory_cluster import normalised
from tests.support.memory_world import MemoryWorld


@pytest.fixture
def world() -> MemoryWorld:
    return MemoryWorld()


class TestMemoryCluster(ClusterContract):
    pass


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)  # fmt: skip
def test_normalising_twice_changes_nothing_more(value: object) -> None:
    once = normalised(value)
    assert normalised(once) == once
