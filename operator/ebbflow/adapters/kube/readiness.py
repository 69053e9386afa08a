"""What has to be there before events can be watched: kinds that are served, and the right to."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ebbflow.adapters.kube.answer import ObjectMissing
from ebbflow.adapters.kube.client import KubeClient
from ebbflow.adapters.kube.naming import segment
from ebbflow.api.base import GROUP, VERSION, Resource
from ebbflow.domain.ports import ClusterError

_CRDS: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_REVIEWS: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_VERBS: Final = ("list", "watch")


@dataclass(frozen=True, slots=True)
class Watch:
    """One kind of object that is watched, in one namespace or (None) in all."""

    group: str
    plural: str
    namespace: str | None = None

    @property
    def resource(self) -> str:
        """The full name of the resource, such as templates.ebbflow.dev."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


def watches(kinds: Iterable[type[Resource]], namespaces: Sequence[str]) -> tuple[Watch, ...]:
    """Return what watching our own `kinds` means; no `namespaces` stands for all."""
    places: Sequence[str | None] = namespaces or (None,)
    return tuple(Watch(GROUP, kind.declaration.plural, place) for kind in kinds for place in places)


async def missing(client: KubeClient, wanted: Sequence[Watch]) -> tuple[str, ...]:
    """Return a sentence for everything that keeps the operator from watching; empty: all is there.

    Kinds of our group must be Established and serve our version; list and watch must be allowed
    to us. Never raises for what the server says: not being able to ask is an answer too.
    """
    plurals = dict.fromkeys(watch.plural for watch in wanted if watch.group == GROUP)
    questions = [_unserved(client, plural) for plural in plurals]
    questions += [_forbidden(client, watch, verb) for watch in wanted for verb in _VERBS]
    answers = await asyncio.gather(*questions)
    return tuple(dict.fromkeys(answer for answer in answers if answer is not None))


async def _unserved(client: KubeClient, plural: str) -> str | None:
    name = f"{plural}.{GROUP}"
    try:
        crd = await client.request("GET", f"{_CRDS}/{segment(name)}")
    except ObjectMissing:
        return f"the CustomResourceDefinition {name} is missing; run `ebbflow install`"
    except ClusterError as error:
        return str(error)
    served = {entry["name"] for entry in crd["spec"]["versions"] if entry.get("served")}
    if VERSION not in served:
        return (
            f"the CustomResourceDefinition {name} does not serve {VERSION}; run `ebbflow install`"
        )
    states = {c["type"]: c for c in (crd.get("status") or {}).get("conditions") or ()}
    if states.get("Established", {}).get("status") == "True":
        return None
    names = states.get("NamesAccepted", {})
    why = f": {names.get('message')}" if names.get("status") == "False" else ""
    return f"the CustomResourceDefinition {name} is not established yet{why}"


async def _forbidden(client: KubeClient, watch: Watch, verb: str) -> str | None:
    attributes = {"group": watch.group, "resource": watch.plural, "verb": verb}
    if watch.namespace is not None:
        attributes["namespace"] = watch.namespace
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    try:
        answer = await client.request("POST", _REVIEWS, body=review)
    except ClusterError as error:
        return str(error)
    if (answer.get("status") or {}).get("allowed") is True:
        return None
    place = f"in namespace {watch.namespace}" if watch.namespace else "in all namespaces"
    return (
        f"the operator may not {verb} {watch.resource} {place}; "
        "bind the operator's ClusterRole to its account"
    )
