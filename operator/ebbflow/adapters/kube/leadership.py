"""The port `Leadership` on the elections that this process takes part in."""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import override

from ebbflow.adapters.kube.election import LeaseElection
from ebbflow.domain.ports import Leadership, LostLeadership


class LeaseLeadership(Leadership):
    """The leadership of whichever of the elections was won: the Lease lies in one namespace."""

    def __init__(self, elections: Sequence[LeaseElection]) -> None:
        self._elections = elections

    @property
    @override
    def fence(self) -> int:
        return self._won().fence

    @override
    async def prove(self, above: int) -> None:
        await self._won().prove(above)

    def _won(self) -> LeaseElection:
        for election in self._elections:
            if election.leads():
                return election
        raise LostLeadership("this process does not lead")
