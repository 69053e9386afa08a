"""The message of a commit that carries an edit: subject, trailer, and what overrides it."""

from __future__ import annotations

import unicodedata
from typing import Final

from ebbflow.api.base import GROUP
from ebbflow.api.template import Template
from ebbflow.domain.leaks import IsSecret, looks_like_token

COMMIT_MESSAGE: Final = f"{GROUP}/commit-message"
"""The annotation whose text is the message of the next commit; it is used once."""

TRAILER: Final = "Ebbflow-Object"

MAX_MESSAGE: Final = 8192  # characters: what the record of a commit in the status can hold
MAX_OWN_TEXT: Final = 4096  # characters of a person's message: trailers need room too


def commit_message(template: Template) -> str:
    """Return the message of the commit for an edit of the object, ending in its trailers.

    The annotation COMMIT_MESSAGE wins, word for word; else it is `spec.sync.commitMessage` with
    {name}, {namespace} and {kind} replaced. The trailer names the object.
    """
    names = template.key
    text = _own_text(template)
    if text is None:
        text = template.spec.sync.commit_message
        for field, value in zip(("kind", "namespace", "name"), names, strict=True):
            text = text.replace("{" + field + "}", value)
    return f"{text.strip()}\n\n{TRAILER}: {names}\n"


def leaking_message(template: Template, is_secret: IsSecret) -> str | None:
    """Return the sentence that says where the message of the commit holds a secret; None: it does not."""
    text = commit_message(template)
    if not (looks_like_token(text) or is_secret(text)):
        return None
    own = _own_text(template) is not None
    where = f"the annotation {COMMIT_MESSAGE}" if own else "spec.sync.commitMessage"
    return f"{where} holds a secret, which is not written to Git; give the commit another message"


def used_annotations(template: Template) -> tuple[str, ...]:
    """Return the annotations that a commit with this message uses up."""
    return () if _own_text(template) is None else (COMMIT_MESSAGE,)


def _own_text(template: Template) -> str | None:
    """Return what the annotation says, without control characters; None if that is nothing."""
    text = template.metadata.annotations.get(COMMIT_MESSAGE, "")[:MAX_OWN_TEXT]
    text = text.replace("\r\n", "\n").replace("\t", "    ")
    text = "".join(c for c in text if c == "\n" or unicodedata.category(c)[0] != "C").strip()
    return text or None
