"""Pods in a tenant's name: restricted, within the list of what documents may ask for."""

from __future__ import annotations

from ebbflow.api.base import JsonObject
from ebbflow.domain.objects import Account
from ebbflow.domain.pods.allowed import listed, refused
from ebbflow.domain.pods.overrides import overridden
from ebbflow.domain.pods.restricted import restricted
from ebbflow.services.nodes.kind import CannotDo


def as_tenant(template: JsonObject, account: Account, namespace: str, field: str) -> JsonObject:
    """Return a pod template that is restricted, and whose pods run as the account that acts.

    Raises CannotDo, with the path of the `field` that describes the pods, for what is not allowed.
    """
    # An account can run pods of its own namespace only; elsewhere it is the default one.
    name = account.name if account.namespace == namespace else "default"
    if faults := refused(template, name):
        raise CannotDo(f"{field}: {listed(faults)}")
    return restricted(overridden(template, {"spec": {"serviceAccountName": name}}))
