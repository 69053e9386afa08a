"""Who answers the receiver of webhooks, on every replica."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from typing_extensions import override

from ebbflow.domain.ports import ClusterError, InvalidObject
from ebbflow.domain.webhooks.delivery import Delivery
from ebbflow.domain.webhooks.exchange import Answer, Receiving, RunCall, too_many, unavailable
from ebbflow.domain.webhooks.places import account_of
from ebbflow.services.remembered_reads import Overloaded
from ebbflow.services.webhooks.git_hooks import UNAUTHORIZED, GitHooks
from ebbflow.services.webhooks.keyed_triggers import UNKNOWN, KeyedTriggers

SOON: Final = timedelta(seconds=2)

log = logging.getLogger(__name__)


class WebhookIntake(Receiving):
    """Answers deliveries and calls; of namespaces that are not served, as if there was nothing.

    `can_sign`: whether Runs can be signed as ours now; others' tell nothing of their trigger.
    """

    def __init__(
        self,
        hooks: GitHooks,
        triggers: KeyedTriggers,
        *,
        serves: Callable[[str], bool],
        can_sign: Callable[[], bool],
    ) -> None:
        self._hooks = hooks
        self._triggers = triggers
        self._serves = serves
        self._can_sign = can_sign

    @override
    async def git(self, account_id: str, delivery: Delivery) -> Answer:
        account = account_of(account_id)
        if account is not None and not self._serves(account.namespace):
            account = None
        return await _answered(self._hooks.answer(account, delivery), UNAUTHORIZED)

    @override
    async def run(self, call: RunCall) -> Answer:
        if not self._serves(call.namespace):
            return UNKNOWN
        if not self._can_sign():
            return unavailable("the receiver is not ready yet")
        return await _answered(self._triggers.answer(call), UNKNOWN)


async def _answered(work: Awaitable[Answer], nobody: Answer) -> Answer:
    """Return the answer, or what to say where the cluster did not give it. `nobody`: to strangers."""
    try:
        return await work
    except Overloaded:
        return too_many("too many ask for what is not known", SOON)
    except InvalidObject as error:
        # What it says is for those who may see the object; its own status says it too.
        log.warning("a webhook cannot be answered: %s", error)
        return nobody
    except ClusterError as error:
        log.warning("a webhook cannot be answered now: %s", error)
        return unavailable("the cluster does not answer now")
