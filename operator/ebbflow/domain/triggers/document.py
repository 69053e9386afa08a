"""The `triggers` of a document, as GitTriggers: in our own form, or in Northflank's. Pure."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from ebbflow.api.base import NAME_MAX_LENGTH, JsonObject
from ebbflow.api.gittrigger import DEFAULT_FLAGS, DEFAULT_REF, GitTriggerSpec
from ebbflow.api.template import Template

_NO_NAME: Final = re.compile(r"[^a-z0-9-]+")
_KINDS: Final = {
    "vcs-push": "Push",
    "vcs-pr": "PullRequest",
    "vcs-pr-label": "PullRequestLabel",
    "vcs-release": "Tag",
    "cron": "Schedule",
}


_LONGEST_END: Final = 40
_DIGEST: Final = 8

_NORTHFLANK_FLAGS: Final = (
    *DEFAULT_FLAGS,
    "[skip nf]",
    "[nf skip]",
    "[skip northflank]",
    "[northflank skip]",
)
"""What counts in a trigger of Northflank's form that names no flags: its default, and ours."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A GitTrigger that a document asks for: its name, and its spec in wire form."""

    name: str
    spec: JsonObject


@dataclass(frozen=True, slots=True)
class Expanded:
    """What a document asks for, and what of it cannot be had, each with its place and the reason."""

    wanted: tuple[Wanted, ...] = ()
    faults: tuple[str, ...] = ()


def expand(template: Template) -> Expanded:
    """Return the GitTriggers that the `triggers` of a Template's document stand for.

    Their target is the Template. Those in Northflank's form use the Template's account.
    """
    listed = (template.spec.document or {}).get("triggers") or []
    wanted: dict[str, Wanted] = {}
    faults: list[str] = []
    for index, entry in enumerate(listed if isinstance(listed, list) else [listed]):
        try:
            for spec in _specs(entry, template):
                one = _wanted(template, index, spec, wanted)
                wanted[one.name] = one
        except ValueError as error:
            faults.append(f"triggers[{index}]: {error}")
    return Expanded(tuple(wanted.values()), tuple(faults))


def _wanted(template: Template, index: int, spec: JsonObject, others: Container[str]) -> Wanted:
    target = {"kind": template.declaration.kind, "name": template.metadata.name}
    given = {field: value for field, value in spec.items() if value is not None}
    whole = {**given, "targets": [target]}
    try:
        GitTriggerSpec.model_validate(whole, extra="forbid")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        raise ValueError(f"{where}: {first['msg']}" if where else first["msg"]) from None
    ref, type_ = str(spec.get("ref") or index), str(spec["type"])
    end = _NO_NAME.sub("-", f"{ref}-{type_}".lower()).strip("-")
    names = (_name(template.metadata.name, end, number) for number in itertools.count(1))
    return Wanted(next(name for name in names if name not in others), whole)


def _name(template: str, end: str, number: int) -> str:
    """Return the name of a trigger; `number`: which of those that have this end it is."""
    whole = end if number == 1 else f"{end}-{number}"
    if len(whole) > _LONGEST_END:
        digest = hashlib.sha256(whole.encode()).hexdigest()[:_DIGEST]
        whole = f"{whole[: _LONGEST_END - _DIGEST - 1].rstrip('-')}-{digest}"
    room = NAME_MAX_LENGTH - len(whole) - 1
    return f"{template[:room].rstrip('-.')}-{whole}"


def _specs(entry: object, template: Template) -> Iterator[JsonObject]:
    if not isinstance(entry, dict):
        raise ValueError("must be an object")  # noqa: TRY004 - as all faults here
    kind, ref = entry.get("kind"), entry.get("ref") or DEFAULT_REF
    spec = entry.get("spec")
    match kind:
        case None:
            yield from _old_form(entry, ref, template)
        case "GitTrigger" if isinstance(spec, dict):
            yield {"ref": ref, **spec}
        case "webhook":
            raise ValueError(
                "a document holds no keys: make a GitTrigger of type Webhook, with keyFrom"
            )
        case str() if kind in _KINDS and isinstance(spec, dict):
            yield {"type": _KINDS[kind], "ref": ref, **_northflank(kind, spec, template)}
        case _:
            raise ValueError(f"there are no triggers of kind {kind}, or spec is missing")


def _northflank(kind: str, spec: Mapping[str, Any], template: Template) -> JsonObject:
    if kind == "cron":
        return {"schedule": spec.get("cron")}
    paths, flags = _object(spec, "filePaths"), _object(spec, "commitMessageFlags")
    branches = spec.get("branchNamePatterns") or []
    if isinstance(branches, dict):
        branches = branches.get("names") if branches.get("enabled") else []
    return {
        "git": _git(_object(spec, "vcs"), template),
        "branches": branches if kind != "vcs-release" else None,
        "labels": spec.get("labelNamePatterns"),
        "ignoreFlags": _flags(flags.get("enabled"), flags.get("flags")),
        "ignoreDrafts": spec.get("ignoreDrafts"),
        "paths": _paths(paths.get("paths"), paths.get("allowList"))
        if paths.get("enabled")
        else None,
    }


def _old_form(entry: Mapping[str, Any], ref: str, template: Template) -> Iterator[JsonObject]:
    common = {
        "ref": ref,
        "git": _git(entry, template),
        "ignoreDrafts": entry.get("ignoreDrafts"),
        "ignoreFlags": _flags(entry.get("ciIgnoreFlagsEnabled"), entry.get("ciIgnoreFlags")),
        "paths": _paths(entry.get("pathIgnoreRules"), entry.get("isAllowList")),
        "paused": bool(entry.get("manualOnly")) or None,
    }
    for type_, field in (("Push", "branchRestrictions"), ("PullRequest", "prRestrictions")):
        if entry.get(field):
            yield {"type": type_, "branches": entry[field], **common}


def _object(spec: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    """Return the object at a field, empty if there is none. Raises ValueError if it is another."""
    found = spec.get(field) or {}
    if not isinstance(found, dict):
        raise ValueError(f"{field}: must be an object")  # noqa: TRY004 - as all faults here
    return found


def _flags(enabled: Any, flags: Any) -> JsonObject | None:
    return {"enabled": True, "flags": flags or [*_NORTHFLANK_FLAGS]} if enabled else None


def _paths(patterns: Any, allow: Any) -> JsonObject | None:
    return {"mode": "Allow" if allow else "Ignore", "patterns": patterns} if patterns else None


def _git(place: Mapping[str, Any], template: Template) -> JsonObject:
    url = place.get("repoUrl") or place.get("projectUrl")
    if not url:
        raise ValueError("repoUrl: name the repository")
    git = template.spec.git
    account = git.account_ref.dump() if git and git.account_ref else None
    return {"repository": url, **({"accountRef": account} if account else {})}
