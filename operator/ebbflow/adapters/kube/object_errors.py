"""Which error an answer about an object is, and what a person should do about it.

The shapes of the API server's refusals are those of k8s.io/apimachinery (api/errors) and of
kube-apiserver's admission plugins; tests/env/test_kube_objects.py holds them to the real one.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Final

from ebbflow.adapters.kube.answer import MAX_WORDS, Answer
from ebbflow.adapters.kube.discovery import Served
from ebbflow.api.base import JsonObject
from ebbflow.domain.conditions import clip
from ebbflow.domain.document.invalid import shortened
from ebbflow.domain.first_few import first_few
from ebbflow.domain.objects import (
    Account,
    AlreadyExists,
    Busy,
    Changed,
    Denied,
    FieldConflict,
    Invalid,
    NamespaceMissing,
    NamespaceTerminating,
    ObjectError,
    ObjectId,
    RejectedByAdmission,
    TooLarge,
)
from ebbflow.domain.one_line import one_line

MAX_FIELDS: Final = 10
"""Fields that one refusal names."""

LONGEST_TITLE: Final = 120
"""Characters of an object's kind, namespace and name in an error; proper names may be 253 each."""

_LONG: Final = re.compile(r'"([^"]{64})[^"]{64,}"')
_CANNOT: Final = re.compile(
    r'User "(?P<user>[^"]*)" cannot (?P<verb>[a-z*]+) resource "(?P<resource>[^"]*)"'
    r'(?: in API group "(?P<group>[^"]*)")?(?: in the namespace "(?P<namespace>[^"]*)")?'
)
_WEBHOOK: Final = re.compile(r'admission webhook "([^"]+)" denied the request')
_WEBHOOK_DOWN: Final = re.compile(r'failed calling webhook "([^"]+)"')
_POLICY: Final = re.compile(r"ValidatingAdmissionPolicy '([^']+)'")
_CONFLICT: Final = re.compile(r'conflict with "([^"]+)"')
_TOO_LARGE: Final = ("request is too large", "larger than max", "Request entity too large")
_GRANTS: Final = "attempting to grant RBAC permissions not currently held"

_EXEC: Final = "pods/exec"

_READ: Final = ("get", "list", "watch")
_WRITE: Final = ("create", "patch")


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was tried: `verb` for people (apply), on what, as whom.

    `redact` takes secrets out of the API server's words.
    """

    verb: str
    target: ObjectId
    served: Served
    account: Account
    redact: Callable[[str], str]

    @property
    def what(self) -> str:
        """How errors begin."""
        account = f"{self.account.namespace}/{self.account.name}"
        title = shortened(self.target.title, LONGEST_TITLE)
        return f"cannot {self.verb} {title} as ServiceAccount {account}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """The API server's Status object, read."""

    code: int
    reason: str
    message: str
    causes: tuple[JsonObject, ...]
    about: tuple[str, str]  # kind and name that it is about
    retry_after: timedelta | None

    def has_cause(self, reason: str) -> bool:
        """Tell whether one of its causes has this reason."""
        return any(cause.get("reason") == reason for cause in self.causes)


def read_refusal(answer: Answer, redact: Callable[[str], str]) -> Refusal:
    """Read an answer that is no success; a body that is no Status is not repeated."""
    status = _status(answer.body)
    details = status.get("details")
    given = details if isinstance(details, dict) else {}
    after = answer.retry_after
    # What was sent may be long; what is wrong with it comes after it.
    message = _LONG.sub(r'"\1…"', redact(str(status.get("message") or "")))
    return Refusal(
        code=answer.status,
        reason=str(status.get("reason") or ""),
        message=clip(one_line(message), MAX_WORDS),
        causes=tuple(cause for cause in given.get("causes") or () if isinstance(cause, dict)),
        about=(str(given.get("kind") or ""), str(given.get("name") or "")),
        retry_after=None if after is None else timedelta(seconds=after),
    )


def is_absent(refusal: Refusal, target: ObjectId) -> bool:
    """Tell whether the object itself is not there, and not its kind or its namespace."""
    kind, name = refusal.about
    if refusal.code != HTTPStatus.NOT_FOUND or not name:
        return False
    return name == target.name and (kind != "namespaces" or target.kind == "Namespace")


def is_kind_absent(refusal: Refusal) -> bool:
    """Tell whether nothing is served under the path."""
    return refusal.code == HTTPStatus.NOT_FOUND and not refusal.about[1]


def error_of(refusal: Refusal, attempt: Attempt) -> ObjectError:
    """Return the error that a refusal is."""
    match refusal.code:
        case HTTPStatus.FORBIDDEN:
            return _forbidden(refusal, attempt)
        case HTTPStatus.NOT_FOUND:
            return _not_found(refusal, attempt)
        case HTTPStatus.CONFLICT:
            return _conflict(refusal, attempt)
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return too_large(attempt, refusal.message)
        case HTTPStatus.BAD_REQUEST | HTTPStatus.UNPROCESSABLE_ENTITY:
            return _denied_by_admission(refusal, attempt) or _invalid(refusal, attempt)
        case _:
            return _other(refusal, attempt)


def too_large(attempt: Attempt, words: str) -> TooLarge:
    """Return the error for an object that is larger than may be."""
    return TooLarge(
        f"{attempt.what}: it is too large ({words}); cut it into several objects",
        code=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    )


def _forbidden(refusal: Refusal, attempt: Attempt) -> ObjectError:
    if refusal.has_cause("NamespaceTerminating"):
        words = f"the namespace {attempt.target.namespace} is being deleted; use another one"
        return NamespaceTerminating(f"{attempt.what}: {words}", code=refusal.code)
    found = _CANNOT.search(refusal.message)
    if found is not None:
        return _denied(refusal, attempt, found)
    if _GRANTS in refusal.message:
        words = (
            f"{refusal.message}; nobody can give away rights that they do not have: "
            "give the account these rights first"
        )
        return Denied(f"{attempt.what}: {words}", code=refusal.code)
    return _denied_by_admission(refusal, attempt) or _rejected("", refusal, attempt)


def _denied(refusal: Refusal, attempt: Attempt, found: re.Match[str]) -> Denied:
    user, verb, resource = found["user"], found["verb"], found["resource"]
    # For a Namespace the API server names the namespace itself, where no role could allow making it.
    namespace = (found["namespace"] or "") if attempt.served.namespaced else ""
    group = found["group"] or ""
    full = f"{resource}.{group}" if group else resource
    if verb == "impersonate":
        return Denied(
            f"{attempt.what}: the operator ({user}) may not impersonate {resource} in namespace "
            f"{namespace}; install its rights: ebbflow install --rbac-only",
            code=refusal.code,
        )
    # A WebSocket begins as a get; from Kubernetes 1.35 on exec needs the right to create too.
    verb = "create" if resource == _EXEC else verb
    place = f"in namespace {namespace}" if namespace else "in the whole cluster"
    return Denied(
        f"{attempt.what}: it may not {verb} {full} {place}; an admin can allow it: "
        f"{grant(attempt.account, verb, full, namespace)}",
        code=refusal.code,
    )


def grant(account: Account, verb: str, resource: str, namespace: str) -> str:
    """Return the kubectl commands that give an account what it lacks.

    With a right to write come those to read, and to patch that to create: an apply needs them all.
    """
    verbs = dict.fromkeys((*_READ, *(_WRITE if verb in _WRITE else ()), verb))
    name = shlex.quote(f"{account.name}-{resource}".replace("/", "-"))
    kind, where = ("role", f" -n {shlex.quote(namespace)}") if namespace else ("clusterrole", "")
    subject = shlex.quote(f"{account.namespace}:{account.name}")
    return (
        f"kubectl create {kind} {name} --verb={','.join(verbs)} "
        f"--resource={shlex.quote(resource)}{where} && "
        f"kubectl create {kind}binding {name} --{kind}={name} --serviceaccount={subject}{where}"
    )


def _denied_by_admission(refusal: Refusal, attempt: Attempt) -> RejectedByAdmission | None:
    for pattern in (_WEBHOOK, _POLICY):
        found = pattern.search(refusal.message)
        if found is not None:
            return _rejected(found[1], refusal, attempt)
    return None


def _rejected(by: str, refusal: Refusal, attempt: Attempt) -> RejectedByAdmission:
    who = f"{by} refused it" if by else "an admission check of the cluster refused it"
    words = f"{who}: {refusal.message or 'no reason given'}"
    error = RejectedByAdmission(f"{attempt.what}: {words}", code=refusal.code)
    error.by = by
    return error


def _not_found(refusal: Refusal, attempt: Attempt) -> ObjectError:
    kind, name = refusal.about
    if kind == "namespaces" and name:
        words = f"the namespace {name} does not exist; create it: kubectl create namespace {name}"
        return NamespaceMissing(f"{attempt.what}: {words}", code=refusal.code)
    return Changed(f"{attempt.what}: it does not exist any more", code=refusal.code)


def _conflict(refusal: Refusal, attempt: Attempt) -> ObjectError:
    if refusal.reason == "AlreadyExists":
        return AlreadyExists(f"{attempt.what}: it exists already", code=refusal.code)
    managers: dict[str, list[str]] = {}
    for cause in refusal.causes:
        found = _CONFLICT.search(str(cause.get("message") or ""))
        if cause.get("reason") == "FieldManagerConflict" and found:
            managers.setdefault(found[1], []).append(str(cause.get("field") or "").lstrip("."))
    if not managers:
        words = refusal.message or "it was changed meanwhile"
        return Changed(f"{attempt.what}: {words}", code=refusal.code)
    owned = "; ".join(f"{m} owns {_listed(fields)}" for m, fields in managers.items())
    error = FieldConflict(
        f"{attempt.what}: {owned}; leave these fields out, or take them over with `force: true`",
        code=refusal.code,
    )
    error.managers = {manager: tuple(fields) for manager, fields in managers.items()}
    return error


def _invalid(refusal: Refusal, attempt: Attempt) -> Invalid:
    words = refusal.message or "the API server did not say why"
    error = Invalid(f"{attempt.what}: the object is not valid: {words}", code=refusal.code)
    fields = (str(cause.get("field") or "") for cause in refusal.causes)
    error.fields = tuple(dict.fromkeys(field for field in fields if field))[:MAX_FIELDS]
    return error


def _other(refusal: Refusal, attempt: Attempt) -> ObjectError:
    if any(words in refusal.message for words in _TOO_LARGE):
        return too_large(attempt, refusal.message)
    # An apply of fields that the schema does not have comes back as an internal error.
    if "failed to create typed patch object" in refusal.message:
        return _invalid(refusal, attempt)
    down = _WEBHOOK_DOWN.search(refusal.message)
    words = refusal.message or HTTPStatus(refusal.code).phrase
    if down is not None:
        words = f"the admission webhook {down[1]} does not answer: {words}"
    return Busy(
        f"{attempt.what}: {words} (HTTP {refusal.code}); it is tried again",
        code=refusal.code,
        retry_after=refusal.retry_after,
    )


def _listed(fields: list[str]) -> str:
    return first_few(fields[:MAX_FIELDS], len(fields), ", ")


def _status(body: bytes) -> JsonObject:
    try:
        parsed = json.loads(body)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) and parsed.get("kind") == "Status" else {}
