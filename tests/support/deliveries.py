"""Deliveries as Git providers send them: small bodies of each, signed as each signs."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

from ebbflow.domain.webhooks.delivery import Delivery

URL = "https://git.acme.dev/acme/shop.git"
SECRET = "a-secret-of-a-webhook"


def hub(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def standard_headers(body: bytes, at: int, secret: bytes, identity: str = "d-1") -> dict[str, str]:
    signed = f"{identity}.{at}.".encode() + body
    digest = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": identity,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{digest}",
    }


def github_push(url: str = URL, ref: str = "refs/heads/main") -> dict[str, Any]:
    name = url.removesuffix(".git")
    return {
        "ref": ref,
        "before": "a" * 40,
        "after": "b" * 40,
        "commits": [{"id": "b" * 40, "message": "Change", "modified": ["x"]}],
        "repository": {
            "full_name": "acme/shop",
            "clone_url": url,
            "ssh_url": f"git@{name.partition('://')[2].replace('/', ':', 1)}.git",
            "html_url": name,
        },
    }


def gitlab_push(url: str = URL, ref: str = "refs/heads/main") -> dict[str, Any]:
    return {
        "object_kind": "push",
        "ref": ref,
        "checkout_sha": None,
        "project": {
            "path_with_namespace": "acme/shop",
            "git_http_url": url,
            "git_ssh_url": "git@git.acme.dev:acme/shop.git",
            "web_url": url.removesuffix(".git"),
        },
    }


BITBUCKET_REPOSITORY = {
    "full_name": "acme/shop",
    "links": {"html": {"href": "https://bitbucket.org/acme/shop"}},
}
BITBUCKET_PUSH = {
    "push": {
        "changes": [
            {"old": None, "new": {"type": "branch", "name": "main"}},
            {"old": {"type": "tag", "name": "v1"}, "new": None, "closed": True},
        ]
    },
    "repository": BITBUCKET_REPOSITORY,
}
DATACENTER_REPOSITORY = {
    "slug": "shop",
    "project": {"key": "ACME"},
    "links": {
        "clone": [
            {"href": "ssh://git@git.acme.dev:7999/acme/shop.git", "name": "ssh"},
            {"href": "https://git.acme.dev/scm/acme/shop.git", "name": "http"},
        ]
    },
}
DATACENTER_PUSH = {
    "eventKey": "repo:refs_changed",
    "repository": DATACENTER_REPOSITORY,
    "changes": [
        {"ref": {"id": "refs/heads/main", "type": "BRANCH"}, "type": "UPDATE"},
        {"ref": {"id": "refs/tags/v1", "type": "TAG"}, "type": "DELETE"},
    ],
}


def delivery(headers: dict[str, str], body: Any, *, secret: str = SECRET) -> Delivery:
    """Return a delivery; SIGN in a header stands for the HMAC of the body, TOKEN for the secret."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    signed = {
        name: value.replace("SIGN", hub(raw, secret)).replace("TOKEN", secret)
        for name, value in headers.items()
    }
    return Delivery(signed, raw)


GITHUB = {
    "x-github-event": "push",
    "x-github-delivery": "d-github",
    "x-hub-signature-256": "sha256=SIGN",
}
GITEA = {
    "x-gitea-event": "push",
    "x-gitea-delivery": "d-gitea",
    "x-gitea-signature": "SIGN",
    "x-gogs-event": "push",
    "x-gogs-signature": "SIGN",
    "x-github-event": "push",
    "x-github-delivery": "d-gitea",
    "x-hub-signature": "sha1=0000",
    "x-hub-signature-256": "sha256=SIGN",
}
FORGEJO = {
    "x-forgejo-event": "push",
    "x-forgejo-delivery": "d-forgejo",
    "x-forgejo-signature": "SIGN",
    **GITEA,
}
OLD_GITEA = {"x-gitea-event": "push", "x-gitea-delivery": "d-gitea", "x-gitea-signature": "SIGN"}
GITLAB = {"x-gitlab-event": "Push Hook", "idempotency-key": "d-gitlab", "x-gitlab-token": "TOKEN"}
BITBUCKET = {
    "x-event-key": "repo:push",
    "x-hook-uuid": "{1}",
    "x-request-uuid": "d-bitbucket",
    "x-hub-signature": "sha256=SIGN",
}
DATACENTER = {
    "x-event-key": "repo:refs_changed",
    "x-request-id": "d-datacenter",
    "x-hub-signature": "sha256=SIGN",
}
