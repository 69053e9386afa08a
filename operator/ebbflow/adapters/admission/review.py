"""From an admission review to its answer: always allowed, and with the record of who did it.

Edits of documents are recorded, and who makes a Run.

The review's form is that of admission.k8s.io/v1 (kubernetes.io/docs/reference/access-authn-authz/
extensible-admission-controllers). Where anything is unexpected the answer allows without a patch:
a write never waits for us, nor fails because of us.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import Field

from ebbflow.api.base import JsonObject, Metadata, Model
from ebbflow.api.run import CREATED_BY, TRIGGER, Run
from ebbflow.api.template import SyncStatus
from ebbflow.domain.authorship import OPERATOR, Record
from ebbflow.domain.document import InvalidDocument, document_hash
from ebbflow.domain.edit_record import ANNOTATION, Held, Subject, after_edit, seconds, sign, verify
from ebbflow.domain.runs.creation import NewPlace, by_operator, by_user
from ebbflow.domain.taken import synced

logger = logging.getLogger(__name__)

ANNOTATIONS_LIMIT: Final = 256 * 1024
"""Bytes of all keys and values: the API server refuses an object with more (ObjectMeta's
validation, TotalAnnotationSizeLimitB). No record is put where it would be the one too much."""

Outcome = Literal["recorded", "kept", "failed"]
"""What an answer did: recorded an edit, kept the record as it was, or failed and let it pass."""


class _User(Model):
    username: str = ""


class _Kind(Model):
    kind: str


class _Options(Model):
    field_manager: str = ""


class Request(Model):
    """What the operator reads of an AdmissionRequest."""

    uid: str = Field(min_length=1, max_length=256)
    operation: str = ""
    kind: _Kind = _Kind(kind="")
    namespace: str = ""
    user_info: _User = _User()
    object: JsonObject = Field(default_factory=dict)
    old_object: JsonObject | None = None
    options: _Options = _Options()


@dataclass(frozen=True, slots=True)
class Signer:
    """What records are made with. `user` is the operator's own name at the API server and
    `manager` the field manager of its document writes: together they tell its writes from those of
    a person who uses the same kubeconfig.
    """

    key: bytes
    user: str
    manager: str

    def who(self, request: Request) -> str | None:
        """Return the user of a request; OPERATOR for the operator's own write, None: nobody."""
        user = request.user_info.username
        if user == self.user and request.options.field_manager == self.manager:
            return OPERATOR
        return user or None


def read(body: bytes) -> Request:
    """Read a review; raises ValueError if it is none."""
    try:
        raw = json.loads(body)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if not isinstance(raw, dict) or raw.get("kind") != "AdmissionReview":
        raise ValueError("not an AdmissionReview")
    return Request.model_validate(raw.get("request"))


def answer(
    request: Request, signer: Signer | None, serves: Callable[[str], bool], now: datetime
) -> tuple[JsonObject, Outcome]:
    """Return the answer to a review, which always allows, and what it did.

    `signer` None: nothing can be signed yet. `serves` tells whose namespaces' edits are ours.
    """
    response: JsonObject = {"uid": request.uid, "allowed": True}
    outcome: Outcome = "kept"
    if signer is not None and serves(request.namespace):
        try:
            outcome, patch = _decide(request, signer, now)
        except Exception:
            # Whatever it was: the user's write must not suffer from it, and its author is
            # unresolved then. The traceback holds no content of the object.
            logger.exception("an edit in %s could not be recorded", request.namespace)
            outcome, patch = "failed", []
        if patch:
            response["patchType"] = "JSONPatch"
            response["patch"] = base64.b64encode(json.dumps(patch).encode()).decode()
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": response,
    }, outcome


def _decide(request: Request, signer: Signer, now: datetime) -> tuple[Outcome, list[JsonObject]]:
    if request.kind.kind == Run.declaration.kind:
        return _made_run(request, signer, now)
    old, new = request.old_object, request.object
    if request.operation == "CREATE":
        old = None
        if _document(new) is None:
            return "kept", _patch(new, None)
    elif request.operation != "UPDATE" or old is None:
        return "kept", []
    if old is not None and not _edited(old, new):
        return "kept", _patch(new, _kept(request, old, signer.key))
    text = _recorded(request, old, signer, now)
    return "recorded", _patch(new, text)


def _made_run(request: Request, signer: Signer, now: datetime) -> tuple[Outcome, list[JsonObject]]:
    """Record who makes a Run, over whatever was sent along; later writes cannot change it."""
    if request.operation != "CREATE":
        return "kept", []
    new, user = request.object, signer.who(request)
    metadata, notes = new["metadata"], _annotations(new)
    name = metadata.get("name") or metadata.get("generateName") or ""
    place = NewPlace(request.namespace, name)
    trigger = notes.get(TRIGGER)
    if user == OPERATOR and trigger is not None:
        text: str | None = by_operator(signer.key, place, trigger)
    else:
        text = by_user(signer.key, place, user, int(now.timestamp()))
    return "recorded", _patch(new, text, CREATED_BY)


def _recorded(
    request: Request, old: JsonObject | None, signer: Signer, now: datetime
) -> str | None:
    made = _hash(_document(request.object))
    held = None if old is None else _held(request.kind.kind, old)
    user = signer.who(request)
    record = after_edit(signer.key, held, user, made)
    if record is None:
        return _annotations(old).get(ANNOTATION) if old else None
    if held is None:
        record = Record(record.base, record.edits, int(now.timestamp()))
        return sign(signer.key, _subject(request.kind.kind, request.object, 1), record)
    subject = _subject(request.kind.kind, old or {}, held.subject.generation + 1)
    return sign(signer.key, subject, record)


def _kept(request: Request, old: JsonObject, key: bytes) -> str | None:
    """Return the annotation that stands for the old record after a write that is no edit."""
    text = _annotations(old).get(ANNOTATION)
    if _raises_generation(old, request.object):
        held = _held(request.kind.kind, old)
        record = verify(key, held)
        if record is not None:
            subject = _subject(request.kind.kind, old, held.subject.generation + 1)
            return sign(key, subject, Record(record.base, record.edits))
    return text


def _edited(old: JsonObject, new: JsonObject) -> bool:
    """Tell whether a write changes the document, or the file that it goes to."""
    parts = ("document", "git")
    return any(_text(_spec(old).get(part)) != _text(_spec(new).get(part)) for part in parts)


def _raises_generation(old: JsonObject, new: JsonObject) -> bool:
    # As the API server does for custom resources with a status: all but metadata and status.
    left_out = ("metadata", "status")
    before, after = ({k: v for k, v in o.items() if k not in left_out} for o in (old, new))
    return _text(before) != _text(after)


def _patch(new: JsonObject, text: str | None, name: str = ANNOTATION) -> list[JsonObject]:
    annotations = _annotations(new)
    path = "/metadata/annotations/" + name.replace("/", "~1")
    if text == annotations.get(name):
        return []
    if text is None:
        return [{"op": "remove", "path": path}]
    wished = {**annotations, name: text}
    if sum(len(k.encode()) + len(v.encode()) for k, v in wished.items()) > ANNOTATIONS_LIMIT:
        return []
    if annotations:
        return [{"op": "add", "path": path, "value": text}]
    return [{"op": "add", "path": "/metadata/annotations", "value": wished}]


def _held(kind: str, thing: JsonObject) -> Held:
    sync = _synced(thing)
    return Held(
        subject=_subject(kind, thing, int(thing["metadata"].get("generation", 0))),
        document_hash=_hash(_document(thing)),
        committed=sync.get("documentHash"),
        text=_annotations(thing).get(ANNOTATION),
    )


def _synced(thing: JsonObject) -> JsonObject:
    """Return what both sides last agreed on, by the status or the newer note of the last take."""
    status = thing.get("status") or {}
    found = synced(
        Metadata.model_validate(thing["metadata"]),
        status.get("observedGeneration"),
        SyncStatus.model_validate(status.get("sync") or {}),
    )
    return found.dump() if found else {}


def _subject(kind: str, thing: JsonObject, generation: int) -> Subject:
    metadata = thing["metadata"]
    created = metadata.get("creationTimestamp")
    return Subject(
        kind=kind,
        namespace=metadata.get("namespace", ""),
        name=metadata.get("name", ""),
        uid=metadata.get("uid", ""),
        generation=generation,
        created=seconds(created) if created else None,
        prefix=metadata.get("generateName", ""),
    )


def _hash(document: Any) -> str:
    try:
        return document_hash(document)
    except InvalidDocument:
        # It is never committed as it is, but what mends it builds upon it.
        return document_hash(_text(document))


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _document(thing: JsonObject) -> Any:
    return _spec(thing).get("document")


def _spec(thing: JsonObject) -> JsonObject:
    return thing.get("spec") or {}


def _annotations(thing: JsonObject) -> dict[str, str]:
    return thing["metadata"].get("annotations") or {}
