"""What a document may ask of pods: a list of the fields that are allowed, and of their values.

The list ends where the baseline profile of the Pod Security Standards does; what is new in
Kubernetes is not on it until somebody has thought about it.
Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from typing_extensions import override

from ebbflow.api.base import JsonObject
from ebbflow.domain.expression.errors import hint
from ebbflow.domain.pods.pod_fields import (
    ACCOUNT,
    CONTAINER_SECURITY,
    TEMPLATE,
    AnyValue,
    Checked,
    Each,
    Fields,
    Rule,
)

SHOWN: Final = 5

INSTEAD: Final = (
    "pods that a document describes may not have it; where it is really wanted, apply the object with "
    "a Manifest node: the rights of the ServiceAccount and the namespace's Pod Security decide there"
)
"""What to do about a field that is not allowed."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A field that is not allowed: its path within the template, and why, as half a sentence."""

    path: str
    problem: str = field(default=INSTEAD)

    @override
    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


def refused(template: JsonObject, account: str | None = None) -> tuple[Refused, ...]:
    """Return what a pod template has that is not allowed; never a value of it.

    `account`: the ServiceAccount that its pods may run as; None: that is not judged. A template
    may be a part of one.
    """
    found = [*_faults(template, TEMPLATE, "")]
    spec = template.get("spec")
    named = spec.get(ACCOUNT) if isinstance(spec, dict) else None
    if account is not None and named is not None and named != account:
        found.append(
            Refused(
                f"spec.{ACCOUNT}",
                f"must be {account}, the ServiceAccount of the node's pods; give the context of "
                "the workflow another serviceAccountName, or apply the object with a Manifest node",
            )
        )
    return tuple(found)


def refused_context(context: JsonObject) -> tuple[Refused, ...]:
    """Return what a container's security context has that is not allowed."""
    return tuple(_faults(context, CONTAINER_SECURITY, ""))


def listed(faults: Iterable[Refused]) -> str:
    """Return the first few faults in one sentence."""
    return "; ".join(map(str, islice(faults, SHOWN)))


def _faults(value: Any, rule: Rule, path: str) -> Iterator[Refused]:
    if value is None:
        return  # for the API server null is absent
    match rule:
        case AnyValue():
            pass
        case Checked():
            if not rule.holds(value):
                yield Refused(path, f"{rule.words}; {INSTEAD}")
        case Each():
            yield from _items(value, rule, path)
        case Fields():
            yield from _fields(value, rule, path)


def _items(value: Any, rule: Each, path: str) -> Iterator[Refused]:
    if not isinstance(value, list):
        yield Refused(path, "must be a list")
        return
    for number, item in enumerate(value):
        yield from _faults(item, rule.inner, f"{path}[{number}]")


def _fields(value: Any, rule: Fields, path: str) -> Iterator[Refused]:
    if not isinstance(value, dict):
        yield Refused(path, "must be an object")
        return
    for key, item in value.items():
        where = f"{path}.{key}" if path else key
        inner = rule.by_name.get(key)
        if inner is None:
            yield Refused(where, INSTEAD + hint(key, rule.by_name))
        else:
            yield from _faults(item, inner, where)
