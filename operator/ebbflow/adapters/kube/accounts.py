"""Whether a ServiceAccount exists, and whether anybody gave it a right."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from ebbflow.adapters.kube.answer import ObjectMissing, content
from ebbflow.adapters.kube.client import KubeClient
from ebbflow.adapters.kube.naming import segment
from ebbflow.api.base import JsonObject
from ebbflow.domain.objects import Absent, Account, AccountState, Busy, Denied, Powerless, Usable
from ebbflow.domain.ports import ClusterError

_RULES: Final = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
_EVERYBODYS: Final = frozenset(("authorization.k8s.io", "authentication.k8s.io"))
"""Groups in which everybody may ask about themselves: no right that a run could use."""


class AccountCheck:
    """Looks at accounts: at whether they exist as the operator, at their rights as themselves."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client

    async def look_at(self, account: Account) -> AccountState:
        """Return what the account is fit for. Raises Denied and Busy if that cannot be found out."""
        name = f"{account.namespace}/{account.name}"
        path = f"/api/v1/namespaces/{segment(account.namespace)}/serviceaccounts"
        try:
            await self._client.request("GET", f"{path}/{segment(account.name)}")
            rules = await self._rules(account)
        except ObjectMissing:
            return Absent(
                f"the ServiceAccount {name} does not exist; create it: "
                f"kubectl create serviceaccount {account.name} -n {account.namespace}"
            )
        except ClusterError as error:
            kind = Denied if error.code == HTTPStatus.FORBIDDEN else Busy
            raise kind(str(error), code=error.code, retry_after=error.retry_after) from error
        if any(_EVERYBODYS.isdisjoint(rule.get("apiGroups") or ()) for rule in rules):
            return Usable()
        return Powerless(
            f"nobody gave the ServiceAccount {name} a right in namespace {account.namespace}; an "
            f"admin can, for example: kubectl create rolebinding {account.name}-edit "
            f"--clusterrole=edit --serviceaccount={account.namespace}:{account.name} "
            f"-n {account.namespace}"
        )

    async def _rules(self, account: Account) -> list[JsonObject]:
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectRulesReview",
            "spec": {"namespace": account.namespace},
        }
        answer = await self._client.answer("POST", _RULES, body=review, impersonate=account.user)
        status = content(answer, "ask for the account's rights").get("status") or {}
        rules = status.get("resourceRules") or []
        return [rule for rule in rules if isinstance(rule, dict)]
