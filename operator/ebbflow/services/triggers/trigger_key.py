"""The key of a trigger of type Webhook, from the Secret that its `keyFrom` names."""

from __future__ import annotations

from ebbflow.api.gittrigger import GitTrigger
from ebbflow.api.reasons import Reason
from ebbflow.domain.access import Refused
from ebbflow.domain.ports import Cluster
from ebbflow.domain.secret import Tainted


async def key_of(cluster: Cluster, trigger: GitTrigger) -> Tainted | Refused:
    """Return the key that a caller must know, or why there is none. Raises ClusterError."""
    if trigger.spec.key_from is None:
        return Refused(Reason.INVALID_SPEC, "spec.keyFrom: name the Secret of the key")
    reference, namespace = trigger.spec.key_from.secret_key_ref, trigger.metadata.namespace
    secret = await cluster.get_secret(namespace, reference.name)
    if secret is None:
        return Refused(
            Reason.SECRET_NOT_FOUND,
            f"Secret {namespace}/{reference.name} does not exist, so nobody can call the trigger; "
            f"create it with the key {reference.key}",
        )
    value = secret.data.get(reference.key)
    text = value.reveal().strip("\r\n") if value else ""
    if not text:
        return Refused(
            Reason.SECRET_INCOMPLETE,
            f"Secret {namespace}/{reference.name} lacks the key {reference.key}, or it is empty, "
            "so nobody can call the trigger; set it",
        )
    return Tainted(text)
