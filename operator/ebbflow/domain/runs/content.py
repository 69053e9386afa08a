"""What a Run runs: its document and the settings of its source, as they were when it began. Pure."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from ebbflow.api.base import NAME_MAX_LENGTH, JsonObject, parse_duration
from ebbflow.api.template import ArgumentOverride, GitPlace, Template
from ebbflow.domain.authorship import OPERATOR
from ebbflow.domain.edit_record import held, verify
from ebbflow.domain.run_store import Snapshot

_DIGEST: Final = 10


@dataclass(frozen=True, slots=True)
class Content:
    """A Run's own copy of what it runs; `commit` is that of the file which holds the document.

    `git`: which file of which repository that is, as it was when the Run began.
    `editors` are the users who are recorded to have edited the document.
    """

    document: JsonObject
    overrides: tuple[ArgumentOverride, ...] = ()
    account: str | None = None
    timeout: timedelta | None = None
    prune: bool = False
    commit: str | None = None
    git: GitPlace | None = None
    editors: tuple[str, ...] = ()


def snapshot_of(template: Template, key: bytes | None) -> Snapshot:
    """Return what a Run of the Template runs that begins now; it has a document.

    `key` verifies the record of who edited the document; without it nobody of the record is known.
    """
    spec, sync = template.spec, template.status.sync
    content: JsonObject = {
        "document": spec.document or {},
        "argumentOverrides": [override.dump() for override in spec.argument_overrides],
        "serviceAccountName": spec.service_account_name,
        "timeout": spec.dump().get("timeout"),
        "prune": spec.prune,
        "commit": sync.commit if sync and spec.git else None,
        "git": spec.git.dump() if spec.git else None,
        "editors": _editors(template, key),
    }
    content = {key: value for key, value in content.items() if value not in (None, [])}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(f"{template.metadata.uid} {text}".encode()).hexdigest()[:_DIGEST]
    short = template.metadata.name[: NAME_MAX_LENGTH - _DIGEST - 1].rstrip("-.")
    return Snapshot(f"{short}-{digest}", content)


def read_content(raw: JsonObject) -> Content:
    """Read what a snapshot holds."""
    timeout: Any = raw.get("timeout")
    return Content(
        document=raw["document"],
        overrides=tuple(
            ArgumentOverride.model_validate(one) for one in raw.get("argumentOverrides", ())
        ),
        account=raw.get("serviceAccountName"),
        timeout=parse_duration(timeout) if timeout else None,
        prune=bool(raw.get("prune")),
        commit=raw.get("commit"),
        git=GitPlace.model_validate(raw["git"]) if raw.get("git") else None,
        editors=tuple(raw.get("editors", ())),
    )


def _editors(template: Template, key: bytes | None) -> list[str]:
    """Return who is recorded: on the object since the last commit, and by the commit before."""
    sync = template.status.sync
    last = {sync.last_editor} if sync and sync.last_editor else set()
    record = verify(key, held(template)) if key is not None else None
    users = {edit.user for edit in record.edits if edit.user} if record else set()
    return sorted((last | users) - {OPERATOR})
