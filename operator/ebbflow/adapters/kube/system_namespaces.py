"""The namespaces in which nothing is done for a tenant."""

from __future__ import annotations

from collections.abc import Collection
from http import HTTPStatus
from typing import Final

from ebbflow.domain.objects import Account, ObjectId, SystemNamespace

RESERVED: Final = "kube-"
"""Kubernetes keeps names that begin so for itself: kube-system, kube-public, kube-node-lease."""


class SystemNamespaces:
    """The reserved ones, and `own`: those of the operator itself.

    An account in one of them may be as mighty as the cluster; acting as it is never right.
    """

    def __init__(self, own: Collection[str]) -> None:
        self._own = frozenset(own)

    def includes(self, namespace: str) -> bool:
        """Tell whether the namespace is one of the system's."""
        return namespace.startswith(RESERVED) or namespace in self._own

    def refuse_account(self, account: Account) -> None:
        """Raise SystemNamespace if the account is in one of them."""
        if self.includes(account.namespace):
            raise SystemNamespace(
                f"cannot act as ServiceAccount {account.namespace}/{account.name}: "
                f"{account.namespace} is a namespace of the system; move the object that names "
                "the account to a namespace of your own",
                code=HTTPStatus.FORBIDDEN,
            )

    def refuse(self, target: ObjectId, account: Account) -> None:
        """Raise SystemNamespace if the object, or the account, is in one of them, or is one."""
        self.refuse_account(account)
        is_namespace = (target.group, target.kind) == ("", "Namespace")
        namespace = target.name if is_namespace else target.namespace
        if self.includes(namespace):
            raise SystemNamespace(
                f"cannot touch {target.title}: {namespace} is a namespace of the system; "
                "use a namespace of your own",
                code=HTTPStatus.FORBIDDEN,
            )
