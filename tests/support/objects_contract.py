"""What every `Objects` must do: the fake in memory and the real API server alike."""

from __future__ import annotations

import base64
from typing import Any, Protocol

import pytest

from ebbflow.api.base import JsonObject
from ebbflow.domain.objects import (
    Account,
    AlreadyExists,
    Changed,
    Denied,
    FieldConflict,
    Invalid,
    KindMissing,
    ObjectId,
    Objects,
    SystemNamespace,
    TooLarge,
)
from ebbflow.domain.secret import Tainted

MINE, THEIRS = "manager-a", "manager-b"
VALUE = "canary-of-the-contract"


class World(Protocol):
    """A cluster with a namespace: `worker` may edit in it, the account `nobody` may do nothing."""

    @property
    def namespace(self) -> str: ...
    @property
    def worker(self) -> Account: ...
    @property
    def objects(self) -> Objects: ...


def config_map(name: str = "contract", **data: Any) -> JsonObject:
    metadata = {"name": name, "labels": {"contract": "yes"}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def target(world: World, name: str = "contract") -> ObjectId:
    return ObjectId("", "ConfigMap", world.namespace, name, "v1")


async def apply(world: World, manifest: JsonObject, manager: str = MINE, **how: Any) -> JsonObject:
    return await world.objects.apply(manifest, world.worker, manager=manager, **how)


async def data(world: World, name: str = "contract") -> JsonObject:
    found = await world.objects.get(target(world, name), world.worker)
    assert found is not None
    return found["data"]


class ObjectsContract:
    """Subclasses give the fixture `world`."""

    async def test_an_object_that_is_not_there_is_none(self, world: World) -> None:
        assert await world.objects.get(target(world), world.worker) is None

    async def test_an_object_goes_to_the_namespace_of_the_account(self, world: World) -> None:
        made = await apply(world, config_map(a="1"))
        assert made["metadata"]["namespace"] == world.namespace
        assert made["metadata"]["uid"]
        assert "managedFields" not in made["metadata"]
        unnamed = ObjectId("", "ConfigMap", "", "contract")
        assert await world.objects.get(unnamed, world.worker) == made

    async def test_a_field_that_is_left_out_goes(self, world: World) -> None:
        await apply(world, config_map(a="1", b="2"))
        await apply(world, config_map(a="1"))
        assert await data(world) == {"a": "1"}

    async def test_fields_of_others_stay(self, world: World) -> None:
        await apply(world, config_map(a="1"))
        await apply(world, config_map(b="2"), THEIRS)
        await apply(world, config_map(c="3"))
        assert await data(world) == {"b": "2", "c": "3"}

    async def test_a_field_that_two_applied_stays_until_both_leave_it_out(
        self, world: World
    ) -> None:
        await apply(world, config_map(a="1", b="2"))
        await apply(world, config_map(a="1"), THEIRS)
        await apply(world, config_map(b="2"))
        assert await data(world) == {"a": "1", "b": "2"}
        await apply(world, config_map(c="3"), THEIRS)
        assert await data(world) == {"b": "2", "c": "3"}

    async def test_an_equal_apply_changes_nothing(self, world: World) -> None:
        made = await apply(world, config_map(a="1"))
        assert await apply(world, config_map(a="1")) == made

    async def test_a_dry_run_shows_and_changes_nothing(self, world: World) -> None:
        shown = await apply(world, config_map(a="1"), dry_run=True)
        assert shown["data"] == {"a": "1"}
        assert await world.objects.get(target(world), world.worker) is None
        await apply(world, config_map(a="1"))
        await apply(world, config_map(a="2"), dry_run=True)
        assert await data(world) == {"a": "1"}

    async def test_without_force_a_field_of_another_is_a_conflict(self, world: World) -> None:
        await apply(world, config_map(a="1"), THEIRS)
        with pytest.raises(FieldConflict, match=rf"{THEIRS} owns data\.a") as caught:
            await apply(world, config_map(a="2"), force=False)
        assert caught.value.managers == {THEIRS: ("data.a",)}
        assert await data(world) == {"a": "1"}

    async def test_with_force_it_is_taken_over(self, world: World) -> None:
        await apply(world, config_map(a="1", b="1"), THEIRS)
        await apply(world, config_map(a="2"))
        await apply(world, config_map(b="1"), THEIRS)
        assert await data(world) == {"a": "2", "b": "1"}

    async def test_a_given_version_must_be_the_one_that_is_there(self, world: World) -> None:
        made = await apply(world, config_map(a="1"))
        version = made["metadata"]["resourceVersion"]
        changed = config_map(a="2")
        changed["metadata"]["resourceVersion"] = version
        await apply(world, changed)
        changed["data"] = {"a": "3"}
        with pytest.raises(Changed):
            await apply(world, changed)

    async def test_what_exists_is_not_made_again(self, world: World) -> None:
        await world.objects.create(config_map(a="1"), world.worker, manager=MINE)
        with pytest.raises(AlreadyExists):
            await world.objects.create(config_map(a="2"), world.worker, manager=MINE)
        assert await data(world) == {"a": "1"}

    async def test_only_the_object_that_was_read_is_deleted(self, world: World) -> None:
        made = (await apply(world, config_map(a="1")))["metadata"]
        with pytest.raises(Changed):
            await world.objects.delete(target(world), world.worker, uid="another")
        changed = (await apply(world, config_map(a="2")))["metadata"]
        with pytest.raises(Changed):
            await world.objects.delete(
                target(world),
                world.worker,
                uid=made["uid"],
                resource_version=made["resourceVersion"],
            )
        how = {"uid": changed["uid"], "resource_version": changed["resourceVersion"]}
        assert await world.objects.delete(target(world), world.worker, **how) is True
        assert await world.objects.delete(target(world), world.worker, **how) is False

    async def test_objects_are_found_by_all_their_labels(self, world: World) -> None:
        await apply(world, config_map("one"))
        other = config_map("other")
        other["metadata"]["labels"] = {"contract": "no"}
        await apply(world, other)
        found = await world.objects.find("", "ConfigMap", "", {"contract": "yes"}, world.worker)
        assert [(one["kind"], one["metadata"]["name"]) for one in found] == [("ConfigMap", "one")]
        both = {"contract": "yes", "more": "yes"}
        assert await world.objects.find("", "ConfigMap", "", both, world.worker) == ()

    async def test_the_data_of_a_secret_is_never_shown(self, world: World) -> None:
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "contract"},
            "data": {"key": Tainted(base64.b64encode(VALUE.encode()).decode())},
        }
        made = await apply(world, secret)
        read = await world.objects.get(ObjectId("", "Secret", "", "contract"), world.worker)
        assert read is not None
        for shown in (made, read):
            assert isinstance(shown["data"]["key"], Tainted)
            assert base64.b64decode(shown["data"]["key"].reveal()).decode() == VALUE

    async def test_a_secret_in_another_object_comes_back_as_one(self, world: World) -> None:
        made = await apply(world, config_map(url=Tainted(f"https://{VALUE}"), plain="x"))
        assert isinstance(made["data"]["url"], Tainted)
        assert made["data"]["plain"] == "x"

    async def test_an_account_without_the_right_is_denied(self, world: World) -> None:
        nobody = Account(world.namespace, "nobody")
        with pytest.raises(Denied):
            await world.objects.get(target(world), nobody)
        with pytest.raises(Denied):
            await world.objects.apply(config_map(), nobody, manager=MINE)

    async def test_a_kind_that_is_not_served_is_missing(self, world: World) -> None:
        thing = {"apiVersion": "nothing.example.com/v1", "kind": "Thing", "metadata": {"name": "x"}}
        with pytest.raises(KindMissing) as caught:
            await apply(world, thing)
        assert caught.value.passing

    async def test_namespaces_of_the_system_are_refused(self, world: World) -> None:
        manifest = config_map()
        manifest["metadata"]["namespace"] = "kube-system"
        with pytest.raises(SystemNamespace):
            await apply(world, manifest)
        with pytest.raises(SystemNamespace):
            await world.objects.get(target(world), Account("kube-system", "default"))

    @pytest.mark.parametrize(
        "manifest",
        [
            pytest.param({"apiVersion": "v1", "metadata": {"name": "a"}}, id="no kind"),
            pytest.param({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}}, id="no name"),
            pytest.param(config_map("Not_A_Name"), id="no good name"),
            pytest.param(config_map("a" * 254), id="a name that is too long"),
        ],
    )
    async def test_what_is_no_object_is_invalid(self, world: World, manifest: JsonObject) -> None:
        with pytest.raises(Invalid):
            await apply(world, manifest)

    async def test_an_object_may_have_so_many_bytes(self, world: World) -> None:
        with pytest.raises(TooLarge):
            await apply(world, config_map(a="x" * 1_100_000))
