"""The receiver of webhooks, put together; on every replica it listens from its beginning to its end."""

from __future__ import annotations

import secrets
from typing import Final

from ebbflow.adapters.kube.own_writes import OwnWrites
from ebbflow.adapters.kube.webhook_store import KubeWebhookStore
from ebbflow.adapters.receiver.server import WebhookServer
from ebbflow.api.run import Run
from ebbflow.api.template import Template
from ebbflow.services.accounts.account_webhooks import AccountWebhooks
from ebbflow.services.triggers.triggered_runs import TriggeredRuns
from ebbflow.services.webhooks.call_verdicts import call_verdicts
from ebbflow.services.webhooks.git_hooks import GitHooks
from ebbflow.services.webhooks.keyed_triggers import KeyedTriggers
from ebbflow.services.webhooks.webhook_hints import WebhookHints
from ebbflow.services.webhooks.webhook_intake import WebhookIntake
from ebbflow.settings import Address
from ebbflow.wiring.foundation import Foundation

DRAIN_SECONDS: Final = 2.0
"""For what was taken and is not passed on yet, when the process is told to stop."""

TOKEN_BYTES: Final = 32


class Webhooks:
    """The receiver and what it works with. `accounts` is for whoever looks after accounts."""

    def __init__(self, on: Foundation) -> None:
        client, cluster, clock, settings = on.client, on.cluster, on.clock, on.settings
        # Not noted as our own: whichever replica leads has to hear of these Runs.
        runs = on.run_store(OwnWrites())
        store = KubeWebhookStore(client)

        def leads() -> bool:
            return any(election.leads() for election in on.elections)

        self._hints = WebhookHints(
            cluster, store, on.watch, on.access.users, on.schedule, clock, leads
        )
        self._verdicts = call_verdicts(cluster, store, on.metrics)
        self.accounts = AccountWebhooks(
            cluster, store, self._hints, clock, settings.webhook_url, _token
        )
        started = TriggeredRuns(cluster, runs, _ByTheWatch())
        receiving = WebhookIntake(
            GitHooks(cluster, self._hints, clock, _token),
            KeyedTriggers(cluster, store, started, self._verdicts, clock, _token),
            serves=lambda namespace: namespace in (settings.namespaces or (namespace,)),
            can_sign=lambda: on.record_key() is not None,
        )
        self._server = WebhookServer(receiving, on.metrics)

    async def listen(self, address: Address) -> Address:
        """Listen; returns where, with the port that was chosen. Raises CannotListen."""
        return await self._server.listen(address)

    async def close(self) -> None:
        """Stop listening, and pass on what was taken."""
        await self._server.stop()
        await self._verdicts.close(DRAIN_SECONDS)
        await self._hints.close(DRAIN_SECONDS)


class _ByTheWatch:
    """Leaves the turns of new Runs to the leader, which hears of them by its watch."""

    def take_in(self, run: Run, parent: Template | None) -> None:
        del run, parent

    def look(self, parent: Template) -> None:
        del parent


def _token() -> str:
    return secrets.token_hex(TOKEN_BYTES)
