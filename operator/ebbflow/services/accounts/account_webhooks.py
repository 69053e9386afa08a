"""The webhooks of accounts: where deliveries go, and the secret that they are signed with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from ebbflow.api.base import JsonObject, Key
from ebbflow.api.gitaccount import GitAccount
from ebbflow.domain.ports import Clock, Cluster, ClusterError
from ebbflow.domain.secret import Tainted
from ebbflow.domain.webhooks.account_secret import (
    PREVIOUS,
    PREVIOUS_UNTIL,
    SECRET,
    secret_name,
    secrets_of,
    until,
)
from ebbflow.domain.webhooks.places import account_path
from ebbflow.domain.webhooks.store import WebhookStore
from ebbflow.services.webhooks.webhook_hints import WebhookHints

RECHECK: Final = timedelta(minutes=5)
"""How soon it is seen that somebody deleted the secret: Secrets are not watched."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What an account's status says of its webhooks.

    `trouble`: why deliveries cannot be verified, in words that end a sentence; empty: they can.
    `after`: when to look again.
    """

    fields: JsonObject = field(default_factory=dict)
    trouble: str = ""
    after: timedelta | None = None


class AccountWebhooks:
    """Looks after the webhooks of accounts, on the leader, where a receiver listens.

    `url`: the address under which the receiver is known outside. `token` makes a secret.
    """

    def __init__(
        self,
        cluster: Cluster,
        store: WebhookStore,
        hints: WebhookHints,
        clock: Clock,
        url: str | None,
        token: Callable[[], str],
    ) -> None:
        self._cluster = cluster
        self._store = store
        self._hints = hints
        self._clock = clock
        self._url = url
        self._token = token

    async def look(self, account: GitAccount) -> Shown:
        """Make the secret if it is missing, and look where other replicas were told to.

        What the API server refuses is not raised: `Shown.trouble` tells it.
        """
        self._hints.heed(account)
        name = secret_name(account)
        if name is None:
            return Shown()
        path = account_path(account.key)
        fields: JsonObject = {"webhookPath": path, "webhookSecret": name}
        if self._url is not None:
            fields["webhookURL"] = self._url.rstrip("/") + path
        try:
            trouble = await self._prepare(account, name)
        except ClusterError as error:
            # Without webhooks everything works, if later.
            trouble = str(error)
        return Shown(fields, trouble, RECHECK)

    def drop(self, account: Key) -> None:
        """Take note that an account is gone; its secret goes with it."""
        self._hints.drop(account)

    async def _prepare(self, account: GitAccount, name: str) -> str:
        namespace = account.metadata.namespace
        found = await self._cluster.get_secret(namespace, name)
        if found is None and account.spec.webhooks.manage:
            await self._make(account, name)
            return ""
        if found is None:
            return f"Secret {namespace}/{name} does not exist; create it with the key {SECRET}"
        if not secrets_of(found, self._clock.now()):
            return f"Secret {namespace}/{name} lacks the key {SECRET}"
        return ""

    async def _make(self, account: GitAccount, name: str) -> None:
        values, annotations = {SECRET: Tainted(self._token())}, {}
        before = account.status.webhook_secret
        if before is not None and before != name:
            old = await self._cluster.get_secret(account.metadata.namespace, before)
            counts = secrets_of(old, self._clock.now())
            if counts:
                values[PREVIOUS] = counts[0]
                annotations[PREVIOUS_UNTIL] = until(self._clock.now())
        await self._store.make_secret(account, name, values, annotations)
