"""The record of who made a Run: an annotation that only the operator can have written.

For a Run that a person makes, the admission webhook signs (HMAC-SHA256, RFC 2104) the user together
with the Run's place and the time. For a Run that the operator itself makes, it signs the trigger
with the place. The webhook overwrites what a person sends along, and the admission policy on Runs
lets nobody change the annotation later; what does not verify counts for nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any, Final

from ebbflow.api.run import CREATED_BY, TRIGGER, Run
from ebbflow.domain.authorship import MAX_USER, OPERATOR
from ebbflow.domain.edit_record import CREATION_SLACK, seconds
from ebbflow.domain.foreign_json import read_foreign

MAX_TEXT: Final = 4096
"""Characters of an annotation that are looked at: a record is far smaller."""


@dataclass(frozen=True, slots=True)
class NewPlace:
    """Where a Run is made: its name, or the generateName that its name will begin with."""

    namespace: str
    name: str


def by_user(key: bytes, place: NewPlace, user: str | None, now: int) -> str | None:
    """Return the annotation of a Run that `user` makes `now` (seconds since 1970).

    None if nobody knows who it is, or the name is too long to be kept.
    """
    if not user or len(user) > MAX_USER:
        return None
    return _signed(key, place, {"user": user, "made": now, "trigger": None})


def by_operator(key: bytes, place: NewPlace, trigger: str) -> str:
    """Return the annotation of a Run that the operator makes for the trigger of this annotation."""
    return _signed(key, place, {"user": OPERATOR, "made": None, "trigger": _digest(trigger)})


def creator_of(key: bytes | None, run: Run) -> str | None:
    """Return who made a Run: a user, or OPERATOR for the trigger that its annotation tells.

    None: nobody knows. Nothing in the annotation is believed before its signature is found right.
    """
    content = _parsed(run.metadata.annotations.get(CREATED_BY))
    if key is None or content is None:
        return None
    meta = run.metadata
    names = dict.fromkeys((meta.name, meta.generate_name))
    places = [NewPlace(meta.namespace, name) for name in names if name]
    found = content.pop("hmac")
    if not any(hmac.compare_digest(_hmac(key, place, content), found) for place in places):
        return None
    user: str = content["user"]
    if user == OPERATOR:
        trigger = meta.annotations.get(TRIGGER)
        return OPERATOR if trigger and content["trigger"] == _digest(trigger) else None
    return user if _made_then(content["made"], meta.creation_timestamp) else None


def _made_then(made: int | None, created: str | None) -> bool:
    if made is None or created is None:
        return False
    return abs(seconds(created) - made) <= CREATION_SLACK


def _parsed(text: str | None) -> dict[str, Any] | None:
    """Read an annotation that anybody may have written; None if it has not a record's form."""
    raw = read_foreign(text, MAX_TEXT)
    match raw:
        case {
            "user": str(),
            "made": int() | None,
            "trigger": str() | None,
            "hmac": str(signature),
            **more,
        } if signature.isascii() and not more:
            content: dict[str, Any] = raw
            return content
    return None


def _signed(key: bytes, place: NewPlace, content: dict[str, Any]) -> str:
    signed = {**content, "hmac": _hmac(key, place, content)}
    return json.dumps(signed, separators=(",", ":"), ensure_ascii=False)


def _hmac(key: bytes, place: NewPlace, content: dict[str, Any]) -> str:
    # ASCII, because a name may hold half a surrogate pair, which UTF-8 cannot say.
    signed = json.dumps(
        ["ebbflow run record 1", place.namespace, place.name, content], sort_keys=True
    )
    return hmac.new(key, signed.encode(), hashlib.sha256).hexdigest()


def _digest(trigger: str) -> str:
    return hashlib.sha256(trigger.encode(errors="backslashreplace")).hexdigest()
