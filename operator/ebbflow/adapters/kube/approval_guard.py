"""Whether the admission policy on Runs is in force: found out by trying to break it, in a dry run.

Reading the policy would tell what somebody wrote, not what the API server does: a binding can leave
a namespace out, and a policy takes seconds until it bites. It also would have to know the policies
of other versions. A forged approval that is refused in the policy's words says it all.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from typing_extensions import override

from ebbflow.adapters.kube.client import KubeClient
from ebbflow.adapters.kube.naming import list_path
from ebbflow.api.base import API_VERSION, GROUP, JsonObject
from ebbflow.api.run import Run
from ebbflow.api.run_policy import IN_ANOTHERS_NAME
from ebbflow.domain.approvals import ApprovalGuard
from ebbflow.domain.ports import ClusterError

NOBODY: Final = f"nobody@{GROUP}"


class KubeApprovalGuard(ApprovalGuard):
    """Asks the API server each time: a Run has few approvals, and an old answer is no answer."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client

    @override
    async def refuses_forgeries(self, namespace: str, source: str) -> bool:
        path = list_path(Run.declaration, namespace)
        try:
            await self._client.request("POST", path, body=_forged(source), query={"dryRun": "All"})
        except ClusterError as error:
            if error.code == HTTPStatus.FORBIDDEN and IN_ANOTHERS_NAME in str(error):
                return True
            raise
        return False


def _forged(source: str) -> JsonObject:
    """Return a Run that somebody approved who does not exist."""
    return {
        "apiVersion": API_VERSION,
        "kind": Run.declaration.kind,
        "metadata": {"generateName": "ebbflow-probe-"},
        "spec": {
            "source": {"kind": "Template", "name": source},
            "approvals": [{"node": "0", "user": NOBODY, "decision": "Approve"}],
        },
    }
