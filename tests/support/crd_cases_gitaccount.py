"""What a GitAccount may be, and what not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.support.crd_case import (
    AWS_KEY,
    CERTIFICATE,
    GITHUB_TOKEN,
    NAME,
    PRIVATE_KEY,
    TOKEN,
    Json,
    Row,
    addresses_refused,
)


def account(**changes: Any) -> Json:
    return {"provider": "Git", **changes}


def accepted() -> Iterator[tuple[str, Any]]:
    for provider in ("GitHub", "GitLab", "Bitbucket", "Git"):
        yield f"{provider} without an address", {"provider": provider}
    for provider in ("BitbucketDataCenter", "Gitea"):
        yield f"{provider} with its address", {"provider": provider, "url": "https://git.acme.dev"}
    for url in ("https://git.acme.dev/", "https://acme.dev/gitlab", "ssh://git@git.acme.dev:22"):
        yield f"address {url}", account(url=url)
    yield "a Secret", account(secretRef={"name": "acme"})
    yield "certificates", account(caBundle=CERTIFICATE * 3)
    yield (
        "restricted",
        account(
            access={"mode": "Restricted", "owners": ["acme-corp"], "repositories": ["acme-corp/*"]}
        ),
    )
    yield "restricted to nothing", account(access={"mode": "Restricted"})
    yield "all namespaces", account(allowedNamespaces={"from": "All"})
    for selector in (
        {},
        {"matchLabels": {"team": "shop", "tier": ""}},
        {"matchExpressions": [{"key": "team", "operator": "In", "values": ["a"]}]},
        {"matchExpressions": [{"key": "team", "operator": "Exists"}]},
        {"matchExpressions": [{"key": "team", "operator": "DoesNotExist", "values": []}]},
    ):
        chosen = {"from": "Selector", "selector": selector}
        yield f"selector {selector}", account(allowedNamespaces=chosen)
    yield "webhooks by hand", account(webhooks={"manage": False, "secretRef": {"name": "hook"}})
    yield "a rotation", account(webhooks={"rotation": "2026-11"})
    yield "a committer", account(committer={"name": "Ebb & Flow 'bot'", "email": "bot@acme.dev"})
    yield "half a committer", account(committer={"name": "Zoë"})
    yield "signing", account(signing={"secretRef": {"name": "key"}}, suspend=True)


def _servers_refused() -> Iterator[Row]:
    for what, address, says in addresses_refused():
        yield f"{what}: {address!r}", account(url=address), "spec.url", says
    for provider in ("BitbucketDataCenter", "Gitea"):
        yield f"{provider} without an address", {"provider": provider}, "spec", "url is required"
    for bundle in ("not PEM", "-----BEGIN CERTIFICATE-----", ""):
        yield f"bundle {bundle!r}", account(caBundle=bundle), "spec.caBundle", "must hold PEM"
    key = CERTIFICATE + PRIVATE_KEY
    yield "a private key in the bundle", account(caBundle=key), "spec.caBundle", TOKEN


def _selectors_refused() -> Iterator[Row]:
    chosen = {"from": "Selector"}
    where = "spec.allowedNamespaces"
    yield "no selector", account(allowedNamespaces=chosen), where, "from: Selector needs a selector"
    for expression in (
        {"key": "team", "operator": "In"},
        {"key": "team", "operator": "NotIn", "values": []},
        {"key": "team", "operator": "Exists", "values": ["a"]},
    ):
        chosen = {"from": "Selector", "selector": {"matchExpressions": [expression]}}
        inner = f"{where}.selector.matchExpressions[0]"
        yield f"expression {expression}", account(allowedNamespaces=chosen), inner, "give values"


def _texts_refused() -> Iterator[Row]:
    for hooks in ({"secretRef": {"name": "a"}}, {"manage": True, "secretRef": {"name": "a"}}):
        yield f"webhooks {hooks}", account(webhooks=hooks), "spec.webhooks", "set manage to false"
    for rotation in ("a\nb", "a\x00"):
        hooks = {"rotation": rotation}
        where = "spec.webhooks.rotation"
        yield f"rotation {rotation!r}", account(webhooks=hooks), where, "must be one line"
    hooks = {"rotation": GITHUB_TOKEN}
    yield "a token as rotation", account(webhooks=hooks), "spec.webhooks.rotation", TOKEN
    for name in ("a <b>", "a\nb", " ", ""):
        who = {"name": name}
        yield f"committer {name!r}", account(committer=who), "spec.committer.name", "must be a name"
    for email in ("a b@c", "<a@b>", "a@b\n", ""):
        who = {"email": email}
        where = "spec.committer.email"
        yield f"email {email!r}", account(committer=who), where, "must be an address as git takes"
    owner = {"owners": ["acme", "a\nb"]}
    yield "an owner in two lines", account(access=owner), "spec.access.owners[1]", "one line"
    owner = {"repositories": [AWS_KEY]}
    yield "a key as repository", account(access=owner), "spec.access.repositories[0]", TOKEN
    yield "Secret with a slash", account(secretRef={"name": "a/b"}), "spec.secretRef.name", NAME


def refused_by_schema() -> Iterator[Row]:
    yield "no spec", ..., "spec", "Required value"
    yield "no provider", {}, "spec.provider", "Required value"
    yield "provider unknown", {"provider": "github"}, "spec.provider", "Unsupported value"
    yield "a Secret without a name", account(secretRef={}), "spec.secretRef.name", "Required value"
    yield "mode unknown", account(access={"mode": "Some"}), "spec.access.mode", "Unsupported value"
    twice = {"owners": ["acme", "acme"]}
    yield "an owner twice", account(access=twice), "spec.access.owners", "Duplicate value"
    many = {"owners": [f"o{n}" for n in range(257)]}
    yield "257 owners", account(access=many), "spec.access.owners", "at most 256"
    empty = {"repositories": [""]}
    yield "no glob", account(access=empty), "spec.access.repositories[0]", "at least 1 char"
    long = {"repositories": ["a" * 513]}
    yield "a long glob", account(access=long), "spec.access.repositories[0]", "Too long"
    chosen = {"from": "Everyone"}
    where = "spec.allowedNamespaces.from"
    yield "from unknown", account(allowedNamespaces=chosen), where, "Unsupported value"
    yield "certificates too long", account(caBundle="a" * 262145), "spec.caBundle", "Too long"
    who = {"name": "n" * 257}
    yield "a long committer", account(committer=who), "spec.committer.name", "Too long"
    yield "manage a text", account(webhooks={"manage": "no"}), "spec.webhooks.manage", "boolean"
    labels = {"matchLabels": {f"l{n}": "" for n in range(65)}}
    chosen = {"from": "Selector", "selector": labels}
    where = "spec.allowedNamespaces.selector.matchLabels"
    yield "65 labels", account(allowedNamespaces=chosen), where, "at most 64"


def refused() -> Iterator[Row]:
    """Rows that a rule of ours refuses."""
    yield from _servers_refused()
    yield from _selectors_refused()
    yield from _texts_refused()
