"""Names of Runs that triggers make: the same trigger gives the same name, however often it is seen."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import astuple, dataclass
from typing import Final

from ebbflow.api.base import NAME_MAX_LENGTH

PARENT_PART: Final = 40
KEY_PART: Final = NAME_MAX_LENGTH - PARENT_PART - 1
"""Characters of base32: 55 bits tell the Runs of one parent apart; the whole key tells for sure."""


@dataclass(frozen=True, slots=True)
class TriggerKey:
    """What makes two sightings the same trigger. Absent parts are empty texts.

    `blob`: what the content was that the trigger replaces. `nonce` tells apart what is wanted again
    on purpose: the count of updates (so that a change back is a new one), the attempt of a node,
    the number of a ref's move, the time of a schedule, the delivery of a webhook. `ref`, `commit`:
    which ref moved, and to where.
    """

    parent_uid: str
    trigger: str = ""
    blob: str = ""
    nonce: str = ""
    ref: str = ""
    commit: str = ""

    @property
    def digest(self) -> str:
        """The whole key: a sha256 in hexadecimal, as the annotation of the Run holds it."""
        # As JSON, so that no two different keys are the same text.
        return hashlib.sha256(json.dumps(astuple(self)).encode()).hexdigest()

    def run_name(self, parent: str) -> str:
        """Return the name of the Run of a parent: its name's first 40 characters, and the key."""
        short = base64.b32encode(bytes.fromhex(self.digest)).decode().lower()[:KEY_PART]
        return f"{parent[:PARENT_PART].rstrip('-.')}-{short}"
