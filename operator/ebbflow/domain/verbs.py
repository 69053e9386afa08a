"""The port that tells whether a tenant has a verb that no request of its own stands for.

What a run does in a tenant's name is a request as the tenant, so the API server checks it. A Run of
another Template is made by the operator itself: that the tenant may start it has to be asked.
"""

from __future__ import annotations

from typing import Protocol

from ebbflow.api.base import Key
from ebbflow.domain.objects import Account


class Verbs(Protocol):
    """The verbs of the API (`run`, …), as RBAC gives them to ServiceAccounts."""

    async def require(self, verb: str, source: Key, account: Account) -> None:
        """Return if the account has the verb on the source, now; nothing is cached.

        Raises Denied, with the command that an admin would run, AccountMissing, SystemNamespace,
        and Busy where the API server does not say.
        """
        ...
