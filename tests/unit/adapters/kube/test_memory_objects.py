"""The fake of the port Objects keeps the contract of the real one."""

from __future__ import annotations

import pytest

from ebbflow.domain.objects import Account, NamespaceMissing
from tests.support.memory_tenant import MemoryObjects
from tests.support.objects_contract import ObjectsContract, apply, config_map


class MemoryWorld:
    namespace = "shop"
    worker = Account("shop", "worker")

    def __init__(self) -> None:
        self.objects = MemoryObjects()
        self.objects.denied.add("nobody")
        self.objects.missing_kinds.add("Thing")


@pytest.fixture
def world() -> MemoryWorld:
    return MemoryWorld()


class TestMemoryObjects(ObjectsContract):
    async def test_a_namespace_is_there_once_it_was_made(self, world: MemoryWorld) -> None:
        world.objects.missing_namespaces.add("later")
        manifest = config_map()
        manifest["metadata"]["namespace"] = "later"
        with pytest.raises(NamespaceMissing):
            await apply(world, manifest)
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "later"}}
        made = await apply(world, namespace)
        assert "namespace" not in made["metadata"]
        assert (await apply(world, manifest))["metadata"]["namespace"] == "later"
