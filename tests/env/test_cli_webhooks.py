"""Webhooks from the command line: where they are sent, and whether they would be taken."""

from __future__ import annotations

import pytest

from ebbflow.api.base import API_VERSION
from tests.env.conftest import link_account
from tests.support.canary import Canary
from tests.support.command_line import CommandLine
from tests.support.gitserver import FaultyGitServer
from tests.support.hooked import PUBLIC_URL, SLOW_FLAGS, provider_of
from tests.support.kubectl import Kubectl
from tests.support.operators import Operators
from tests.support.ran import deployer, source, steps_document


@pytest.fixture
def ebbflow(kubectl: Kubectl, namespace: str) -> CommandLine:
    return CommandLine(kubectl.cluster.kubeconfig, namespace)


def test_an_accounts_webhook_is_shown_and_tried(
    operators: Operators,
    kubectl: Kubectl,
    namespace: str,
    git: FaultyGitServer,
    account: str,
    ebbflow: CommandLine,
) -> None:
    provider = provider_of(kubectl, operators(*SLOW_FLAGS), namespace, account)
    shown = ebbflow("webhook", "url", account)
    assert f"{PUBLIC_URL}/hooks/git/{namespace}.{account}" in shown.out
    assert f"kubectl get secret -n {namespace} {account}-webhook" in shown.out
    assert provider.secret not in shown.out
    told = ebbflow("webhook", "url", account, "-o", "json").json()
    assert told["secret"] == {"namespace": namespace, "name": f"{account}-webhook", "key": "secret"}
    here = ("--url", f"http://{provider.place}/")
    assert "the webhook works" in ebbflow("webhook", "test", account, *here).out
    pushed = ebbflow(
        "webhook", "test", account, *here, "--repository", "https://git.example/acme/x"
    )
    assert "nothing here uses" in pushed.out
    kubectl.patch("Secret", f"{account}-webhook", namespace, {"data": {"secret": "d3Jvbmc="}})
    kubectl.patch("Secret", f"{account}-webhook", namespace, {"data": {"secret": None}})
    gone = ebbflow("webhook", "test", account, *here, code=1)
    assert "no secret to sign with" in gone.err
    del git


def test_a_keyed_trigger_is_shown_and_called(
    operators: Operators,
    kubectl: Kubectl,
    namespace: str,
    git: FaultyGitServer,
    canary: Canary,
    ebbflow: CommandLine,
) -> None:
    del git
    account = link_account(kubectl, namespace, canary)
    provider = provider_of(kubectl, operators(*SLOW_FLAGS), namespace, account)
    robot = deployer(kubectl, namespace)
    shop = source(kubectl, namespace, "shop", steps_document(), serviceAccountName=robot)
    about = {"name": "deploy", "namespace": namespace}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {**about, "name": "key"}}
    kubectl.create(secret | {"stringData": {"k.1": "a-key-that-nobody-guesses"}})
    spec = {
        "type": "Webhook",
        "keyFrom": {"secretKeyRef": {"name": "key", "key": "k.1"}},
        "targets": [{"kind": "Template", "name": "shop"}],
    }
    kubectl.create(
        {"apiVersion": API_VERSION, "kind": "GitTrigger", "metadata": about, "spec": spec}
    )
    shown = ebbflow("webhook", "url", "deploy")
    assert f"{PUBLIC_URL}/hooks/run/{namespace}/GitTrigger/deploy" in shown.out
    assert "{.data.k\\.1}" in shown.out
    here = f"http://{provider.place}"
    mixed = ebbflow("webhook", "test", "deploy", "--url", here, "--repository", "x", code=1)
    assert "leave --repository out" in mixed.err
    assert shop.runs() == []
    called = ebbflow("webhook", "test", "deploy", "--url", here)
    (run,) = shop.runs()
    assert run["metadata"]["name"] in called.out


def test_what_cannot_be_tried_is_told_in_three_lines(
    operators: Operators, kubectl: Kubectl, namespace: str, account: str, ebbflow: CommandLine
) -> None:
    operators()
    kubectl.wait_condition("GitAccount", account, namespace, "Ready", "True")
    off = ebbflow("webhook", "url", account, code=1)
    assert "receives no webhooks" in off.err
    assert "--webhook-address" in off.err
    missing = ebbflow("webhook", "url", "nobody", code=1)
    assert "there is no GitAccount or GitTrigger nobody" in missing.err
