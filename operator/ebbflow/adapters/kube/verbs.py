"""The port `Verbs` on the real API server: the account itself is asked, as which the operator acts.

A SelfSubjectAccessReview as the account has the same answer as a SubjectAccessReview about it, with
the very groups that the API server gives it, and needs no right that the operator has not got.
"""

from __future__ import annotations

import shlex
from http import HTTPStatus
from typing import Final

from typing_extensions import override

from ebbflow.adapters.kube.accounts import AccountCheck
from ebbflow.adapters.kube.answer import content
from ebbflow.adapters.kube.client import KubeClient
from ebbflow.adapters.kube.system_namespaces import SystemNamespaces
from ebbflow.api.base import GROUP, JsonObject, Key
from ebbflow.api.run_policy import SOURCES
from ebbflow.domain.objects import Absent, Account, AccountMissing, Busy, Denied
from ebbflow.domain.ports import ClusterError
from ebbflow.domain.verbs import Verbs

_REVIEWS: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


class KubeVerbs(Verbs):
    """Asks the API server each time: a right that was taken away counts at once."""

    def __init__(self, client: KubeClient, system: SystemNamespaces) -> None:
        self._client = client
        self._system = system
        self._accounts = AccountCheck(client)

    @override
    async def require(self, verb: str, source: Key, account: Account) -> None:
        self._system.refuse_account(account)
        what = f"cannot {verb} {source.kind} {source.name}"
        if await self._allowed(verb, source, account):
            return
        state = await self._accounts.look_at(account)
        if isinstance(state, Absent):
            raise AccountMissing(f"{what}: {state.message}", code=HTTPStatus.FORBIDDEN)
        who = f"the ServiceAccount {account.namespace}/{account.name}"
        resource = f"{SOURCES[source.kind]}.{GROUP}"
        raise Denied(
            f"{what}: {who} lacks the verb {verb} on {resource} {source.name} in namespace "
            f"{source.namespace}; an admin can give it: {_grant(verb, resource, source, account)}",
            code=HTTPStatus.FORBIDDEN,
        )

    async def _allowed(self, verb: str, source: Key, account: Account) -> bool:
        try:
            answer = await self._client.answer(
                "POST", _REVIEWS, body=_review(verb, source), impersonate=account.user
            )
            found = content(answer, f"ask whether {account.user} may {verb} {source.name}")
        except ClusterError as error:
            kind = Denied if error.code == HTTPStatus.FORBIDDEN else Busy
            raise kind(str(error), code=error.code, retry_after=error.retry_after) from error
        return (found.get("status") or {}).get("allowed") is True


def _review(verb: str, source: Key) -> JsonObject:
    return {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {
            "resourceAttributes": {
                "group": GROUP,
                "resource": SOURCES[source.kind],
                "namespace": source.namespace,
                "name": source.name,
                "verb": verb,
            }
        },
    }


def _grant(verb: str, resource: str, source: Key, account: Account) -> str:
    """Return the kubectl commands that give the account this verb on this one object."""
    name = shlex.quote(f"{account.name}-{verb}-{source.name}")
    where = f"-n {shlex.quote(source.namespace)}"
    subject = shlex.quote(f"{account.namespace}:{account.name}")
    return (
        f"kubectl create role {name} --verb={verb} --resource={resource} "
        f"--resource-name={shlex.quote(source.name)} {where} && kubectl create rolebinding {name} "
        f"--role={name} --serviceaccount={subject} {where}"
    )
