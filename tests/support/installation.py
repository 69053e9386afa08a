"""What ebbflow ships, put into a test cluster: the CRDs and the operator's rights, nothing more."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from ebbflow.api.rbac import Account
from tests.support.kubectl import Cluster

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
ACCOUNT = Account()
OPERATOR_USER = f"system:serviceaccount:{ACCOUNT.namespace}:{ACCOUNT.name}"
ESTABLISHED_SECONDS = 30


class AccountIssuer(Protocol):
    """The part of devcluster's ControlPlane that gives out tokens."""

    def service_account_kubeconfig(
        self, namespace: str, name: str, *, server: str | None = None
    ) -> Path:
        """Write a kubeconfig with a fresh token of a ServiceAccount."""
        ...


def install_crds(cluster: Cluster) -> None:
    """Apply deploy/crds.yaml with the real kubectl and wait until the API server serves the kinds."""
    crds = str(DEPLOY / "crds.yaml")
    cluster.kubectl_run("apply", "--server-side", "--force-conflicts", "-f", crds)
    cluster.kubectl_run(
        *("wait", "--for=condition=Established", "-f", crds),
        f"--timeout={ESTABLISHED_SECONDS}s",
    )


def install_rbac(cluster: Cluster) -> None:
    """Apply deploy/rbac.yaml: the namespace, the ServiceAccount and the operator's roles."""
    rbac = str(DEPLOY / "rbac.yaml")
    cluster.kubectl_run("apply", "--server-side", "--force-conflicts", "-f", rbac)


def operator_kubeconfig(cluster: AccountIssuer, *, server: str | None = None) -> Path:
    """Write the kubeconfig that the operator runs under; `server` may be a proxy's address."""
    return cluster.service_account_kubeconfig(ACCOUNT.namespace, ACCOUNT.name, server=server)
