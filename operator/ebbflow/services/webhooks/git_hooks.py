"""Deliveries of Git providers to an account: verified, understood, and taken as hints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from ebbflow.api.base import Key
from ebbflow.api.gitaccount import GitAccount, Provider
from ebbflow.domain.ports import Clock, Cluster
from ebbflow.domain.secret import Tainted
from ebbflow.domain.webhooks.account_secret import MOST_SECRETS, secret_name, secrets_of
from ebbflow.domain.webhooks.delivery import (
    Delivery,
    Hint,
    Malformed,
    Ping,
    Unimportant,
    Unsupported,
    kept_id,
)
from ebbflow.domain.webhooks.exchange import Answer, said, unreadable
from ebbflow.domain.webhooks.formats import Format, format_of
from ebbflow.services.remembered_reads import FRESH, KEEP, NO_SECRET, RememberedReads
from ebbflow.services.webhooks.webhook_hints import Told, WebhookHints

SHOWN_REFS: Final = 20

UNAUTHORIZED: Final = said(
    HTTPStatus.UNAUTHORIZED,
    "unauthorized",
    "the signature is wrong or missing: sign with the secret of the account's webhooks",
)
"""For unknown accounts too: the answer tells nobody which accounts there are."""


@dataclass(frozen=True, slots=True)
class Hook:
    """What deliveries to an account are verified with: always MOST_SECRETS, whoever has fewer."""

    provider: Provider
    server: str | None
    secrets: tuple[Tainted, ...]


class GitHooks:
    """Answers deliveries to accounts. `nobody`: a secret that nobody has, for unknown accounts."""

    def __init__(
        self, cluster: Cluster, hints: WebhookHints, clock: Clock, nobody: Callable[[], str]
    ) -> None:
        self._cluster = cluster
        self._hints = hints
        self._clock = clock
        self._nobody = Hook("Git", None, (Tainted(nobody()),) * MOST_SECRETS)
        self._hooks = RememberedReads[Key, Hook](self._read, clock.monotonic)

    async def answer(self, account: Key | None, delivery: Delivery) -> Answer:
        """Answer a delivery. Raises Overloaded, ClusterError and InvalidObject."""
        hook, sender = await self._verified(account, delivery)
        if sender is None or account is None:
            self._hooks.refuse()
            return UNAUTHORIZED
        try:
            event = sender.event_of(delivery)
        except (Unsupported, Malformed) as error:
            return unreadable(error)
        match event:
            case Ping(repositories=repositories):
                if repositories:
                    self._hints.note(account, Told(repositories, sender.hook_of(delivery)))
                return said(HTTPStatus.OK, "ping", "the webhook works")
            case Unimportant(event=name):
                return said(
                    HTTPStatus.ACCEPTED, "ignored", f"ignored: nothing waits for the event {name}"
                )
            case Hint():
                identity = kept_id(sender.id_of(delivery)) or None
                told = Told(event.repositories, sender.hook_of(delivery), identity)
                return _looking(event, self._hints.take(account, hook.server, told))

    async def _verified(
        self, account: Key | None, delivery: Delivery
    ) -> tuple[Hook, Format | None]:
        """Return what it was verified with, and its format; None if it is not genuine.

        What is not genuine takes the same reads and the same work for any account, also for one
        that there is not: a sender could take the time, and send a body that takes long to sign.
        """
        hook = await self._hook(account)
        sender = self._sender(hook, delivery)
        if sender is not None:
            return hook, sender
        # The secret may have been changed a moment ago.
        fresh = await self._hook(account, FRESH)
        return fresh, None if fresh == hook else self._sender(fresh, delivery)

    async def _hook(self, account: Key | None, max_age: float = KEEP) -> Hook:
        found = None if account is None else await self._hooks.get(account, max_age)
        return found or self._nobody

    def _sender(self, hook: Hook, delivery: Delivery) -> Format | None:
        """Return the format of a genuine delivery; None if it is not genuine."""
        found = format_of(hook.provider, delivery.headers)
        spoken = found or format_of("Git", delivery.headers)
        if spoken is None:
            return None
        secrets = (hook if found else self._nobody).secrets
        return found if spoken.is_genuine(delivery, secrets, self._clock.now()) else None

    async def _read(self, key: Key) -> Hook | None:
        account = await self._cluster.get(GitAccount, key.namespace, key.name)
        name = None if account is None else secret_name(account)
        # Also where there is none: the time that it takes must not tell.
        secret = await self._cluster.get_secret(key.namespace, name or NO_SECRET)
        if account is None or name is None:
            return None
        spec = account.spec
        secrets = (*secrets_of(secret, self._clock.now()), *self._nobody.secrets)
        return Hook(spec.provider, spec.server_url, secrets[:MOST_SECRETS])


def _looking(hint: Hint, found: int | None) -> Answer:
    repository = hint.repositories[0]
    if found == 0:
        return said(HTTPStatus.ACCEPTED, "unused", f"ignored: nothing here uses {repository}")
    body = {
        "message": "the repository is looked at now",
        "repository": repository,
        "refs": list(hint.refs[:SHOWN_REFS]),
    }
    return Answer(HTTPStatus.ACCEPTED, "taken", body)
