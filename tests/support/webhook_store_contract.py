"""What every WebhookStore must do: the fake in memory and the real API server alike."""

from __future__ import annotations

from typing import Any, Protocol

import pytest

from ebbflow.api.base import API_VERSION, JsonObject
from ebbflow.api.gitaccount import GitAccount, WebhookStatus
from ebbflow.api.gittrigger import Delivery, GitTrigger
from ebbflow.api.reasons import Reason
from ebbflow.domain.outcome import Done, Report
from ebbflow.domain.ports import Cluster, StaleWrite, StatusWriter
from ebbflow.domain.secret import Tainted
from ebbflow.domain.webhooks.store import WebhookStore

HOOK = WebhookStatus(
    repository="https://git.test/acme/shop",
    id="1",
    state="Received",
    last_delivery_at="2026-11-21T12:00:00.000000Z",
)
DELIVERY = Delivery(
    id="d-1",
    at="2026-11-21T12:00:00.000000Z",
    source="Webhook",
    verdict="Fired",
    reason="RulesMet",
    runs=("shop-1",),
)


class World(Protocol):
    """A namespace, and the ports on it."""

    namespace: str

    @property
    def cluster(self) -> Cluster: ...
    @property
    def writer(self) -> StatusWriter: ...
    @property
    def webhooks(self) -> WebhookStore: ...
    async def make(self, raw: JsonObject) -> None: ...
    async def change(self, kind: str, name: str, change: JsonObject) -> None: ...


def _object(kind: str, name: str, spec: dict[str, Any]) -> JsonObject:
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}


async def account(world: World) -> GitAccount:
    found = await world.cluster.get(GitAccount, world.namespace, "acme")
    if found is None:
        await world.make(_object("GitAccount", "acme", {"provider": "Git"}))
        found = await world.cluster.get(GitAccount, world.namespace, "acme")
    assert found is not None
    return found


async def trigger(world: World) -> GitTrigger:
    found = await world.cluster.get(GitTrigger, world.namespace, "deploy")
    if found is None:
        key = {"secretKeyRef": {"name": "key", "key": "key"}}
        targets = [{"kind": "Template", "name": "shop"}]
        spec = {"type": "Webhook", "keyFrom": key, "targets": targets}
        await world.make(_object("GitTrigger", "deploy", spec))
        found = await world.cluster.get(GitTrigger, world.namespace, "deploy")
    assert found is not None
    return found


class WebhookStoreContract:
    """Subclasses give the fixture `world`."""

    async def test_the_triggers_of_a_namespace_are_listed(self, world: World) -> None:
        assert await world.webhooks.triggers(world.namespace) == ()
        made = await trigger(world)
        assert [one.key for one in await world.webhooks.triggers(world.namespace)] == [made.key]
        assert await world.webhooks.triggers("elsewhere") == ()

    async def test_a_secret_is_made_once_and_never_changed(self, world: World) -> None:
        owner = await account(world)
        for text, made in (("first", True), ("second", False)):
            values = {"secret": Tainted(text)}
            assert await world.webhooks.make_secret(owner, "hook", values, {"a/b": text}) is made
        found = await world.cluster.get_secret(world.namespace, "hook")
        assert found is not None
        assert found.data == {"secret": Tainted("first")}
        assert found.annotations["a/b"] == "first"

    async def test_webhooks_are_noted_where_there_was_no_status(self, world: World) -> None:
        await world.webhooks.note_webhooks(await account(world), (HOOK,))
        assert (await account(world)).status.webhooks == (HOOK,)

    async def test_what_was_noted_survives_a_status(self, world: World) -> None:
        await world.webhooks.note_webhooks(await account(world), (HOOK,))
        done = Done(Reason.ACCOUNT_READY, "Authenticates by None")
        await world.writer.write(Report(await account(world), done, {"method": "None"}))
        seen = (await account(world)).status
        assert (seen.webhooks, seen.method) == ((HOOK,), "None")

    async def test_deliveries_are_noted_over_others(self, world: World) -> None:
        await world.webhooks.note_deliveries(await trigger(world), (DELIVERY,))
        second = DELIVERY.model_copy(update={"id": "d-2"})
        await world.webhooks.note_deliveries(await trigger(world), (second, DELIVERY))
        assert (await trigger(world)).status.deliveries == (second, DELIVERY)

    async def test_a_note_over_a_change_is_stale(self, world: World) -> None:
        before, older = await account(world), await trigger(world)
        for kind, name in (("GitAccount", "acme"), ("GitTrigger", "deploy")):
            await world.change(kind, name, {"spec": {"suspend": True}})
        with pytest.raises(StaleWrite):
            await world.webhooks.note_webhooks(before, (HOOK,))
        with pytest.raises(StaleWrite):
            await world.webhooks.note_deliveries(older, (DELIVERY,))
