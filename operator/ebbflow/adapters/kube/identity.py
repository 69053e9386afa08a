"""Who we are to the API server."""

from __future__ import annotations

from ebbflow.adapters.kube.client import KubeClient

_REVIEWS = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


async def own_user(client: KubeClient) -> str:
    """Return our user name, as the API server names us to webhooks; raises ClusterError."""
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    answer = await client.request("POST", _REVIEWS, body=body)
    return str(answer["status"]["userInfo"]["username"])
