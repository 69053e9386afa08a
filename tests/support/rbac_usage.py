"""Whether the operator's RBAC rules are exactly what it needs: nothing forbidden, nothing unused."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ebbflow.api.base import PolicyRule
from tests.support.audit import AuditRequest, Requests

FORBIDDEN = 403

_CHECKED = {("run", "templates"): ("create", "runs"), ("cancel", "runs"): ("patch", "runs")}
"""Verbs that the admission policy asks for are never those of a request: the requests that it asks
them for.
"""


@dataclass(frozen=True, slots=True)
class Right:
    """One verb on one resource, out of one rule."""

    rule: PolicyRule
    resource: str
    verb: str

    def is_used_by(self, request: AuditRequest, own_namespace: str) -> bool:
        """Tell whether the request needed this right. A wildcard is never used: it hides rights."""
        rule = self.rule
        asked = _CHECKED.get((self.verb, self.resource), (self.verb, self.resource))
        return (
            (request.verb, request.group, request.resource) == (asked[0], rule.group, asked[1])
            and (not rule.names or request.name in rule.names)
            and (rule.scope == "Cluster" or request.namespace == own_namespace)
        )


@dataclass(frozen=True, slots=True)
class Window:
    """A time (seconds since 1970) in which a test made the API server forbid something."""

    start: float
    end: float
    why: str

    def covers(self, request: AuditRequest) -> bool:
        """Tell whether the request came within the window."""
        return self.start <= request.at <= self.end


@dataclass(frozen=True, slots=True)
class Report:
    """What is wrong with the rules: too few (`forbidden`) or too many (`unused`)."""

    forbidden: tuple[AuditRequest, ...]
    unused: tuple[Right, ...]

    def table(self, *, whole_suite: bool) -> str:
        """The findings as a table for people; empty if there are none.

        Unused rights are findings only if the whole suite ran.
        """
        parts = []
        if self.forbidden:
            rows = sorted({(r.verb, r.resource or r.uri, r.namespace) for r in self.forbidden})
            parts.append("The operator was forbidden (give it the right, or do not ask):")
            parts.append(_columns([("verb", "resource", "namespace"), *rows]))
        if self.unused and whole_suite:
            unused = [(r.verb, _qualified(r), r.rule.why) for r in self.unused]
            parts.append("No env test used these rights (test them, or take them away):")
            parts.append(_columns([("verb", "resource", "why"), *unused]))
        return "\n".join(parts)


def measure(
    policy: Iterable[PolicyRule],
    requests: Requests,
    *,
    own_namespace: str,
    windows: Sequence[Window] = (),
) -> Report:
    """Compare the rules with the requests that the operator's ServiceAccount made.

    A 403 counts if the authorizer gave it; one of an admission plugin (a namespace that is being
    deleted, a quota) is no question of RBAC.
    """
    made = [_seen_by_rbac(request) for request in requests]
    forbidden = tuple(
        request
        for request in made
        if request.code == FORBIDDEN
        and not request.allowed
        and not any(window.covers(request) for window in windows)
    )
    granted = {_shape(request): request for request in made if request.code != FORBIDDEN}
    unused = tuple(
        right
        for right in rights(policy)
        if not any(right.is_used_by(request, own_namespace) for request in granted.values())
    )
    return Report(forbidden, unused)


def rights(policy: Iterable[PolicyRule]) -> list[Right]:
    """Every (verb, resource) pair of the rules."""
    return [
        Right(rule, resource, verb)
        for rule in policy
        for resource in rule.resources
        for verb in rule.verbs
    ]


def _shape(request: AuditRequest) -> tuple[str, ...]:
    return (request.verb, request.group, request.resource, request.namespace, request.name)


def _seen_by_rbac(request: AuditRequest) -> AuditRequest:
    """Take a request as another user for what it needed of us: the verb impersonate."""
    if not request.as_user:
        return request
    kind = "serviceaccounts" if request.as_user.startswith("system:serviceaccount:") else "users"
    *_, namespace, name = ["", "", *request.as_user.split(":")]
    return AuditRequest(
        verb="impersonate",
        group="",
        resource=kind,
        namespace=namespace if kind == "serviceaccounts" else "",
        name=name if kind == "serviceaccounts" else request.as_user,
        user=request.user,
        as_user="",
        user_agent=request.user_agent,
        # Whether the other user was allowed to do it says nothing of our rights.
        code=0,
        allowed=True,
        at=request.at,
        uri=request.uri,
    )


def _qualified(right: Right) -> str:
    return f"{right.resource}.{right.rule.group}" if right.rule.group else right.resource


def _columns(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  "
        + "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
