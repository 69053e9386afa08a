"""Jobs that nodes of runs start: their names, what goes into them, and how they stand. Pure."""

from __future__ import annotations

import base64
import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, Literal

from ebbflow.api.base import GROUP, JsonObject
from ebbflow.domain.health_verdict import condition, is_true, mapping, words_of

ATTEMPT: Final = f"{GROUP}/attempt"
"""The annotation that tells which attempt of which node of which Run a Job is."""

NODE: Final = f"{GROUP}/node"
"""The annotation on Jobs and their pods with the path of the node."""

RUN: Final = f"{GROUP}/run"
"""The label on Jobs and their pods with the name of the Run."""

JOB_NAME: Final = "batch.kubernetes.io/job-name"
"""The label on the pods of a Job; a label's value is what bounds the names of Jobs."""

MANAGER: Final = "ebbflow-job"
"""The field manager of Jobs. Not that of runs: what goes with its Run is in no inventory."""

NAME_LENGTH: Final = 63
LABEL_PART: Final = 16
KEY_PART: Final = 8
"""Characters of base32: 40 bits tell attempts apart; the annotation tells for sure."""

GRACE: Final = timedelta(seconds=30)
"""How long after the node's own timeout the cluster ends the Job, if no operator did."""

KEPT_ELSEWHERE: Final = timedelta(days=1)
"""How long a finished Job stays that no Run can own, being in another namespace."""

_NOT_NAMES: Final = re.compile(r"[^a-z0-9]+")
_OF_ONE_JOB: Final = (
    "controller-uid",
    "job-name",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
)
_NOT_TAKEN: Final = (
    "selector",
    "manualSelector",
    "suspend",
    "ttlSecondsAfterFinished",
    "managedBy",
)


def job_name(run: str, node: str, attempt: int, key: str) -> str:
    """Return the name of an attempt's Job: its Run, its node (ref or path), which attempt it is,
    and what tells it from every other; at most 63 characters.
    """
    digest = base64.b32encode(hashlib.sha256(key.encode()).digest()).decode().lower()[:KEY_PART]
    label = _NOT_NAMES.sub("-", node.lower()).strip("-")[:LABEL_PART].rstrip("-")
    tail = "-".join(part for part in (label, str(attempt), digest) if part)
    head = run.replace(".", "-")[: NAME_LENGTH - len(tail) - 1].rstrip("-")
    return f"{head}-{tail}"


@dataclass(frozen=True, slots=True)
class Overrides:
    """What a node changes in a container; None leaves it as it is. `env` wins by name, and `more`
    are other fields of the container that are put in the place of those that are there.
    """

    container: str | None = None
    image: str | None = None
    command: tuple[Any, ...] | None = None
    args: tuple[Any, ...] | None = None
    env: tuple[JsonObject, ...] = ()
    more: JsonObject = field(default_factory=dict)


class NoSuchContainer(ValueError):
    """The template has no container that could be meant; the text says which there are."""


def job_spec_of(live: JsonObject) -> JsonObject:
    """Return the spec that Jobs of a CronJob have, or the one that a Job has, to be run again."""
    spec = mapping(live.get("spec"))
    if live.get("kind") == "CronJob":
        spec = mapping(mapping(spec.get("jobTemplate")).get("spec"))
    template = mapping(spec.get("template"))
    metadata = mapping(template.get("metadata"))
    kept = {key: metadata[key] for key in ("annotations",) if metadata.get(key)}
    labels = {k: v for k, v in mapping(metadata.get("labels")).items() if k not in _OF_ONE_JOB}
    if labels:
        kept["labels"] = labels
    return {**spec, "template": {"metadata": kept, "spec": mapping(template.get("spec"))}}


def with_overrides(template: JsonObject, wanted: Overrides) -> JsonObject:
    """Return a pod template with the changes in one container: the named one, else the first.

    Raises NoSuchContainer.
    """
    pod = mapping(template.get("spec"))
    containers = list(pod.get("containers") or ())
    names = [mapping(one).get("name") for one in containers]
    if wanted.container is None and containers:
        index = 0
    elif wanted.container in names:
        index = names.index(wanted.container)
    else:
        there = f"there are {', '.join(map(str, names))}" if names else "there are no containers"
        raise NoSuchContainer(f"there is no container {wanted.container or ''}: {there}")
    containers[index] = _changed(containers[index], wanted)
    return {**template, "spec": {**pod, "containers": containers}}


def for_one_attempt(spec: JsonObject, timeout: timedelta | None) -> JsonObject:
    """Return a Job's spec that runs once: trying again is for the node's `settings`, so that each
    attempt has a Job of its own. `timeout` is the node's.
    """
    made = {key: value for key, value in spec.items() if key not in _NOT_TAKEN}
    template = mapping(made.get("template"))
    pod = {**mapping(template.get("spec")), "restartPolicy": "Never"}
    made |= {"backoffLimit": 0, "template": {**template, "spec": pod}}
    if timeout is not None:
        ours = math.ceil((timeout + GRACE).total_seconds())
        given = made.get("activeDeadlineSeconds")
        made["activeDeadlineSeconds"] = min(ours, given) if isinstance(given, int) else ours
    return made


def first_container(spec: JsonObject) -> str:
    """Return the name of the first container of a Job's spec; empty if there is none."""
    pod = mapping(mapping(spec.get("template")).get("spec"))
    containers = pod.get("containers") or ()
    return str(mapping(containers[0]).get("name") or "") if containers else ""


Standing = Literal["Running", "Suspended", "Succeeded", "Failed"]


def standing(live: JsonObject) -> Standing:
    """Tell how a Job stands. It has failed only once its pods have ended, so that they can be read."""
    if is_true(condition(live, "Complete")):
        return "Succeeded"
    if is_true(condition(live, "Failed")):
        return "Failed"
    return "Suspended" if mapping(live.get("spec")).get("suspend") is True else "Running"


def why_failed(live: JsonObject) -> str:
    """Return what a failed Job says of its failure."""
    failed = condition(live, "Failed")
    if failed.get("reason") == "DeadlineExceeded":
        return "it took longer than its activeDeadlineSeconds"
    return words_of(failed, "no reason given")


def annotation(live: JsonObject, name: str) -> str | None:
    """Return an annotation of an object; None if it has none of this name."""
    found: Mapping[str, Any] = mapping(mapping(live.get("metadata")).get("annotations"))
    value = found.get(name)
    return value if isinstance(value, str) else None


def _changed(container: Any, wanted: Overrides) -> JsonObject:
    made = {**mapping(container), **wanted.more}
    if wanted.image is not None:
        made["image"] = wanted.image
    if wanted.command is not None:
        made["command"] = list(wanted.command)
    if wanted.args is not None:
        made["args"] = list(wanted.args)
    if wanted.env:
        ours = {one.get("name") for one in wanted.env}
        given = [one for one in made.get("env") or () if mapping(one).get("name") not in ours]
        made["env"] = [*given, *wanted.env]
    return made
