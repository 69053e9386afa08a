"""What every Cluster and StatusWriter must do: the fake in memory and the real API server alike."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ebbflow.api.base import API_VERSION, JsonObject
from ebbflow.api.reasons import Reason
from ebbflow.api.template import PendingWrite, Template
from ebbflow.domain.conditions import REQUESTED_AT
from ebbflow.domain.outcome import Notice, Report, Stalled, Waiting
from ebbflow.domain.ports import StaleWrite
from tests.support.cluster_world import IN_STEP, World

GIT = {"repository": "https://git.test/acme/infra", "branch": "main", "path": "shop.yaml"}
DOCUMENT = {"apiVersion": "v1.2", "arguments": {"REPLICAS": "2"}, "name": "shop"}
SYNC = {**GIT, "commit": "c" * 40, "blob": "b" * 40, "documentHash": "d" * 64}
PENDING = PendingWrite(
    commit="1" * 40,
    parent="2" * 40,
    tree="3" * 40,
    blob="4" * 40,
    document_hash="5" * 64,
    author="Ada <ada@acme.test>",
    time=1_700_000_000,
    message="Update shop\n",
)


def template(**spec: Any) -> JsonObject:
    return {
        "apiVersion": API_VERSION,
        "kind": "Template",
        "metadata": {"name": "shop"},
        "spec": {"git": GIT, "document": DOCUMENT, **spec},
    }


def annotated(**annotations: str) -> JsonObject:
    raw = template()
    raw["metadata"]["annotations"] = annotations
    return raw


async def made(world: World, raw: JsonObject | None = None) -> Template:
    await world.make(raw or template())
    return await read(world)


async def read(world: World) -> Template:
    found = await world.cluster.get(Template, world.namespace, "shop")
    assert found is not None
    return found


class ClusterContract:
    """Subclasses give the fixture `world`."""

    # Reading

    async def test_what_does_not_exist_is_none(self, world: World) -> None:
        assert await world.cluster.get(Template, world.namespace, "shop") is None
        assert await world.cluster.get_secret(world.namespace, "git") is None
        assert await world.cluster.get_namespace_labels("there-is-none") is None

    async def test_an_object_comes_with_its_metadata_and_spec(self, world: World) -> None:
        found = await made(world)
        assert found.metadata.uid
        assert found.metadata.resource_version
        assert found.metadata.generation == 1
        assert found.spec.document == DOCUMENT
        assert found.key == ("Template", world.namespace, "shop")

    async def test_a_secret_comes_decoded_and_tainted(self, world: World) -> None:
        await world.secret("git", {"token": "sesam-öffne-dich"}, {"ebbflow.dev/hosts": "git.test"})
        secret = await world.cluster.get_secret(world.namespace, "git")
        assert secret is not None
        assert secret.data["token"].reveal() == "sesam-öffne-dich"
        assert secret.annotations["ebbflow.dev/hosts"] == "git.test"
        assert "sesam" not in repr(secret)

    async def test_a_namespace_has_the_label_of_its_name(self, world: World) -> None:
        labels = await world.cluster.get_namespace_labels(world.namespace)
        assert labels is not None
        assert labels["kubernetes.io/metadata.name"] == world.namespace

    # The document

    async def test_a_document_is_replaced_whole(self, world: World) -> None:
        before = await made(world)
        after = await world.cluster.replace_document(
            before, {"apiVersion": "v1.2", "new": {"a": 1}}
        )
        assert after.spec.document == {"apiVersion": "v1.2", "new": {"a": 1}}
        assert after.spec.git == before.spec.git
        assert after.metadata.generation == before.metadata.generation + 1
        assert await read(world) == after

    async def test_a_document_is_put_where_there_was_none(self, world: World) -> None:
        before = await made(world, template(document=None))
        after = await world.cluster.replace_document(before, DOCUMENT)
        assert after.spec.document == DOCUMENT

    async def test_a_document_is_put_where_there_was_no_spec(self, world: World) -> None:
        raw = template()
        del raw["spec"]
        before = await made(world, raw)
        assert (await world.cluster.replace_document(before, DOCUMENT)).spec.document == DOCUMENT

    async def test_a_document_takes_annotations_along(self, world: World) -> None:
        before = await made(world, annotated(**{"ebbflow.dev/resolve": "git", "a": "b"}))
        after = await world.cluster.replace_document(
            before, {"apiVersion": "v1.2"}, {"ebbflow.dev/resolve": None, "ebbflow.dev/taken": "c"}
        )
        assert after.metadata.annotations == {"a": "b", "ebbflow.dev/taken": "c"}
        assert await read(world) == after

    async def test_a_document_brings_the_first_annotation(self, world: World) -> None:
        before = await made(world)
        after = await world.cluster.replace_document(before, DOCUMENT, {"a.b/c": "d", "e": None})
        assert after.metadata.annotations == {"a.b/c": "d"}

    async def test_annotations_are_removed_and_nothing_else(self, world: World) -> None:
        before = await made(world, annotated(**{"ebbflow.dev/resolve": "git", "a": "b"}))
        after = await world.cluster.remove_annotations(before, ["ebbflow.dev/resolve"])
        assert after.metadata.annotations == {"a": "b"}
        assert after.spec == before.spec
        assert await read(world) == after

    async def test_removing_an_annotation_over_an_edit_is_stale(self, world: World) -> None:
        before = await made(world, annotated(a="b"))
        await world.change("Template", "shop", {"metadata": {"annotations": {"a": "c"}}})
        with pytest.raises(StaleWrite):
            await world.cluster.remove_annotations(before, ["a"])

    async def test_a_document_written_over_another_edit_is_stale(self, world: World) -> None:
        before = await made(world)
        edited = {"spec": {"document": {"arguments": {"REPLICAS": "5"}}}}
        await world.change("Template", "shop", edited)
        with pytest.raises(StaleWrite):
            await world.cluster.replace_document(before, {"apiVersion": "v1.2"})
        stored = (await read(world)).spec.document
        assert stored == {**DOCUMENT, "arguments": {"REPLICAS": "5"}}

    async def test_a_document_written_over_an_annotation_is_stale(self, world: World) -> None:
        before = await made(world)
        await world.change("Template", "shop", {"metadata": {"annotations": {"a": "b"}}})
        with pytest.raises(StaleWrite):
            await world.cluster.replace_document(before, {"apiVersion": "v1.2"})

    async def test_a_document_of_a_deleted_object_is_stale(self, world: World) -> None:
        before = await made(world)
        await world.remove("Template", "shop")
        with pytest.raises(StaleWrite):
            await world.cluster.replace_document(before, DOCUMENT)

    async def test_the_same_document_again_changes_nothing(self, world: World) -> None:
        # The first write of a new object also stores what the CRD has by default.
        before = await world.cluster.replace_document(await made(world), DOCUMENT)
        after = await world.cluster.replace_document(before, dict(reversed(DOCUMENT.items())))
        assert after == before
        assert after.metadata.generation == 1

    @pytest.mark.parametrize(
        ("written", "stored"),
        [
            pytest.param(1.0, 1, id="a whole double is an integer"),
            pytest.param(1e3, 1000, id="an exponent is written out"),
            pytest.param(1.5, 1.5, id="a fraction stays"),
            pytest.param(2**63 - 1, 2**63 - 1, id="64 bits stay"),
            pytest.param(123456789012345678901234567890, 1.2345678901234568e29, id="30 digits"),
            pytest.param(1e20, 10**20, id="a double below 1e21 is written out"),
            pytest.param(1e21, 1e21, id="a double from 1e21 on has an exponent"),
            pytest.param(1e-7, 1e-7, id="a small double"),
            pytest.param(None, None, id="null in the document stays"),
            pytest.param({"b": 1, "a": {}}, {"a": {}, "b": 1}, id="keys are sorted"),
            pytest.param([], [], id="an empty list stays"),
            pytest.param("yes", "yes", id="text is text"),
            pytest.param("\u2028 ü 😀", "\u2028 ü 😀", id="unicode"),
        ],
    )
    async def test_values_come_back_as_json(
        self, world: World, written: object, stored: object
    ) -> None:
        before = await made(world)
        after = await world.cluster.replace_document(before, {"value": written})
        assert after.spec.document is not None
        value = after.spec.document["value"]
        assert value == stored
        assert type(value) is type(stored)
        if isinstance(stored, dict):
            assert list(value) == list(stored)

    # The pending write

    @pytest.mark.parametrize(
        "status",
        [
            pytest.param(None, id="without a status"),
            pytest.param({"active": ["a"]}, id="without sync"),
            pytest.param({"sync": {"commit": "a" * 40}}, id="with sync"),
        ],
    )
    async def test_a_pending_write_is_recorded_and_cleared(
        self, world: World, status: JsonObject | None
    ) -> None:
        before = await made(world)
        if status is not None:
            await world.change_status("shop", status)
            before = await read(world)
        recorded = await world.cluster.set_pending_write(before, PENDING)
        assert recorded.status.sync is not None
        assert recorded.status.sync.pending_write == PENDING
        assert recorded.metadata.generation == before.metadata.generation
        cleared = await world.cluster.set_pending_write(recorded, None)
        assert cleared.status.sync is not None
        assert cleared.status.sync.pending_write is None
        assert cleared.status.active == before.status.active
        assert await read(world) == cleared

    async def test_clearing_nothing_makes_no_request(self, world: World) -> None:
        before = await made(world)
        count = world.requests
        assert await world.cluster.set_pending_write(before, None) == before
        assert world.requests == count

    async def test_a_pending_write_over_an_edit_is_stale(self, world: World) -> None:
        before = await made(world)
        await world.change("Template", "shop", {"spec": {"suspend": True}})
        with pytest.raises(StaleWrite):
            await world.cluster.set_pending_write(before, PENDING)
        assert (await read(world)).status.sync is None

    async def test_clearing_what_another_cleared_is_stale(self, world: World) -> None:
        before = await world.cluster.set_pending_write(await made(world), PENDING)
        await world.change_status("shop", {"sync": {"pendingWrite": None}})
        with pytest.raises(StaleWrite):
            await world.cluster.set_pending_write(before, None)

    async def test_a_pending_write_of_a_deleted_object_is_stale(self, world: World) -> None:
        before = await made(world)
        await world.remove("Template", "shop")
        with pytest.raises(StaleWrite):
            await world.cluster.set_pending_write(before, PENDING)

    # The status

    async def test_a_status_says_what_the_report_says(self, world: World) -> None:
        before = await made(world)
        await world.writer.write(Report(before, IN_STEP, {"sync": SYNC}))
        after = await read(world)
        (ready,) = after.status.conditions
        assert (ready.type, ready.status, ready.reason) == ("Ready", "True", "InStep")
        assert ready.observed_generation == after.status.observed_generation == 1
        assert after.status.sync is not None
        assert after.status.sync.dump() == SYNC
        assert after.metadata.generation == 1

    async def test_the_writer_returns_the_object_as_stored(self, world: World) -> None:
        stored = await world.writer.write(Report(await made(world), IN_STEP, {"sync": SYNC}))
        assert stored == await read(world)
        assert stored is not None
        assert await world.writer.write(Report(stored, IN_STEP, {"sync": SYNC})) == stored

    async def test_the_writer_returns_nothing_for_what_somebody_changed(self, world: World) -> None:
        before = await made(world)
        await world.change("Template", "shop", {"metadata": {"annotations": {"a": "b"}}})
        assert await world.writer.write(Report(before, IN_STEP, {"sync": SYNC})) is None
        assert (await read(world)).status.sync is not None

    async def test_the_second_equal_status_makes_no_request(self, world: World) -> None:
        await world.writer.write(Report(await made(world), IN_STEP, {"sync": SYNC}))
        after = await read(world)
        count = world.requests
        await world.writer.write(Report(after, IN_STEP, {"sync": SYNC}))
        assert world.requests == count
        assert await read(world) == after

    async def test_a_stalled_status_twice_makes_no_second_request(self, world: World) -> None:
        stalled = Stalled(Reason.BRANCH_NOT_FOUND, "branch main does not exist; create it")
        await world.writer.write(Report(await made(world), stalled))
        after = await read(world)
        count = world.requests
        await world.writer.write(Report(after, stalled))
        assert world.requests == count
        assert [c.type for c in after.status.conditions] == ["Ready", "Stalled"]

    async def test_a_condition_that_no_longer_holds_goes(self, world: World) -> None:
        waiting = Waiting(Reason.GIT_UNREACHABLE, "git.test did not answer", timedelta(seconds=1))
        await world.writer.write(Report(await made(world), waiting))
        assert len((await read(world)).status.conditions) == 2
        await world.writer.write(Report(await read(world), IN_STEP))
        assert [c.type for c in (await read(world)).status.conditions] == ["Ready"]

    async def test_a_field_that_the_report_leaves_out_goes(self, world: World) -> None:
        await world.writer.write(Report(await made(world), IN_STEP, {"sync": SYNC}))
        less = {key: value for key, value in SYNC.items() if key != "blob"}
        await world.writer.write(Report(await read(world), IN_STEP, {"sync": less}))
        assert (await world.raw("Template", "shop"))["status"]["sync"] == less
        await world.writer.write(Report(await read(world), IN_STEP, {}))
        assert not (await world.raw("Template", "shop"))["status"].get("sync")

    async def test_what_the_queue_owns_survives_a_status(self, world: World) -> None:
        await made(world)
        await world.change_status("shop", {"active": ["shop-1"], "queue": ["shop-2"]})
        pending = await world.cluster.set_pending_write(await read(world), PENDING)
        stale_copy = pending.status.dump()
        stale_copy["active"] = ["shop-0"]
        await world.writer.write(Report(pending, IN_STEP, stale_copy | {"sync": SYNC}))
        after = await read(world)
        assert after.status.active == ("shop-1",)
        assert after.status.queue == ("shop-2",)
        assert after.status.sync is not None
        assert after.status.sync.pending_write == PENDING
        assert after.status.sync.commit == SYNC["commit"]

    async def test_a_pending_write_survives_a_report_without_sync(self, world: World) -> None:
        await world.writer.write(Report(await made(world), IN_STEP, {"sync": SYNC}))
        pending = await world.cluster.set_pending_write(await read(world), PENDING)
        await world.writer.write(Report(pending, IN_STEP, {}))
        after = await read(world)
        assert after.status.sync is not None
        assert after.status.sync.pending_write == PENDING
        assert after.status.sync.commit is None
        count = world.requests
        await world.writer.write(Report(after, IN_STEP, {}))
        assert world.requests == count

    async def test_clearing_the_pending_write_keeps_the_status(self, world: World) -> None:
        pending = await world.cluster.set_pending_write(await made(world), PENDING)
        await world.writer.write(Report(pending, IN_STEP, {"sync": SYNC}))
        cleared = await world.cluster.set_pending_write(await read(world), None)
        assert cleared.status.sync is not None
        assert cleared.status.sync.dump() == SYNC
        count = world.requests
        await world.writer.write(Report(cleared, IN_STEP, {"sync": SYNC}))
        assert world.requests == count

    async def test_the_status_of_a_deleted_object_is_nobodys_business(self, world: World) -> None:
        before = await made(world)
        await world.remove("Template", "shop")
        await world.writer.write(Report(before, IN_STEP))
        assert await world.cluster.get(Template, world.namespace, "shop") is None

    async def test_the_status_of_an_object_made_anew_is_stale(self, world: World) -> None:
        before = await made(world)
        await world.remove("Template", "shop")
        await made(world)
        with pytest.raises(StaleWrite):
            await world.writer.write(Report(before, IN_STEP))
        assert not any(c.status == "True" for c in (await read(world)).status.conditions)

    async def test_a_requested_pass_is_answered(self, world: World) -> None:
        await made(world)
        await world.change(
            "Template", "shop", {"metadata": {"annotations": {REQUESTED_AT: "token-1"}}}
        )
        await world.writer.write(Report(await read(world), IN_STEP))
        assert (await read(world)).status.last_handled_requested_at == "token-1"

    # Events

    async def test_a_transition_of_ready_is_announced_once(self, world: World) -> None:
        stalled = Stalled(Reason.BRANCH_NOT_FOUND, "branch main does not exist; create it")
        await world.writer.write(Report(await made(world), stalled))
        await world.writer.write(Report(await read(world), stalled))
        await world.writer.write(Report(await read(world), IN_STEP))
        await world.writer.write(Report(await read(world), IN_STEP))
        assert await world.announced("Template", "shop") == [
            ("Warning", "BranchNotFound", "branch main does not exist; create it"),
            ("Normal", "InStep", "In step with main at ccccccc"),
        ]

    async def test_notices_are_announced_though_the_status_stays(self, world: World) -> None:
        await world.writer.write(Report(await made(world), IN_STEP))
        notice = Notice(Reason.EDIT_REVERTED, "Reverted to 4f0d7c3")
        await world.writer.write(Report(await read(world), IN_STEP, notices=(notice,)))
        assert ("Normal", "EditReverted", "Reverted to 4f0d7c3") in await world.announced(
            "Template", "shop"
        )
