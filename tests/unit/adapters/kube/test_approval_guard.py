"""Approvals are believed where a forged one is refused in the policy's words, and nowhere else."""

from __future__ import annotations

import pytest

from ebbflow.adapters.kube.approval_guard import KubeApprovalGuard
from ebbflow.adapters.kube.client import KubeClient
from ebbflow.api.run_policy import IN_ANOTHERS_NAME
from ebbflow.domain.ports import ClusterError
from tests.support.fake_kube_api import FakeApi, refusal


async def test_a_forgery_that_is_refused_shows_that_the_policy_is_in_force(
    client: KubeClient, api: FakeApi
) -> None:
    api.replies = [refusal(403, f"denied request: {IN_ANOTHERS_NAME}: the user must be …")]
    assert await KubeApprovalGuard(client).refuses_forgeries("shop", "web")
    (seen,) = api.requests
    assert (seen.method, seen.query) == ("POST", {"dryRun": "All"})
    assert seen.path.endswith("/namespaces/shop/runs")
    assert seen.body["spec"]["source"]["name"] == "web"


async def test_a_forgery_that_is_taken_shows_that_it_is_not(
    client: KubeClient, api: FakeApi
) -> None:
    assert not await KubeApprovalGuard(client).refuses_forgeries("shop", "web")


@pytest.mark.parametrize(
    ("code", "words"),
    [(403, "another webhook says no"), (403, "the namespace is being terminated"), (500, "etcd")],
)
async def test_any_other_refusal_shows_nothing(
    client: KubeClient, api: FakeApi, code: int, words: str
) -> None:
    api.replies = [refusal(code, words)]
    with pytest.raises(ClusterError, match=words):
        await KubeApprovalGuard(client).refuses_forgeries("shop", "web")
