"""The port that tells whether approvals can be believed."""

from __future__ import annotations

from typing import Protocol


class ApprovalGuard(Protocol):
    """Whether the API server lets people write approvals in their own name only."""

    async def refuses_forgeries(self, namespace: str, source: str) -> bool:
        """Tell whether an approval in another's name is refused in this namespace, now.

        `source` names a Template of it. Raises ClusterError where the API server does not say.
        """
        ...
