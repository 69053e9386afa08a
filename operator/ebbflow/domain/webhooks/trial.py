"""A delivery to try a receiver with, in the form of a provider and signed as it signs. Pure."""

from __future__ import annotations

import json
from typing import Any, Final

from ebbflow.api.gitaccount import Provider
from ebbflow.domain.git import HEADS
from ebbflow.domain.secret import Tainted
from ebbflow.domain.webhooks.addresses import identity
from ebbflow.domain.webhooks.delivery import Delivery
from ebbflow.domain.webhooks.signatures import sign_hex

TRIAL: Final = "ebbflow-test"
"""The event where the provider has no ping: one that nothing waits for, but that must be signed."""


def trial(
    provider: Provider, secret: Tainted, identifier: str, push: tuple[str, str] | None = None
) -> Delivery:
    """Return a delivery to an account of this provider.

    `push`: a repository's address and a branch, to tell of a push; None: only the signature is
    tried. An account of provider Git is told in GitHub's form.
    """
    event, body = _EVENTS[provider](push)
    raw = json.dumps(body).encode()
    signature = sign_hex(secret, raw)
    headers = {"content-type": "application/json"}
    match provider:
        case "GitHub" | "Git":
            headers |= {"x-github-event": event, "x-github-delivery": identifier}
            headers |= {"x-hub-signature-256": f"sha256={signature}"}
        case "Gitea":
            headers |= {"x-gitea-event": event, "x-gitea-delivery": identifier}
            headers |= {"x-gitea-signature": signature}
        case "GitLab":
            headers |= {"x-gitlab-event": event, "idempotency-key": identifier}
            headers |= {"x-gitlab-token": secret.reveal()}
        case "Bitbucket":
            headers |= {"x-event-key": event, "x-request-uuid": identifier}
            headers |= {"x-hub-signature": f"sha256={signature}"}
        case "BitbucketDataCenter":
            headers |= {"x-event-key": event, "x-request-id": identifier}
            headers |= {"x-hub-signature": f"sha256={signature}"}
    return Delivery(headers, raw)


def _as_github(push: tuple[str, str] | None) -> tuple[str, Any]:
    if push is None:
        return "ping", {"zen": TRIAL}
    return "push", {"ref": HEADS + push[1], "repository": {"clone_url": push[0]}}


def _as_gitlab(push: tuple[str, str] | None) -> tuple[str, Any]:
    if push is None:
        return TRIAL, {}
    return "Push Hook", {"ref": HEADS + push[1], "project": {"git_http_url": push[0]}}


def _as_bitbucket(push: tuple[str, str] | None) -> tuple[str, Any]:
    if push is None:
        return TRIAL, {}
    changes = [{"new": {"type": "branch", "name": push[1]}}]
    links = {"html": {"href": push[0]}}
    return "repo:push", {"push": {"changes": changes}, "repository": {"links": links}}


def _as_bitbucket_datacenter(push: tuple[str, str] | None) -> tuple[str, Any]:
    if push is None:
        return "diagnostics:ping", {"test": True}
    found = identity(push[0])
    project, _, slug = (found.path if found else push[0]).rpartition("/")
    repository = {
        "slug": slug,
        "project": {"key": project},
        "links": {"clone": [{"href": push[0]}]},
    }
    return "repo:refs_changed", {
        "repository": repository,
        "changes": [{"ref": {"id": HEADS + push[1]}}],
    }


_EVENTS: Final = {
    "GitHub": _as_github,
    "Git": _as_github,
    "Gitea": _as_github,
    "GitLab": _as_gitlab,
    "Bitbucket": _as_bitbucket,
    "BitbucketDataCenter": _as_bitbucket_datacenter,
}
