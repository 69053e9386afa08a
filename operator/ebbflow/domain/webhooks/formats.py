"""The formats of deliveries, in plain sight: how each is known, verified and read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from ebbflow.api.gitaccount import Provider
from ebbflow.domain.webhooks import bitbucket, bitbucket_datacenter, github, gitlab
from ebbflow.domain.webhooks.delivery import Delivery, Event, Headers
from ebbflow.domain.webhooks.json_body import json_of
from ebbflow.domain.webhooks.signatures import (
    STANDARD_SIGNATURE,
    Secrets,
    Verify,
    hex_hmac,
    plain_token,
    standard,
)


@dataclass(frozen=True, slots=True)
class Format:
    """How one kind of sender delivers.

    `event`: the headers of which one names the event; `delivery` and `hook`: the delivery and the
    webhook.
    `marks`: further headers of which at least one is there. `signatures`: the header that a way to
    sign is known by, and the way; the first whose header is there counts, and no other.
    """

    provider: Provider
    event: tuple[str, ...]
    delivery: tuple[str, ...]
    signatures: tuple[tuple[str, Verify], ...]
    read: Callable[[str, Any], Event]
    marks: tuple[str, ...] = ()
    hook: tuple[str, ...] = ()

    def recognises(self, headers: Headers) -> bool:
        """Tell by its headers whether a delivery is of this format."""
        marked = not self.marks or any(name in headers for name in self.marks)
        return marked and any(name in headers for name in self.event)

    def is_genuine(self, delivery: Delivery, secrets: Secrets, now: datetime) -> bool:
        """Tell whether it was signed with one of the secrets; without any signature it was not."""
        for header, verify in self.signatures:
            if header in delivery.headers:
                return verify(delivery, secrets, now)
        return False

    def event_of(self, delivery: Delivery) -> Event:
        """Return what the delivery says. Raises Unsupported and Malformed."""
        return self.read(_first(delivery.headers, self.event), json_of(delivery))

    def id_of(self, delivery: Delivery) -> str:
        """Return the sender's id of the delivery; empty if it gave none."""
        return _first(delivery.headers, self.delivery)

    def hook_of(self, delivery: Delivery) -> str:
        """Return the sender's id of the webhook; empty if it gave none."""
        return _first(delivery.headers, self.hook)


_HUB_256: Final = "x-hub-signature-256"
_HUB: Final = "x-hub-signature"

GITEA: Final = Format(
    provider="Gitea",
    event=("x-forgejo-event", "x-gitea-event", "x-gogs-event"),
    delivery=("x-forgejo-delivery", "x-gitea-delivery", "x-gogs-delivery"),
    signatures=(
        (_HUB_256, hex_hmac(_HUB_256, "sha256=")),
        ("x-forgejo-signature", hex_hmac("x-forgejo-signature")),
        ("x-gitea-signature", hex_hmac("x-gitea-signature")),
        ("x-gogs-signature", hex_hmac("x-gogs-signature")),
    ),
    read=github.read,
)

GITHUB: Final = Format(
    provider="GitHub",
    event=("x-github-event",),
    delivery=("x-github-delivery",),
    hook=("x-github-hook-id",),
    # X-Hub-Signature is sha1 here, and of no use.
    signatures=((_HUB_256, hex_hmac(_HUB_256, "sha256=")),),
    read=github.read,
)

GITLAB: Final = Format(
    provider="GitLab",
    event=("x-gitlab-event",),
    delivery=("webhook-id", "idempotency-key", "x-gitlab-event-uuid"),
    hook=("x-gitlab-webhook-uuid",),
    signatures=((STANDARD_SIGNATURE, standard), ("x-gitlab-token", plain_token("x-gitlab-token"))),
    read=gitlab.read,
)

BITBUCKET: Final = Format(
    provider="Bitbucket",
    event=("x-event-key",),
    delivery=("x-request-uuid",),
    hook=("x-hook-uuid",),
    signatures=((_HUB, hex_hmac(_HUB, "sha256=")),),
    read=bitbucket.read,
    marks=("x-hook-uuid", "x-request-uuid"),
)

BITBUCKET_DATACENTER: Final = Format(
    provider="BitbucketDataCenter",
    event=("x-event-key",),
    delivery=("x-request-id",),
    signatures=((_HUB, hex_hmac(_HUB, "sha256=")),),
    read=bitbucket_datacenter.read,
)

FORMATS: Final = (GITEA, GITHUB, GITLAB, BITBUCKET, BITBUCKET_DATACENTER)
"""In the order in which they are tried: Gitea and its kin send GitHub's headers too, and Bitbucket
Cloud has the headers of Data Center and more."""

_ALL_DELIVERY_IDS: Final = ("idempotency-key", *(name for f in FORMATS for name in f.delivery))


def format_of(provider: Provider, headers: Headers) -> Format | None:
    """Return the format of a delivery to an account of this provider; None if it is none of its.

    An account of provider Git takes any.
    """
    for candidate in FORMATS:
        if provider in ("Git", candidate.provider) and candidate.recognises(headers):
            return candidate
    return None


def delivery_id(headers: Headers) -> str:
    """Return the id that any sender may have given its request; empty if none."""
    return _first(headers, _ALL_DELIVERY_IDS)


def _first(headers: Headers, names: tuple[str, ...]) -> str:
    found = next((headers[name] for name in names if headers.get(name)), "")
    # Bytes that are no UTF-8 reach us as lone surrogates, which no object can hold.
    return found.encode(errors="replace").decode()
