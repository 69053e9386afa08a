"""The health of the kinds that have rules of their own: one function a kind, all in `RULES`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from ebbflow.api.base import JsonObject
from ebbflow.domain.health_of_pods import pod, replica_trouble
from ebbflow.domain.health_verdict import (
    Current,
    Failed,
    Health,
    InProgress,
    Terminating,
    condition,
    condition_in,
    count,
    is_true,
    items,
    mapping,
    text,
    words_of,
)

Rule = Callable[[JsonObject], Health]

DEADLINE: Final = "ProgressDeadlineExceeded"


def deployment(live: JsonObject) -> Health:
    """All replicas are of the latest template and available, and no old ones are left."""
    status = mapping(live.get("status"))
    wanted = count(mapping(live.get("spec")), "replicas", 1)
    progressing = condition(live, "Progressing")
    if progressing.get("reason") == DEADLINE:
        return Failed(_with_trouble(words_of(progressing, "it made no progress in time"), live))
    updated, total = count(status, "updatedReplicas"), count(status, "replicas")
    if updated < wanted:
        return InProgress(_with_trouble(f"{updated} of {wanted} replicas are updated", live))
    if total > updated:
        return InProgress(f"{total - updated} old replicas are still to be stopped")
    for field, word in (("readyReplicas", "ready"), ("availableReplicas", "available")):
        number = count(status, field)
        if number < wanted:
            return InProgress(_with_trouble(f"{number} of {wanted} replicas are {word}", live))
    available = condition(live, "Available")
    if not is_true(available):
        return InProgress(_with_trouble(words_of(available, "it is not available yet"), live))
    return Current(f"{wanted} of {wanted} replicas are ready")


def stateful_set(live: JsonObject) -> Health:
    """All replicas are ready and of the latest revision, as far as the partition asks."""
    spec, status = mapping(live.get("spec")), mapping(live.get("status"))
    wanted = count(spec, "replicas", 1)
    strategy = mapping(spec.get("updateStrategy"))
    if strategy.get("type") == "OnDelete":
        return Current("its pods are updated when somebody deletes them (OnDelete)")
    for field, word in (("replicas", "made"), ("readyReplicas", "ready")):
        number = count(status, field)
        if number < wanted:
            return InProgress(_with_trouble(f"{number} of {wanted} replicas are {word}", live))
    if count(status, "replicas") > wanted:
        return InProgress(f"{count(status, 'replicas') - wanted} replicas are still to be stopped")
    partition = count(mapping(strategy.get("rollingUpdate")), "partition")
    due, updated = max(wanted - partition, 0), count(status, "updatedReplicas")
    if updated < due:
        return InProgress(f"{updated} of {due} replicas are updated")
    if not partition and status.get("currentRevision") != status.get("updateRevision"):
        return InProgress("its latest revision is not in use everywhere yet")
    return Current(f"{wanted} of {wanted} replicas are ready")


def daemon_set(live: JsonObject) -> Health:
    """Every node that it wants has a ready pod of the latest template."""
    status = mapping(live.get("status"))
    if "desiredNumberScheduled" not in status or "observedGeneration" not in status:
        return InProgress("its controller has not counted the nodes yet")
    wanted = count(status, "desiredNumberScheduled")
    for field, word in (
        ("currentNumberScheduled", "scheduled"),
        ("updatedNumberScheduled", "updated"),
        ("numberAvailable", "available"),
        ("numberReady", "ready"),
    ):
        number = count(status, field)
        if number < wanted:
            return InProgress(f"{number} of {wanted} pods are {word}")
    return Current(f"{wanted} of {wanted} pods are ready")


def replica_set(live: JsonObject) -> Health:
    """As many pods are ready as it wants, and no more than that are there."""
    status = mapping(live.get("status"))
    wanted = count(mapping(live.get("spec")), "replicas", 1)
    failure = condition(live, "ReplicaFailure")
    if is_true(failure):
        return InProgress(words_of(failure, "its pods cannot be made"))
    for field, word in (
        ("fullyLabeledReplicas", "labelled"),
        ("readyReplicas", "ready"),
        ("availableReplicas", "available"),
    ):
        number = count(status, field)
        if number < wanted:
            return InProgress(f"{number} of {wanted} replicas are {word}")
    if count(status, "replicas") > wanted:
        return InProgress(f"{count(status, 'replicas') - wanted} replicas are still to be stopped")
    return Current(f"{wanted} of {wanted} replicas are ready")


def job(live: JsonObject) -> Health:
    """It has ended well. One that is suspended on purpose is as it should be."""
    status = mapping(live.get("status"))
    for type_ in ("Failed", "FailureTarget"):
        failed = condition(live, type_)
        if is_true(failed):
            pods = count(status, "failed")
            seen = f"; {pods} pods failed: read their logs" if pods else ""
            return Failed(words_of(failed, "the job failed") + seen)
    if is_true(condition(live, "Complete")):
        return Current(f"{count(status, 'succeeded')} pods succeeded")
    if mapping(live.get("spec")).get("suspend") is True:
        return Current("it is suspended")
    if not status.get("startTime"):
        return InProgress("the job has not started")
    active, failed_pods = count(status, "active"), count(status, "failed")
    failures = f", {failed_pods} failed" if failed_pods else ""
    return InProgress(f"the job runs: {active} pods are active{failures}")


def claim(live: JsonObject) -> Health:
    """A PersistentVolumeClaim is bound."""
    phase = text(mapping(live.get("status")).get("phase"))
    match phase:
        case "Bound":
            return Current("bound")
        case "Lost":
            return Failed(
                "its volume is lost: restore the PersistentVolume, or make the claim anew"
            )
        case _:
            return InProgress(
                f"its phase is {phase or 'not known yet'}; look at its events (kubectl describe), "
                "and whether its storage class waits for a pod that uses it"
            )


def service(live: JsonObject) -> Health:
    """A Service of type LoadBalancer has an address; any other is there at once."""
    if mapping(live.get("spec")).get("type") != "LoadBalancer":
        return Current()
    addresses = _addresses(live)
    if addresses:
        return Current(f"its address is {addresses}")
    return InProgress("it has no address yet; the cluster needs a load balancer that gives it one")


def ingress(live: JsonObject) -> Health:
    """An Ingress is there at once: many controllers never write an address into it."""
    addresses = _addresses(live)
    return Current(f"its address is {addresses}" if addresses else "")


def route(live: JsonObject) -> Health:
    """Every gateway that an HTTPRoute names has taken it as it is now.

    Source: https://gateway-api.sigs.k8s.io/reference/spec/ (RouteParentStatus).
    """
    metadata = mapping(live.get("metadata"))
    namespace, generation = text(metadata.get("namespace")), count(metadata, "generation")
    parents = items(mapping(live.get("status")).get("parents"))
    taken = {_parent(mapping(entry.get("parentRef")), namespace): entry for entry in parents}
    wanted = [_parent(ref, namespace) for ref in items(mapping(live.get("spec")).get("parentRefs"))]
    for name in wanted:
        entry = taken.get(name)
        if entry is None:
            return InProgress(f"gateway {name} has not looked at it yet")
        for type_ in ("Accepted", "ResolvedRefs"):
            state = condition_in(entry, type_)
            if count(state, "observedGeneration", generation) < generation:
                return InProgress(f"gateway {name} has not looked at its last change yet")
            if not is_true(state):
                return InProgress(f"gateway {name}: {words_of(state, f'it is not {type_}')}")
    return Current(f"taken by {len(wanted)} gateways" if wanted else "")


def definition(live: JsonObject) -> Health:
    """A CustomResourceDefinition is served."""
    names = condition(live, "NamesAccepted")
    if names.get("status") == "False":
        return Failed(words_of(names, "another definition has its names"))
    established = condition(live, "Established")
    if is_true(established):
        return Current("established")
    if established.get("status") == "False" and established.get("reason") != "Installing":
        return Failed(words_of(established, "it cannot be established"))
    return InProgress(words_of(established, "it is not established yet"))


def disruption_budget(live: JsonObject) -> Health:
    """A PodDisruptionBudget has counted its pods, and enough of them are healthy."""
    status = mapping(live.get("status"))
    if "desiredHealthy" not in status:
        return InProgress("its pods have not been counted yet")
    healthy, wanted = count(status, "currentHealthy"), count(status, "desiredHealthy")
    if healthy < wanted:
        return InProgress(f"{healthy} of {wanted} pods are healthy")
    return Current(f"{healthy} pods are healthy, {wanted} must be")


def snapshot(live: JsonObject) -> Health:
    """A VolumeSnapshot can be restored from. Its controller tries again after errors."""
    status = mapping(live.get("status"))
    if status.get("readyToUse") is True:
        return Current("ready to use")
    trouble = text(mapping(status.get("error")).get("message"))
    return InProgress(f"tried again after: {trouble}" if trouble else "it is not ready to use yet")


def namespace(live: JsonObject) -> Health:
    """A Namespace can be used."""
    phase = text(mapping(live.get("status")).get("phase"))
    if phase == "Terminating":
        stuck = condition(live, "NamespaceContentRemaining")
        return Terminating(words_of(stuck, "it is being deleted"))
    return Current() if phase == "Active" else InProgress("it is not active yet")


def api_service(live: JsonObject) -> Health:
    """An APIService can be reached."""
    available = condition(live, "Available")
    if is_true(available):
        return Current("available")
    return InProgress(words_of(available, "it is not available yet"))


def _addresses(live: JsonObject) -> str:
    balancer = mapping(mapping(live.get("status")).get("loadBalancer"))
    found = (text(e.get("hostname")) or text(e.get("ip")) for e in items(balancer.get("ingress")))
    return ", ".join([address for address in found if address][:3])


def _parent(reference: JsonObject, namespace: str) -> str:
    """Return what tells the gateways of a route of this namespace apart, and people of them."""
    own = text(reference.get("namespace"))
    prefix = f"{own}/" if own not in ("", namespace) else ""
    section = text(reference.get("sectionName"))
    return f"{prefix}{text(reference.get('name'))}" + (f", listener {section}" if section else "")


def _with_trouble(words: str, live: JsonObject) -> str:
    trouble = replica_trouble(live)
    return f"{words}; {trouble}" if trouble and trouble not in words else words


RULES: Final[Mapping[tuple[str, str], Rule]] = {
    ("", "Namespace"): namespace,
    ("", "PersistentVolumeClaim"): claim,
    ("", "Pod"): pod,
    ("", "Service"): service,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): definition,
    ("apiregistration.k8s.io", "APIService"): api_service,
    ("apps", "DaemonSet"): daemon_set,
    ("apps", "Deployment"): deployment,
    ("apps", "ReplicaSet"): replica_set,
    ("apps", "StatefulSet"): stateful_set,
    ("batch", "Job"): job,
    ("gateway.networking.k8s.io", "GRPCRoute"): route,
    ("gateway.networking.k8s.io", "HTTPRoute"): route,
    ("networking.k8s.io", "Ingress"): ingress,
    ("policy", "PodDisruptionBudget"): disruption_budget,
    ("snapshot.storage.k8s.io", "VolumeSnapshot"): snapshot,
}
