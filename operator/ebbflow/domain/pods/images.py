"""Images that builds push: what they are called, and the digest that a builder hands over."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Final

from ebbflow.api.base import JsonObject

REPOSITORY: Final = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?/)?"
    r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
)
TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
"""Names and tags as the grammar of references has them (distribution/reference)."""

SHORT_COMMIT: Final = 12
LABEL_DIGITS: Final = 40

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_BUILDKIT: Final = "containerimage.digest"
"""What BuildKit calls it in the file of `--metadata-file`."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """An image in a registry, by its digest; the tag may move, the digest does not."""

    repository: str
    tag: str
    digest: str

    @property
    def reference(self) -> str:
        """As a container names it."""
        return f"{self.repository}:{self.tag}@{self.digest}"


def read_digest(message: str) -> str | None:
    """Return the digest in a builder's termination message: alone, or in BuildKit's metadata.

    None where there is none: anything else that a build wrote must not become an image.
    """
    text = message.strip()
    if _DIGEST.fullmatch(text):
        return text
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    digest = found.get(_BUILDKIT) if isinstance(found, dict) else None
    return digest if isinstance(digest, str) and _DIGEST.fullmatch(digest) else None


def read_reference(reference: str) -> Pushed | None:
    """Read what `Pushed.reference` wrote; None for anything else."""
    name, _, digest = reference.partition("@")
    repository, _, tag = name.rpartition(":")
    fits = REPOSITORY.fullmatch(repository) and TAG.fullmatch(tag) and _DIGEST.fullmatch(digest)
    return Pushed(repository, tag, digest) if fits else None


def build_key(settings: JsonObject) -> str:
    """Return what builds have in common that would give the same image: a label's value.

    `settings` are all that goes into a build. What is no JSON (a reference to a Secret) counts by
    its `repr`, which shows no secret.
    """
    text = json.dumps(settings, sort_keys=True, separators=(",", ":"), default=repr)
    return hashlib.sha256(text.encode()).hexdigest()[:LABEL_DIGITS]
