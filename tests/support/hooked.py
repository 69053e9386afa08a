"""Whoever delivers webhooks in env tests: a provider that signs, and a caller that knows a key."""

from __future__ import annotations

import base64
import http.client
import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from ebbflow.devcluster.gitserver import GitServer
from tests.support.deliveries import github_push, hub
from tests.support.kubectl import Kubectl
from tests.support.operator_process import OperatorProcess
from tests.support.ran import deployer
from tests.support.triggered import Triggered, trigger_of
from tests.support.waiting import eventually

RECEIVER = "--webhook-address=127.0.0.1:0"
PUBLIC_URL = "https://hooks.acme.dev/flow"
SLOW_FLAGS = (RECEIVER, f"--webhook-url={PUBLIC_URL}/", "--poll-interval=10m")
"""Of an operator that looks only when it is told."""

SECONDS = 20.0

Make = Callable[..., Triggered]

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Said:
    """What a receiver answered."""

    status: int
    body: Any
    headers: Mapping[str, str]


def receiver_of(operator: OperatorProcess) -> str:
    """Return where the operator receives webhooks, `host:port`, as it logged it."""

    def logged() -> str | None:
        found = [record["webhooks"] for record in operator.records() if "webhooks" in record]
        return str(found[0]) if found else None

    return str(eventually(logged, SECONDS, "the receiver to listen"))


def send(
    place: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> Said:
    """POST to a receiver."""
    connection = http.client.HTTPConnection(place, timeout=SECONDS)
    try:
        connection.request("POST", path, body, dict(headers or {}))
        answer = connection.getresponse()
        text = answer.read()
        return Said(answer.status, json.loads(text), dict(answer.getheaders()))
    finally:
        connection.close()


@dataclass(frozen=True, slots=True)
class Provider:
    """A GitHub that knows the secret of one account."""

    place: str
    path: str
    secret: str

    def deliver(self, event: str, body: Any, secret: str | None = None) -> Said:
        """Deliver an event, signed."""
        return send(self.place, self.path, *self.signed(event, body, secret))

    def push(self, repository: str, ref: str = "refs/heads/main") -> Said:
        """Tell of a push."""
        return self.deliver("push", github_push(repository, ref))

    def signed(
        self, event: str, body: Any, secret: str | None = None
    ) -> tuple[bytes, dict[str, str]]:
        """Return a body and the headers that it is delivered with."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {
            "Content-Type": "application/json",
            "X-GitHub-Event": event,
            "X-GitHub-Delivery": f"delivery-{next(_numbers)}",
            "X-GitHub-Hook-ID": "292430182",
            "X-Hub-Signature-256": f"sha256={hub(raw, self.secret if secret is None else secret)}",
        }
        return raw, headers


def provider_of(kubectl: Kubectl, operator: OperatorProcess, namespace: str, name: str) -> Provider:
    """Return who delivers to an account, with the secret that the operator made for it."""

    def ready() -> tuple[str, str] | None:
        status = kubectl.get("GitAccount", name, namespace).get("status", {})
        if "webhookPath" not in status:
            return None
        return status["webhookPath"], status["webhookSecret"]

    path, secret = eventually(ready, SECONDS, "the account to show its webhook") or ("", "")
    made = eventually(
        lambda: kubectl.get("Secret", secret, namespace), SECONDS, "the secret of the webhook"
    )
    value = base64.b64decode(made["data"]["secret"]).decode()
    return Provider(receiver_of(operator), path, value)


def call(
    place: str,
    path: str,
    key: str = "",
    body: Any = None,
    query: Mapping[str, str] | None = None,
    **headers: str,
) -> Said:
    """Call a keyed trigger with the key as a bearer token, if one is given."""
    sent = {"Authorization": f"Bearer {key}"} if key else {}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    if body is None:
        raw = b""
    else:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent.setdefault("Content-Type", "application/json")
    whole = f"{path}?{urlencode(query)}" if query else path
    return send(place, whole, raw, sent)


def make_slow(kubectl: Kubectl, namespace: str, git: GitServer, account: str) -> Make:
    """Return what makes triggers that would not look again for ten minutes by themselves."""
    robot = deployer(kubectl, namespace)

    def made(name: str, **spec: Any) -> Triggered:
        rules = {"interval": "10m", **spec}
        return trigger_of(kubectl, git, namespace, name, account, robot=robot, **rules)

    return made
