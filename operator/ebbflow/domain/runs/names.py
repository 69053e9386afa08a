"""Names of Runs that triggers make: the same trigger gives the same name, however often it is seen."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import astuple, dataclass
from typing import Final

from ebbflow.api.base import NAME_MAX_LENGTH
from ebbflow.domain.document.normal import normalise
from ebbflow.domain.document.syntax import Json

PARENT_PART: Final = 40
KEY_PART: Final = NAME_MAX_LENGTH - PARENT_PART - 1
"""Characters of base32: 55 bits tell the Runs of one parent apart; the whole key tells for sure."""


@dataclass(frozen=True, slots=True)
class TriggerKey:
    """What makes two sightings the same trigger. Absent parts are empty texts.

    `nonce` tells apart what is wanted again on purpose: the delivery of a webhook, the time of a
    schedule, the count of a ref's moves (so that a move back is a new one).
    """

    parent_uid: str
    trigger: str = ""
    ref: str = ""
    commit: str = ""
    blob: str = ""
    arguments_digest: str = ""
    nonce: str = ""

    @property
    def digest(self) -> str:
        """The whole key: a sha256 in hexadecimal, as the annotation of the Run holds it."""
        # As JSON, so that no two different keys are the same text.
        return hashlib.sha256(json.dumps(astuple(self)).encode()).hexdigest()

    def run_name(self, parent: str) -> str:
        """Return the name of the Run of a parent: its name's first 40 characters, and the key."""
        short = base64.b32encode(bytes.fromhex(self.digest)).decode().lower()[:KEY_PART]
        return f"{parent[:PARENT_PART].rstrip('-.')}-{short}"


def arguments_digest(arguments: Json) -> str:
    """Return what tells two sets of arguments apart; equal as JSON is equal."""
    text = json.dumps(normalise(arguments), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
