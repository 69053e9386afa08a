"""A local control plane is a real one: right versions, RBAC on, audited, ServiceAccounts made."""

from __future__ import annotations

import base64
import json
import ssl
from pathlib import Path

import pytest
import yaml

from ebbflow.devcluster.build import Recipe
from ebbflow.devcluster.cluster import ControlPlane
from ebbflow.devcluster.programs import CONTROL_PLANE
from ebbflow.devcluster.trouble import DevClusterError
from tests.support.waiting import eventually

CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "seen-in-the-log"}}


@pytest.fixture(scope="module")
def bot(ebbflow_cluster: ControlPlane) -> Path:
    """The kubeconfig of a ServiceAccount that may do nothing."""
    ebbflow_cluster.kubectl_run("create", "namespace", "devcluster")
    ebbflow_cluster.kubectl_run("create", "serviceaccount", "bot", "--namespace=devcluster")
    return ebbflow_cluster.service_account_kubeconfig("devcluster", "bot")


def test_kubectl_and_the_api_server_are_of_the_version_that_was_built(
    ebbflow_cluster: ControlPlane,
) -> None:
    shown = json.loads(ebbflow_cluster.kubectl_run("version", "--output=json").stdout)

    expected = Recipe.read(CONTROL_PLANE).version
    assert shown["clientVersion"]["gitVersion"] == expected
    assert shown["serverVersion"]["gitVersion"] == expected


def test_kubectl_lies_beside_the_kubeconfig(ebbflow_cluster: ControlPlane) -> None:
    assert ebbflow_cluster.kubectl.parent == ebbflow_cluster.kubeconfig.parent
    assert ebbflow_cluster.kubectl.name == "kubectl"


def test_a_kubectl_that_does_not_end_in_time_is_an_error_that_says_so(
    ebbflow_cluster: ControlPlane,
) -> None:
    with pytest.raises(DevClusterError, match="kubectl get pods did not end within 1 s"):
        ebbflow_cluster.kubectl_run("get", "pods", "--watch", timeout=1.0)


def test_a_service_account_without_rights_is_refused(
    ebbflow_cluster: ControlPlane, bot: Path
) -> None:
    done = ebbflow_cluster.kubectl_run("get", "secrets", kubeconfig=bot, check=False)

    assert done.returncode != 0
    assert 'User "system:serviceaccount:devcluster:bot" cannot list resource "secrets"' in (
        done.stderr
    )


def test_a_service_account_may_do_what_a_role_allows(
    ebbflow_cluster: ControlPlane, bot: Path
) -> None:
    ebbflow_cluster.kubectl_run(
        "create", "rolebinding", "bot", "--namespace=devcluster",
        "--clusterrole=view", "--serviceaccount=devcluster:bot",
    )  # fmt: skip

    def allowed() -> bool:
        done = ebbflow_cluster.kubectl_run("get", "configmaps", kubeconfig=bot, check=False)
        return done.returncode == 0

    eventually(allowed, 10, "the role binding to be seen by the authorizer")


def test_a_kubeconfig_for_another_server_keeps_the_token_and_drops_the_authority(
    ebbflow_cluster: ControlPlane, bot: Path
) -> None:
    proxied = ebbflow_cluster.service_account_kubeconfig(
        "devcluster", "bot", server="http://127.0.0.1:9"
    )

    assert yaml.safe_load(bot.read_text())["clusters"][0]["cluster"]["server"] == (
        ebbflow_cluster.url
    )
    read = yaml.safe_load(proxied.read_text())
    assert read["clusters"][0]["cluster"] == {"server": "http://127.0.0.1:9"}
    claims = read["users"][0]["user"]["token"].split(".")[1]
    padded = claims + "=" * (-len(claims) % 4)
    assert json.loads(base64.urlsafe_b64decode(padded))["sub"] == (
        "system:serviceaccount:devcluster:bot"
    )


def test_no_token_is_given_for_a_service_account_that_is_not_there(
    ebbflow_cluster: ControlPlane,
) -> None:
    with pytest.raises(DevClusterError, match="default/nobody: HTTP status 404"):
        ebbflow_cluster.service_account_kubeconfig("default", "nobody")


def test_every_namespace_gets_its_default_service_account(ebbflow_cluster: ControlPlane) -> None:
    ebbflow_cluster.kubectl_run("create", "namespace", "devcluster-accounts")

    ebbflow_cluster.wait_for_service_account("devcluster-accounts", timeout=20)


def test_a_failing_kubectl_says_what_it_said(ebbflow_cluster: ControlPlane) -> None:
    with pytest.raises(DevClusterError, match='namespaces "nowhere" not found'):
        ebbflow_cluster.kubectl_run("get", "namespace", "nowhere")


def test_kubectl_reads_what_it_is_given(ebbflow_cluster: ControlPlane) -> None:
    done = ebbflow_cluster.kubectl_run(
        "create", "--dry-run=server", "--filename=-", input=json.dumps(CONFIG_MAP)
    )

    assert done.stdout == "configmap/seen-in-the-log created (server dry run)\n"


def test_every_request_is_in_the_audit_log_with_its_user(ebbflow_cluster: ControlPlane) -> None:
    created = ebbflow_cluster.request("POST", "/api/v1/namespaces/default/configmaps", CONFIG_MAP)
    assert created.status == 201

    def logged() -> list[str]:
        lines = ebbflow_cluster.audit_log.read_text().splitlines()
        events = [json.loads(line) for line in lines if '"seen-in-the-log"' in line]
        return [each["user"]["username"] for each in events if each["verb"] == "create"]

    assert "kubernetes-admin" in eventually(logged, 10, "the request in the audit log")


def test_the_api_server_asks_for_nothing_but_its_own_authority(
    ebbflow_cluster: ControlPlane,
) -> None:
    context = ssl.create_default_context(cafile=str(ebbflow_cluster.certificate_authority))

    assert context.get_ca_certs()[0]["subject"] == ((("commonName", "ebbflow local cluster"),),)
    assert ebbflow_cluster.request("GET", "/readyz").body == b"ok"


def test_the_state_is_for_its_owner_alone(ebbflow_cluster: ControlPlane) -> None:
    assert ebbflow_cluster.state_dir.stat().st_mode & 0o077 == 0
    assert ebbflow_cluster.kubeconfig.stat().st_mode & 0o077 == 0
