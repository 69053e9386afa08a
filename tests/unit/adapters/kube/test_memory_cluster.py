"""The fake cluster keeps the contract of the real one."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbflow.api.base import JsonObject, Key
from tests.support.cluster_contract import ClusterContract
from tests.support.memory_cluster import MemoryCluster, MemoryStatusWriter, normalised


def merge(into: JsonObject, change: Mapping[str, Any]) -> None:
    for key, value in change.items():
        if value is None:
            into.pop(key, None)
        elif isinstance(value, dict):
            merge(into.setdefault(key, {}), value)
        else:
            into[key] = copy.deepcopy(value)


class MemoryWorld:
    namespace = "default"

    def __init__(self) -> None:
        self.cluster = MemoryCluster()
        self.writer = MemoryStatusWriter(self.cluster)

    @property
    def requests(self) -> int:
        return len(self.cluster.calls)

    def _key(self, name: str) -> Key:
        return Key("Template", self.namespace, name)

    async def create(self, raw: JsonObject) -> None:
        self.cluster.put(raw)

    async def patch(self, name: str, change: JsonObject) -> None:
        self.cluster.edit(self._key(name), lambda raw: merge(raw, change))

    async def patch_status(self, name: str, change: JsonObject) -> None:
        self.cluster.edit(self._key(name), lambda raw: merge(raw, {"status": change}))

    async def delete(self, name: str) -> None:
        self.cluster.delete(self._key(name))

    async def raw(self, name: str) -> JsonObject:
        found = self.cluster.raw(self._key(name))
        assert found is not None
        return found

    async def secret(
        self, name: str, data: Mapping[str, str], annotations: Mapping[str, str]
    ) -> None:
        self.cluster.add_secret(self.namespace, name, data, annotations)

    async def events(self, name: str) -> list[tuple[str, str, str]]:
        return [
            ("Warning" if notice.warning else "Normal", notice.reason.value, notice.message)
            for key, notice in self.writer.events
            if key == self._key(name)
        ]


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
