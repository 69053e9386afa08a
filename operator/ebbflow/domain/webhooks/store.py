"""The port of what the receiver of webhooks reads and writes in the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from ebbflow.api.gitaccount import GitAccount, WebhookStatus
from ebbflow.api.gittrigger import Delivery, GitTrigger
from ebbflow.domain.secret import Tainted


class WebhookStore(Protocol):
    """The operator's own objects. Every method raises ClusterError when the server refuses."""

    async def triggers(self, namespace: str) -> tuple[GitTrigger, ...]:
        """List the GitTriggers of a namespace; one that does not fit its model is left out."""
        ...

    async def make_secret(
        self,
        account: GitAccount,
        name: str,
        values: Mapping[str, Tainted],
        annotations: Mapping[str, str],
    ) -> bool:
        """Make a Secret that the account owns; False if the name is taken."""
        ...

    async def note_webhooks(self, account: GitAccount, webhooks: tuple[WebhookStatus, ...]) -> None:
        """Put `status.webhooks` in place of the old ones, if the account is still as it was read.

        Raises StaleWrite if it is not.
        """
        ...

    async def note_deliveries(self, trigger: GitTrigger, deliveries: tuple[Delivery, ...]) -> None:
        """Put `status.deliveries` in place of the old ones, if the trigger is still as it was read.

        Raises StaleWrite if it is not.
        """
        ...
