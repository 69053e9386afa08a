"""What every RunStore must do with Runs and their snapshots: the fake in memory and the real API server alike."""

from __future__ import annotations

import json

import pytest

from ebbflow.api.base import API_VERSION, Key
from ebbflow.api.reasons import Reason
from ebbflow.api.run import RUN_FINALIZER, TRIGGER_KEY
from ebbflow.domain.ports import ClusterError, StaleWrite
from ebbflow.domain.run_store import (
    SOURCE,
    SOURCE_KIND,
    NewRun,
    Snapshot,
    owner_of,
)
from tests.support.cluster_world import World
from tests.support.run_store_world import (
    CONTENT,
    SNAPSHOT,
    SPEC,
    made_by_hand,
    node,
    parent_of,
    run,
    started,
    status,
    template,
)


class RunStoreContract:
    """Subclasses give the fixture `world`."""

    # Making Runs

    async def test_a_run_that_does_not_exist_is_none(self, world: World) -> None:
        assert await world.store.get(world.namespace, "shop-1") is None

    async def test_a_new_run_is_tied_to_its_parent_and_held(self, world: World) -> None:
        parent = await parent_of(world)
        wished = NewRun("shop-1", parent, SPEC, "sha256 of the key", {"a": "b"})
        made = await world.store.create(wished)
        assert made is not None
        assert made.spec == SPEC
        assert made.metadata.finalizers == (RUN_FINALIZER,)
        assert made.metadata.annotations == {"a": "b", TRIGGER_KEY: "sha256 of the key"}
        assert made.metadata.labels == {SOURCE_KIND: "Template", SOURCE: "shop"}
        assert made.metadata.creation_timestamp
        assert owner_of(made, "Template") == parent.metadata.uid
        assert await run(world, "shop-1") == made

    async def test_a_run_may_be_held_later(self, world: World) -> None:
        made = await started(world, held=False)
        assert made.metadata.finalizers == ()
        tied = await world.store.tie(made, await template(world))
        assert tied.metadata.finalizers == (RUN_FINALIZER,)

    async def test_a_name_that_is_taken_makes_nothing(self, world: World) -> None:
        first = await started(world)
        other = NewRun("shop-1", await template(world), SPEC, "another key")
        assert await world.store.create(other) is None
        assert await run(world, "shop-1") == first

    # Reading them

    async def test_runs_are_found_by_their_source(self, world: World) -> None:
        await started(world, "shop-1")
        await made_by_hand(world, "mine")
        for kind, name in (("Template", "other"), ("ReleaseFlow", "shop")):
            spec = {"source": {"kind": kind, "name": name}}
            metadata = {"name": f"{kind.lower()}-{name}"}
            raw = {"apiVersion": API_VERSION, "kind": "Run", "metadata": metadata, "spec": spec}
            await world.make(raw)
        count = world.requests
        found = await world.store.runs_of(Key("Template", world.namespace, "shop"))
        assert {each.metadata.name for each in found} == {"shop-1", "mine"}
        assert world.requests == count + 1
        assert await world.store.runs_of(Key("Template", world.namespace, "none")) == ()

    # Tying and releasing

    async def test_a_run_made_by_hand_is_tied(self, world: World) -> None:
        parent = await parent_of(world)
        before = await made_by_hand(world)
        tied = await world.store.tie(before, parent)
        assert owner_of(tied, "Template") == parent.metadata.uid
        assert tied.metadata.finalizers == (RUN_FINALIZER,)
        assert tied.metadata.labels == {SOURCE_KIND: "Template", SOURCE: "shop"}
        assert tied.spec == before.spec
        assert await run(world, "mine") == tied

    async def test_tying_leaves_what_others_put_there(self, world: World) -> None:
        parent, other = await parent_of(world), await parent_of(world, "other")
        meta = other.metadata
        owner = {"apiVersion": API_VERSION, "kind": "Template", "name": "other", "uid": meta.uid}
        before = await made_by_hand(
            world,
            finalizers=["acme.dev/keep"],
            labels={"team": "blue"},
            ownerReferences=[{**owner, "controller": True}],
        )
        await world.store.tie(before, parent)
        stored = (await world.raw("Run", "mine"))["metadata"]
        assert [(o["uid"], o.get("controller")) for o in stored["ownerReferences"]] == [
            (meta.uid, True),
            (parent.metadata.uid, None),
        ]
        assert stored["finalizers"] == ["acme.dev/keep", RUN_FINALIZER]
        assert stored["labels"] == {"team": "blue", SOURCE_KIND: "Template", SOURCE: "shop"}
        await world.change("Run", "mine", {"metadata": {"finalizers": None}})

    async def test_a_run_that_is_tied_needs_no_request(self, world: World) -> None:
        made = await started(world)
        parent = await template(world)
        count = world.requests
        assert await world.store.tie(made, parent) == made
        assert world.requests == count

    async def test_tying_over_an_edit_is_stale(self, world: World) -> None:
        parent, before = await parent_of(world), await made_by_hand(world)
        await world.change("Run", "mine", {"metadata": {"annotations": {"a": "b"}}})
        with pytest.raises(StaleWrite):
            await world.store.tie(before, parent)
        assert (await run(world, "mine")).metadata.finalizers == ()

    async def test_a_held_run_outlives_its_deletion_until_it_is_released(
        self, world: World
    ) -> None:
        await started(world)
        await world.remove("Run", "shop-1")
        going = await run(world, "shop-1")
        assert going.metadata.deletion_timestamp
        await world.store.release(going)
        assert await world.store.get(world.namespace, "shop-1") is None

    async def test_releasing_leaves_the_finalizers_of_others(self, world: World) -> None:
        before = await made_by_hand(world, finalizers=["acme.dev/a", RUN_FINALIZER, "acme.dev/b"])
        released = await world.store.release(before)
        assert released.metadata.finalizers == ("acme.dev/a", "acme.dev/b")
        count = world.requests
        assert await world.store.release(released) == released
        assert world.requests == count
        await world.change("Run", "mine", {"metadata": {"finalizers": None}})

    async def test_releasing_over_an_edit_is_stale(self, world: World) -> None:
        before = await started(world)
        await world.change("Run", "shop-1", {"spec": {"cancel": True}})
        with pytest.raises(StaleWrite):
            await world.store.release(before)
        assert (await run(world, "shop-1")).metadata.finalizers == (RUN_FINALIZER,)

    async def test_releasing_what_is_gone_is_stale(self, world: World) -> None:
        before = await started(world)
        await world.store.release(before)
        await world.remove("Run", "shop-1")
        with pytest.raises(StaleWrite):
            await world.store.release(before)

    # Cancelling and deleting

    async def test_a_run_is_cancelled_once(self, world: World) -> None:
        cancelled = await world.store.cancel(await started(world))
        assert cancelled.spec == SPEC.model_copy(update={"cancel": True})
        assert await run(world, "shop-1") == cancelled
        count = world.requests
        assert await world.store.cancel(cancelled) == cancelled
        assert world.requests == count

    async def test_cancelling_over_an_edit_is_stale(self, world: World) -> None:
        before = await started(world)
        await world.change("Run", "shop-1", {"metadata": {"labels": {"a": "b"}}})
        with pytest.raises(StaleWrite):
            await world.store.cancel(before)

    async def test_a_run_is_deleted(self, world: World) -> None:
        released = await world.store.release(await started(world))
        await world.store.delete(released)
        assert await world.store.get(world.namespace, "shop-1") is None
        await world.store.delete(released)

    async def test_another_run_of_the_same_name_is_not_deleted(self, world: World) -> None:
        before = await world.store.release(await started(world))
        await world.store.delete(before)
        again = await world.store.create(NewRun("shop-1", await template(world), SPEC, "key"))
        await world.store.delete(before)
        assert await run(world, "shop-1") == again
        assert again is not None
        await world.store.release(again)

    # Statuses of Runs

    async def test_a_status_is_put_in_place_of_the_old_one(self, world: World) -> None:
        first = await world.store.write_status(
            await started(world), status(node(0), node(1), position=2, fence=3, commit="c" * 40)
        )
        assert first.status == status(node(0), node(1), position=2, fence=3, commit="c" * 40)
        assert first.metadata.generation == 1
        assert await run(world, "shop-1") == first
        wished = status(node(0, "Failed", "no"), node(2), fence=3, phase="Failed", reason="Failed")
        second = await world.store.write_status(first, wished)
        assert second.status == wished
        assert await run(world, "shop-1") == second
        assert "position" not in (await world.raw("Run", "shop-1"))["status"]

    async def test_conditions_of_a_run_come_and_go(self, world: World) -> None:
        condition = {
            "type": "Succeeded",
            "status": "Unknown",
            "reason": "Running",
            "message": "",
            "lastTransitionTime": "2026-01-02T03:04:05Z",
        }
        with_it = status(conditions=[condition], observedGeneration=1)
        stored = await world.store.write_status(await started(world), with_it)
        assert stored.status == with_it
        assert (await world.store.write_status(stored, status())).status == status()

    async def test_the_same_status_again_makes_no_request(self, world: World) -> None:
        wished = status(node(0), node(1), fence=3)
        stored = await world.store.write_status(await started(world), wished)
        count = world.requests
        assert await world.store.write_status(stored, wished) == stored
        assert await world.store.write_status(await run(world, "shop-1"), wished) == stored
        assert world.requests == count + 1

    async def test_a_status_over_an_edit_is_stale(self, world: World) -> None:
        before = await started(world)
        await world.change("Run", "shop-1", {"spec": {"cancel": True}})
        with pytest.raises(StaleWrite):
            await world.store.write_status(before, status())
        assert (await run(world, "shop-1")).status.phase is None

    async def test_of_two_who_read_the_same_only_one_writes_a_status(self, world: World) -> None:
        before = await world.store.write_status(await started(world), status(node(0)))
        await world.store.write_status(before, status(node(0), fence=5))
        with pytest.raises(StaleWrite):
            await world.store.write_status(before, status(node(0, "Succeeded"), fence=4))
        assert (await run(world, "shop-1")).status == status(node(0), fence=5)

    async def test_a_status_of_a_run_made_anew_is_stale(self, world: World) -> None:
        before = await world.store.release(await started(world))
        await world.store.delete(before)
        await world.store.create(NewRun("shop-1", await template(world), SPEC, "key"))
        with pytest.raises(StaleWrite):
            await world.store.write_status(before, status())

    async def test_a_status_of_500_nodes_is_kept(self, world: World) -> None:
        nodes = [node(number, message="m" * 100) for number in range(500)]
        stored = await world.store.write_status(await started(world), status(*nodes))
        assert stored.status.nodes == tuple(nodes)
        nodes[250] = node(250, "Succeeded")
        stored = await world.store.write_status(stored, status(*nodes))
        assert stored.status.nodes == tuple(nodes)
        done = [node(number, "Succeeded", "done") for number in range(0, 500, 2)]
        stored = await world.store.write_status(stored, status(*done))
        assert stored.status.nodes == tuple(done)
        assert await run(world, "shop-1") == stored

    # Snapshots

    async def test_a_snapshot_is_kept_and_read_back(self, world: World) -> None:
        owner = await started(world)
        assert await world.store.read(world.namespace, SNAPSHOT.name) is None
        await world.store.keep(SNAPSHOT, owner)
        content = await world.store.read(world.namespace, SNAPSHOT.name)
        assert json.dumps(content) == json.dumps(CONTENT)
        stored = (await world.raw("ControllerRevision", SNAPSHOT.name))["metadata"]
        assert [(o["kind"], o["uid"]) for o in stored["ownerReferences"]] == [
            ("Run", owner.metadata.uid)
        ]
        assert "controller" not in stored["ownerReferences"][0]
        assert not stored.get("labels")

    async def test_runs_of_one_document_own_its_snapshot_together(self, world: World) -> None:
        first, second = await started(world), await made_by_hand(world)
        for owner in (first, second, first, second):
            await world.store.keep(SNAPSHOT, owner)
        stored = (await world.raw("ControllerRevision", SNAPSHOT.name))["metadata"]
        uids = [owner["uid"] for owner in stored["ownerReferences"]]
        assert sorted(uids) == sorted([first.metadata.uid, second.metadata.uid])
        assert await world.store.read(world.namespace, SNAPSHOT.name) == SNAPSHOT.content

    async def test_a_snapshot_that_holds_something_else_is_refused(self, world: World) -> None:
        owner = await started(world)
        await world.store.keep(SNAPSHOT, owner)
        forged = Snapshot(SNAPSHOT.name, {"document": {}})
        with pytest.raises(ClusterError, match="another document") as caught:
            await world.store.keep(forged, owner)
        assert not isinstance(caught.value, StaleWrite)

    async def test_a_snapshot_that_nobody_names_is_dropped(self, world: World) -> None:
        owner = await parent_of(world)
        await world.store.keep(SNAPSHOT, owner)
        await world.store.drop(world.namespace, SNAPSHOT.name)
        assert await world.store.read(world.namespace, SNAPSHOT.name) is None
        await world.store.drop(world.namespace, SNAPSHOT.name)

    # Events

    async def test_what_happened_to_a_run_is_announced(self, world: World) -> None:
        about = await started(world)
        await world.store.announce(about, Reason.RUNNING, "Running shop", warning=False)
        await world.store.announce(about, "NodeFailed", "0.2 failed", warning=True)
        assert await world.announced("Run", "shop-1") == [
            ("Normal", "Running", "Running shop"),
            ("Warning", "NodeFailed", "0.2 failed"),
        ]
