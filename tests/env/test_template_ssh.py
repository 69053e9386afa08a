"""The whole loop over ssh, with signed commits, and what is said when the server's key is another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ebbflow.devcluster.gitrepository import GitRepository
from tests.support.builders import git_account, template
from tests.support.canary import Canary, CanarySearch
from tests.support.kubectl import Kubectl, condition_of
from tests.support.operator_process import OperatorProcess
from tests.support.sshserver import SshServer, new_key, private_text, public_text
from tests.support.synced import PATH, SHOP, WAIT_SECONDS
from tests.support.waiting import eventually

ANN = "Ann Example <ann@example.com>"
SIGNING_KEY = new_key()
HOSTS = {"ebbflow.dev/hosts": "127.0.0.1"}


@pytest.fixture
def server(canary_search: CanarySearch) -> Iterator[SshServer]:
    with SshServer() as running:
        for key in (running.key, SIGNING_KEY):
            canary_search.add(Canary(private_text(key).splitlines()[3]))
        yield running
        canary_search.look_at_repositories(running.root)


def put_secret(kubectl: Kubectl, namespace: str, name: str, **data: str) -> None:
    metadata = {"name": name, "namespace": namespace, "annotations": HOSTS}
    kubectl.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data})


def put_login(kubectl: Kubectl, namespace: str, server: SshServer, known_hosts: str) -> None:
    key = private_text(server.key)
    put_secret(kubectl, namespace, "login", privateKey=key, knownHosts=known_hosts)


@pytest.fixture
def repository(kubectl: Kubectl, namespace: str, server: SshServer) -> GitRepository:
    made = GitRepository.create(server.root / "team" / "shop.git", "main")
    made.commit({PATH: SHOP}, message="Begin", author=ANN, branch="main")
    put_login(kubectl, namespace, server, server.known_hosts())
    put_secret(kubectl, namespace, "signing", privateKey=private_text(SIGNING_KEY))
    account = git_account("deploy").within(namespace).using("login")
    kubectl.apply(account.spec(signing={"secretRef": {"name": "signing"}}).build())
    return made


def link(kubectl: Kubectl, namespace: str, server: SshServer) -> None:
    built = template("shop").within(namespace)
    kubectl.create(built.at(server.url_of("team/shop"), PATH, account="deploy").build())


def wait(kubectl: Kubectl, namespace: str, status: str, reason: str) -> dict[str, Any]:
    found = condition_of(
        kubectl.wait_condition("Template", "shop", namespace, "Ready", status, reason=reason),
        "Ready",
    )
    assert found is not None
    return found


def test_both_sides_stay_the_same_over_ssh_and_commits_are_signed(
    kubectl: Kubectl,
    namespace: str,
    server: SshServer,
    repository: GitRepository,
    operator: OperatorProcess,
) -> None:
    link(kubectl, namespace, server)
    wait(kubectl, namespace, "True", "InStep")
    five = SHOP.replace(b'"2"', b'"5"')
    repository.commit({PATH: five}, message="By hand", author=ANN, branch="main")

    def held(seen: dict[str, Any]) -> bool:
        return bool(seen["spec"]["document"]["arguments"]["REPLICAS"] == "5")

    kubectl.wait_for("Template", "shop", namespace, held, what="to hold the push")
    kubectl.patch(
        "Template", "shop", namespace, {"spec": {"document": {"arguments": {"REPLICAS": "7"}}}}
    )
    eventually(lambda: len(repository.log("main")) == 3, WAIT_SECONDS, "the edit's commit")
    assert repository.show("main", PATH) == five.replace(b'"5"', b'"7"')
    signers = server.directory / "signers"
    signers.write_text(f"* {public_text(SIGNING_KEY)}\n", "utf-8")
    repository.configure("gpg.ssh.allowedSignersFile", str(signers))
    repository.git("verify-commit", "main")
    account = kubectl.get("GitAccount", "deploy", namespace)
    assert account["status"]["method"] == "SSH"
    assert operator.running


def test_a_host_key_that_is_not_known_stops_the_template_until_it_is_added(
    kubectl: Kubectl,
    namespace: str,
    server: SshServer,
    repository: GitRepository,
    operator: OperatorProcess,
) -> None:
    put_login(kubectl, namespace, server, server.known_hosts(new_key()))
    link(kubectl, namespace, server)
    said = wait(kubectl, namespace, "False", "HostKeyNotTrusted")["message"]
    assert "shows another host key" in said
    assert server.connections == 0
    put_login(kubectl, namespace, server, server.known_hosts())
    kubectl.annotate("Template", "shop", namespace, **{"requested-at": "1"})
    wait(kubectl, namespace, "True", "InStep")
    assert repository.head("main") is not None
    assert operator.running
