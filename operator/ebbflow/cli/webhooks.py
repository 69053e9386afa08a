"""Where webhooks are received, and trying them, from the command line."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import aiohttp
import click

from ebbflow.adapters.kube.answer import ObjectMissing
from ebbflow.adapters.kube.naming import list_path, segment
from ebbflow.api.gitaccount import GitAccount
from ebbflow.api.gittrigger import GitTrigger
from ebbflow.cli.options import Where
from ebbflow.cli.output import harmless, print_value
from ebbflow.cli.problem import Problem, not_found
from ebbflow.cli.session import Session, converse
from ebbflow.domain.secret import Tainted
from ebbflow.domain.webhooks.account_secret import SECRET
from ebbflow.domain.webhooks.places import run_path
from ebbflow.domain.webhooks.trial import trial

SECONDS: Final = 15.0
LIST_HOOKED: Final = "`kubectl get gitaccounts.ebbflow.dev,gittriggers.ebbflow.dev` lists them"
LONGEST: Final = 64 * 1024
"""Bytes of an answer that are looked at."""


@dataclass(frozen=True, slots=True)
class Hook:
    """Where a webhook is received, and where its secret is. `url` None: nobody told the operator."""

    target: GitAccount | GitTrigger
    path: str
    url: str | None
    secret: str
    key: str

    def dump(self) -> dict[str, Any]:
        """Return it for programs."""
        where = {"namespace": self.target.metadata.namespace, "name": self.secret, "key": self.key}
        return {"path": self.path, "url": self.url, "secret": where}


def url(where: Where, name: str, output: str | None) -> None:
    """Print where a webhook is received, and where its secret is."""

    async def talk(session: Session) -> Hook:
        return await _hook(session, name)

    hook = converse(where, talk)
    if output is not None:
        print_value(hook.dump(), output)
        return
    namespace = hook.target.metadata.namespace
    field = hook.key.replace(".", "\\.")
    show = (
        f"kubectl get secret -n {namespace} {hook.secret} -o jsonpath='{{.data.{field}}}'"
        " | base64 -d"
    )
    click.echo(f"URL:     {hook.url or hook.path}")
    if hook.url is None:
        click.echo("         below the address of the operator's receiver; see its --webhook-url")
    if isinstance(hook.target, GitTrigger):
        click.echo(
            "Key:     as a header, Authorization: Bearer KEY, or as one more part of the URL"
        )
    else:
        click.echo("Type:    application/json")
    click.echo(f"Secret:  {show}")


def test(where: Where, name: str, base: str | None, push: tuple[str, str] | None) -> int:
    """Send a delivery and print the answer; returns the exit code.

    `push`: the repository and branch that the delivery of an account tells of. Raises Problem.
    """

    async def talk(session: Session) -> int:
        hook = await _hook(session, name)
        if push is not None and isinstance(hook.target, GitTrigger):
            raise Problem(
                f"{name} is a GitTrigger, whose calls tell of no push",
                f"namespace {session.namespace}",
                "leave --repository out, or name the GitAccount of the repository",
            )
        at = base.rstrip("/") + hook.path if base is not None else hook.url
        if at is None:
            raise Problem(
                "nobody told where the receiver is reached",
                f"{hook.target.declaration.kind} {hook.target.metadata.name}",
                "give --url, such as --url http://127.0.0.1:9080 after `kubectl port-forward`",
            )
        headers, body = _delivery(hook, await _secret(session, hook), push)
        return await _send(at, headers, body)

    return converse(where, talk)


async def _hook(session: Session, name: str) -> Hook:
    account = await session.account(name)
    if account is None:
        return await _trigger_hook(session, name)
    model = account.model
    secret, path = model.status.webhook_secret, model.status.webhook_path
    if secret is None or path is None:
        raise Problem(
            f"the GitAccount {name} receives no webhooks",
            f"namespace {session.namespace}",
            "start the operator with --webhook-address, and see spec.webhooks of the account",
        )
    return Hook(model, path, model.status.webhook_url, secret, SECRET)


async def _trigger_hook(session: Session, name: str) -> Hook:
    try:
        trigger = (await session.trigger(name)).model
    except Problem:
        raise not_found("GitAccount or GitTrigger", name, session.namespace, LIST_HOOKED) from None
    if trigger.spec.key_from is None:
        raise Problem(
            f"the GitTrigger {name} has no key to be called with",
            f"spec.type is {trigger.spec.type}",
            "name a GitTrigger of type Webhook, or the GitAccount of its repository",
        )
    reference = trigger.spec.key_from.secret_key_ref
    path = run_path(trigger.key)
    return Hook(trigger, path, await _outside(session, path), reference.name, reference.key)


async def _outside(session: Session, path: str) -> str | None:
    """Return the URL of a path by what the accounts of the namespace show of theirs."""
    page = await session.client.request(
        "GET", list_path(GitAccount.declaration, session.namespace), query={"limit": "100"}
    )
    for raw in page["items"]:
        status = GitAccount.model_validate(raw).status
        if status.webhook_url and status.webhook_path:
            return status.webhook_url.removesuffix(status.webhook_path) + path
    return None


async def _secret(session: Session, hook: Hook) -> Tainted:
    namespace = hook.target.metadata.namespace
    path = f"/api/v1/namespaces/{segment(namespace)}/secrets/{segment(hook.secret)}"
    try:
        raw = await session.client.request("GET", path)
        value = base64.b64decode((raw.get("data") or {})[hook.key]).decode()
    except (ObjectMissing, KeyError, binascii.Error, UnicodeDecodeError):
        raise Problem(
            f"there is no secret to sign with: {hook.key} of Secret {hook.secret}",
            f"namespace {namespace}",
            "create it, or correct the name",
        ) from None
    return Tainted(value.strip("\r\n"))


def _delivery(
    hook: Hook, secret: Tainted, push: tuple[str, str] | None
) -> tuple[Mapping[str, str], bytes]:
    identifier = f"ebbflow-test-{secrets.token_hex(8)}"
    match hook.target:
        case GitAccount():
            made = trial(hook.target.spec.provider, secret, identifier, push)
            return made.headers, made.body
        case GitTrigger():
            bearer = f"Bearer {secret.reveal()}"
            return {"authorization": bearer, "idempotency-key": identifier}, b""


async def _send(at: str, headers: Mapping[str, str], body: bytes) -> int:
    timeout = aiohttp.ClientTimeout(total=SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=True) as session,
            # A redirect would carry a key to another place.
            session.post(at, data=body, headers=headers, allow_redirects=False) as answer,
        ):
            text = await answer.content.read(LONGEST)
            status = answer.status
    except (aiohttp.ClientError, OSError, ValueError) as error:
        advice = "check the address, and that what stands before the operator passes POST on"
        raise Problem(f"no answer from {at}", str(error) or type(error).__name__, advice) from error
    good = HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES
    click.echo(f"{'accepted' if good else 'refused'}: {status} {_words(text)}")
    return 0 if good else 1


def _words(text: bytes) -> str:
    try:
        answer = json.loads(text)
    except ValueError:
        return harmless(text.decode(errors="replace")[:200])
    if not isinstance(answer, dict):
        return ""
    runs = ", ".join(map(str, answer.get("runs") or ()))
    return harmless(f"{answer.get('message', '')}{f': {runs}' if runs else ''}")
