"""The record of who edited an object: an annotation that only the operator can have written.

A record is signed (HMAC-SHA256, RFC 2104) together with what it speaks of: this object, its
generation, and the hash of its document. The API server raises the generation with every write of
a spec, so one write that the webhook did not see makes the record count for nothing, for ever:
not even the same text written again by somebody else brings it back to life. An annotation that a
user wrote or copied does not verify.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from ebbflow.api.base import GROUP
from ebbflow.api.template import Template
from ebbflow.domain.authorship import MAX_USER, OPERATOR, Edit, Record
from ebbflow.domain.document import document_hash
from ebbflow.domain.foreign_json import read_foreign
from ebbflow.domain.taken import synced

ANNOTATION: Final = f"{GROUP}/edited-by"

MAX_EDITS: Final = 32
"""Edits in one record. Past it, the oldest whose user edited again later is left out."""

MAX_TEXT: Final = 64 * 1024
"""Characters of an annotation that are looked at: a record is far smaller."""

CREATION_SLACK: Final = 30
"""Seconds between signing and creation; the clocks of two machines are in it."""

EMPTY: Final = document_hash(None)
"""The hash of no document."""

RecordKey = Callable[[], bytes | None]
"""Returns the key that records are signed with; None while it is not known."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a record speaks of: one generation of one object.

    `uid` is empty while the object is being created; then its kind, namespace and name and the
    time of its creation (`created`, seconds since 1970) stand for it. `prefix` is its generateName.
    """

    kind: str
    namespace: str
    name: str
    uid: str
    generation: int
    created: int | None = None
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """What an object holds: its document's hash, the committed one's, and its annotation."""

    subject: Subject
    document_hash: str
    committed: str | None
    text: str | None


def sign(key: bytes, subject: Subject, record: Record) -> str:
    """Return the annotation that proves `record` for exactly this subject."""
    record = _bounded(record)
    content = _content(record, subject.generation)
    place = _place(subject, record, subject.name or subject.prefix)
    return json.dumps(
        {**content, "hmac": _hmac(key, place, content)}, separators=(",", ":"), ensure_ascii=False
    )


def verify(key: bytes, held: Held) -> Record | None:
    """Return the record of what an object holds now; None if the annotation proves nothing.

    Nothing in the annotation is believed before its signature is found right.
    """
    parsed = _parse(held.text)
    if parsed is None:
        return None
    record, generation, signature = parsed
    subject = held.subject
    if generation != subject.generation or record.edits[-1].document_hash != held.document_hash:
        return None
    if record.made is not None and not _made_then(record.made, subject.created):
        return None
    content = _content(record, generation)
    for name in dict.fromkeys((subject.name, subject.prefix)):
        expected = _hmac(key, _place(subject, record, name), content)
        if hmac.compare_digest(expected.encode(), signature.encode()):
            return record
    return None


def after_edit(key: bytes, old: Held | None, user: str | None, made: str) -> Record | None:
    """Return the record after `user` (OPERATOR: we ourselves; None: nobody knows who) gave an
    object the document with the hash `made`.

    `old` is the object before, None if it is being created. Edits that are not committed yet are
    carried over; where their record proves nothing, somebody unknown made them. None: our own
    write on top of what is nobody's needs no record.
    """
    edit = Edit(user if user is not None and len(user) <= MAX_USER else None, made)
    if old is None:
        return Record(None, (edit,))
    before = verify(key, old)
    if user == OPERATOR and before is None:
        return None
    # Without a document there is nothing that anybody made.
    if old.document_hash in (old.committed, EMPTY):
        return Record(old.committed, (edit,))
    if before is None:
        return Record(old.committed, (Edit(None, old.document_hash), edit))
    return Record(before.base, (*before.edits, edit))


def held(template: Template) -> Held:
    """Return what a live Template holds."""
    metadata, status = template.metadata, template.status
    sync = synced(metadata, status.observed_generation, status.sync)
    created = metadata.creation_timestamp
    return Held(
        Subject(
            kind=template.declaration.kind,
            namespace=metadata.namespace,
            name=metadata.name,
            uid=metadata.uid,
            generation=metadata.generation,
            created=None if created is None else seconds(created),
            prefix=metadata.generate_name,
        ),
        document_hash=document_hash(template.spec.document),
        committed=sync.document_hash if sync else None,
        text=metadata.annotations.get(ANNOTATION),
    )


def seconds(timestamp: str) -> int:
    """Return an API server's time, such as 2026-11-21T12:00:00Z, in seconds since 1970."""
    return int(datetime.fromisoformat(timestamp).timestamp())


def _bounded(record: Record) -> Record:
    edits = list(record.edits)
    while len(edits) > MAX_EDITS:
        again = (
            i for i, e in enumerate(edits) if e.user in {later.user for later in edits[i + 1 :]}
        )
        del edits[next(again, 0)]
    return replace(record, edits=tuple(edits))


def _place(subject: Subject, record: Record, name: str) -> list[str]:
    if record.made is None:
        return ["uid", subject.uid]
    return ["name", subject.kind, subject.namespace, name]


def _content(record: Record, generation: int) -> dict[str, Any]:
    edits = [[edit.user, edit.document_hash] for edit in record.edits]
    return {"generation": generation, "made": record.made, "base": record.base, "edits": edits}


def _hmac(key: bytes, place: list[str], content: dict[str, Any]) -> str:
    # ASCII, because a name may hold half a surrogate pair, which UTF-8 cannot say.
    signed = json.dumps(["ebbflow edit record 1", place, content], sort_keys=True)
    return hmac.new(key, signed.encode(), hashlib.sha256).hexdigest()


def _made_then(made: int, created: int | None) -> bool:
    return created is not None and abs(created - made) <= CREATION_SLACK


def _parse(text: str | None) -> tuple[Record, int, str] | None:
    """Read an annotation that anybody may have written; None if it has not a record's form."""
    raw = read_foreign(text, MAX_TEXT)
    match raw:
        case {
            "generation": int(generation),
            "made": int() | None as made,
            "base": str() | None as base,
            "edits": [_, *_] as edits,
            "hmac": str(signature),
        } if signature.isascii():
            read = [_edit(edit) for edit in edits[: MAX_EDITS + 1]]
            known = tuple(edit for edit in read if edit is not None)
            if len(known) == len(edits):
                return Record(base, known, made), generation, signature
    return None


def _edit(raw: object) -> Edit | None:
    match raw:
        case [str() | None as user, str(made)]:
            return Edit(user, made)
        case _:
            return None
