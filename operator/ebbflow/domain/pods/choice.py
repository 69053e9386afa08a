"""Which pod of a workload, and which container of it, a command runs in. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ebbflow.api.base import JsonObject
from ebbflow.domain.health_verdict import condition, is_true, items, mapping, text
from ebbflow.domain.objects import ObjectId

DEFAULT_CONTAINER: Final = "kubectl.kubernetes.io/default-container"


class NoContainer(ValueError):
    """The pod has no container of the name; the text says which there are."""


def selector_of(workload: JsonObject) -> dict[str, str]:
    """Return the labels by which a workload selects its pods; none if it does so otherwise."""
    selector = mapping(mapping(workload.get("spec")).get("selector"))
    labels = mapping(selector.get("matchLabels"))
    return {key: value for key, value in labels.items() if isinstance(value, str)}


def pods_of(workload: JsonObject, pods: Iterable[JsonObject]) -> list[JsonObject]:
    """Return the pods that a workload itself has made, the newest first."""
    return newest_first(pod for pod in pods if _is_of(workload, pod))


def newest_first(pods: Iterable[JsonObject]) -> list[JsonObject]:
    """Return pods by when they were made."""
    return sorted(pods, key=_made_at, reverse=True)


def is_ready(pod: JsonObject) -> bool:
    """Tell whether a pod runs, is ready and stays."""
    metadata, status = mapping(pod.get("metadata")), mapping(pod.get("status"))
    going = bool(metadata.get("deletionTimestamp"))
    return not going and status.get("phase") == "Running" and is_true(condition(pod, "Ready"))


def container_of(pod: JsonObject, wanted: str | None) -> str:
    """Return the container that is meant: the wanted one, else as kubectl chooses, the one of the
    annotation, then the first. Raises NoContainer.
    """
    names = [text(one.get("name")) for one in items(mapping(pod.get("spec")).get("containers"))]
    annotations = mapping(mapping(pod.get("metadata")).get("annotations"))
    chosen = wanted or text(annotations.get(DEFAULT_CONTAINER))
    if chosen in names:
        return chosen
    if wanted is None and names:
        return names[0]
    raise NoContainer(
        f"Pod {ObjectId.of(pod).name} has no container {chosen}; it has {', '.join(names) or 'none'}"
    )


def _is_of(workload: JsonObject, pod: JsonObject) -> bool:
    """Tell by the controller: labels may be those of another workload too."""
    made, metadata = mapping(workload.get("metadata")), mapping(pod.get("metadata"))
    owners = items(metadata.get("ownerReferences"))
    owner = next((one for one in owners if one.get("controller") is True), {})
    if owner.get("uid") == made.get("uid"):
        return True
    template = text(mapping(metadata.get("labels")).get("pod-template-hash"))
    through = f"{text(made.get('name'))}-{template}"
    return owner.get("kind") == "ReplicaSet" and bool(template) and owner.get("name") == through


def _made_at(pod: JsonObject) -> str:
    return text(mapping(pod.get("metadata")).get("creationTimestamp"))
