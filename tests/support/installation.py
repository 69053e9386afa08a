"""What ebbflow ships, put into a test cluster: CRDs, admission policy and the operator's rights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Protocol

from ebbflow.api.base import API_VERSION
from ebbflow.api.crd import crd_name
from ebbflow.api.kinds import KINDS
from ebbflow.api.rbac import Account
from ebbflow.api.run_policy import IN_ANOTHERS_NAME
from tests.support.kubectl import Cluster
from tests.support.waiting import eventually

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
ACCOUNT = Account()
OPERATOR_USER = f"system:serviceaccount:{ACCOUNT.namespace}:{ACCOUNT.name}"
ESTABLISHED_SECONDS = 30
POLICY_SECONDS = 30.0
CRD_NAMES = tuple(f"crd/{crd_name(kind.declaration)}" for kind in KINDS)


class AccountIssuer(Protocol):
    """The part of devcluster's ControlPlane that gives out tokens."""

    def service_account_kubeconfig(
        self, namespace: str, name: str, *, server: str | None = None
    ) -> Path:
        """Write a kubeconfig with a fresh token of a ServiceAccount."""
        ...


def install_crds(cluster: Cluster) -> None:
    """Apply deploy/crds.yaml with the real kubectl; wait until the API server serves the kinds and
    the admission policy on Runs is in force.
    """
    crds = str(DEPLOY / "crds.yaml")
    cluster.kubectl_run("apply", "--server-side", "--force-conflicts", "-f", crds)
    cluster.kubectl_run(
        *("wait", "--for=condition=Established", *CRD_NAMES),
        f"--timeout={ESTABLISHED_SECONDS}s",
    )
    eventually(lambda: policy_bites(cluster), POLICY_SECONDS, "the policy on Runs to be in force")


def policy_bites(cluster: Cluster) -> bool:
    """Tell whether the API server refuses a Run that somebody else approved; a dry run."""
    approval = {"node": "0", "user": "nobody@ebbflow.dev", "decision": "Approve"}
    forged = {
        "apiVersion": API_VERSION,
        "kind": "Run",
        "metadata": {"name": "forged", "namespace": "default"},
        "spec": {"source": {"kind": "Template", "name": "none"}, "approvals": [approval]},
    }
    asked = ("create", "--dry-run=server", "-f", "-")
    done = cluster.kubectl_run(*asked, input=json.dumps(forged), check=False)
    return IN_ANOTHERS_NAME in done.stderr


def install_rbac(cluster: Cluster) -> None:
    """Apply deploy/rbac.yaml: the namespace, the ServiceAccount and the operator's roles."""
    rbac = str(DEPLOY / "rbac.yaml")
    cluster.kubectl_run("apply", "--server-side", "--force-conflicts", "-f", rbac)


def operator_kubeconfig(cluster: AccountIssuer, *, server: str | None = None) -> Path:
    """Write the kubeconfig that the operator runs under; `server` may be a proxy's address."""
    return cluster.service_account_kubeconfig(ACCOUNT.namespace, ACCOUNT.name, server=server)
