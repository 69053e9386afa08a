"""A provider's delivery has us look at once; what is not signed right changes nothing."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest

from tests.env.conftest import GIT_USER, link_account
from tests.support.canary import Canary
from tests.support.gitserver import FaultyGitServer
from tests.support.hooked import (
    PUBLIC_URL,
    SLOW_FLAGS,
    Make,
    Provider,
    make_slow,
    provider_of,
    receiver_of,
    send,
)
from tests.support.kubectl import Kubectl
from tests.support.operators import Operators
from tests.support.waiting import eventually


@pytest.fixture
def make(kubectl: Kubectl, namespace: str, git: FaultyGitServer, account: str) -> Make:
    return make_slow(kubectl, namespace, git, account)


def test_a_signed_push_starts_its_run_at_once(
    operators: Operators, kubectl: Kubectl, namespace: str, account: str, make: Make
) -> None:
    operator = operators(*SLOW_FLAGS)
    shop, provider = make("shop"), provider_of(kubectl, operator, namespace, account)
    status = kubectl.get("GitAccount", account, namespace)["status"]
    assert status["webhookPath"] == f"/hooks/git/{namespace}.{account}"
    assert status["webhookURL"] == PUBLIC_URL + status["webhookPath"]
    commit = shop.push({"app.py": b"print(1)\n"})
    began = time.monotonic()
    said = provider.push(shop.git.url_of("shop"))
    assert time.monotonic() - began < 1
    assert said.status == 202, said
    assert said.body["refs"] == ["refs/heads/main"]
    assert shop.run_for(commit)["status"]["trigger"]["commit"] == commit
    assert shop.verdict_on(commit)["source"] == "Webhook"
    for _ in range(3):
        assert provider.push(shop.git.url_of("shop")).status == 202
    assert len(shop.source.runs()) == 1

    def shown() -> Any:
        seen = kubectl.get("GitAccount", account, namespace)["status"].get("webhooks")
        return seen and seen[0]

    hook = eventually(shown, 20, "the account to show that deliveries come")
    assert (hook["repository"], hook["id"]) == (shop.git.url_of("shop"), "292430182")


def test_a_delivery_to_a_standby_has_the_leader_look(
    operators: Operators, kubectl: Kubectl, namespace: str, account: str, make: Make
) -> None:
    leader = operators(*SLOW_FLAGS)
    shop, provider = make("shop"), provider_of(kubectl, leader, namespace, account)
    standby = operators(*SLOW_FLAGS)
    beside = Provider(receiver_of(standby), provider.path, provider.secret)
    for text in (b"1", b"2"):
        commit = shop.push({"app.py": text})
        assert beside.push(shop.git.url_of("shop")).status == 202
        assert shop.run_for(commit)
    assert len(shop.source.runs()) == 2


def test_what_is_not_signed_right_or_of_no_interest_changes_nothing(
    operators: Operators, kubectl: Kubectl, namespace: str, account: str, make: Make
) -> None:
    operator = operators(*SLOW_FLAGS)
    shop, provider = make("shop"), provider_of(kubectl, operator, namespace, account)
    shop.push({"app.py": b"print(1)\n"})
    url = shop.git.url_of("shop")
    unknown = Provider(provider.place, "/hooks/git/nowhere.nobody", provider.secret)
    wrong = provider.deliver("push", {"repository": {"clone_url": url}}, secret="guessed")
    assert (wrong.status, wrong.body) == (401, unknown.push(url).body)
    assert (
        send(provider.place, provider.path, b"{}", {"Content-Type": "application/json"}).status
        == 401
    )
    assert provider.deliver("push", b'{"ref": "refs/he').status == 400
    assert provider.deliver("ping", {"zen": "x"}).status == 200
    star = provider.deliver("star", {})
    assert (star.status, "ignored" in star.body["message"]) == (202, True)
    elsewhere = provider.push("https://github.com/acme/elsewhere")
    assert (elsewhere.status, "ignored" in elsewhere.body["message"]) == (202, True)
    raw, headers = provider.signed("push", {})
    assert (
        send(provider.place, provider.path, raw, headers | {"Content-Type": "text/plain"}).status
        == 415
    )
    assert send(provider.place, provider.path, b" " * (1 << 20) + b"{}", headers).status == 413
    assert shop.deliveries() == []
    assert shop.source.runs() == []
    assert operator.metric("ebbflow_webhooks_total", outcome="unauthorized") == 3


def test_a_gone_branch_and_odd_names_of_refs_are_looked_at_as_any(
    operators: Operators, kubectl: Kubectl, namespace: str, account: str, make: Make
) -> None:
    operator = operators(*SLOW_FLAGS)
    shop = make("shop", branches=["*"])
    provider = provider_of(kubectl, operator, namespace, account)
    url = shop.git.url_of("shop")
    for ref in ("refs/heads/gone", "refs/heads/ü;$(x)'\"", "refs/heads/a\u202eb"):
        said = provider.push(url, ref)
        assert (said.status, said.body["refs"]) == (202, [ref])
    commit = shop.push({"app.py": b"1\n"}, branch="fix/ü;$(x)")
    assert provider.push(url, "refs/heads/fix/ü;$(x)").status == 202
    assert shop.run_for(commit)["status"]["trigger"]["ref"] == "refs/heads/fix/ü;$(x)"


def test_while_a_secret_is_rotated_both_count_and_one_by_hand_is_taken_as_it_is(
    operators: Operators, kubectl: Kubectl, namespace: str, account: str, make: Make
) -> None:
    operator = operators(*SLOW_FLAGS)
    shop, first = make("shop"), provider_of(kubectl, operator, namespace, account)
    url = shop.git.url_of("shop")

    def rotated() -> bool:
        status = kubectl.get("GitAccount", account, namespace)["status"]
        return bool(status["webhookSecret"] != f"{account}-webhook")

    kubectl.patch("GitAccount", account, namespace, {"spec": {"webhooks": {"rotation": "2"}}})
    eventually(rotated, 20, "the new secret")
    second = provider_of(kubectl, operator, namespace, account)
    assert second.secret != first.secret
    eventually(lambda: second.push(url).status == 202, 20, "the new secret to count")
    assert first.push(url).status == 202
    by_hand = {"data": {"secret": base64.b64encode(b"by hand\n").decode()}}
    about = {"name": "by-hand", "namespace": namespace}
    kubectl.create({"apiVersion": "v1", "kind": "Secret", "metadata": about, **by_hand})
    spec = {"webhooks": {"manage": False, "rotation": None, "secretRef": {"name": "by-hand"}}}
    kubectl.patch("GitAccount", account, namespace, {"spec": spec})
    third = Provider(first.place, first.path, "by hand")
    eventually(lambda: third.push(url).status == 202, 20, "the secret by hand to count")
    eventually(lambda: second.push(url).status == 401, 20, "the operator's secret to count no more")


def test_the_secret_goes_with_its_account(
    operators: Operators, kubectl: Kubectl, namespace: str, account: str
) -> None:
    operator = operators(*SLOW_FLAGS)
    provider = provider_of(kubectl, operator, namespace, account)
    (owner,) = kubectl.get("Secret", f"{account}-webhook", namespace)["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"]) == ("GitAccount", account)
    kubectl.delete("GitAccount", account, namespace)
    said = {}

    def refused() -> bool:
        said["last"] = provider.deliver("ping", {})
        return bool(said["last"].status == 401)

    eventually(refused, 20, "deliveries to be refused")


def test_without_a_receiver_no_secret_is_made(
    operators: Operators, kubectl: Kubectl, namespace: str, git: FaultyGitServer, canary: Canary
) -> None:
    del git
    operators()
    name = link_account(kubectl, namespace, canary)
    kubectl.wait_condition("GitAccount", name, namespace, "Ready", "True")
    status = kubectl.get("GitAccount", name, namespace)["status"]
    assert not {"webhookPath", "webhookSecret"} & status.keys()
    assert GIT_USER not in json.dumps(status)
