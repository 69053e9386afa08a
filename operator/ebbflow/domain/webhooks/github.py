"""What GitHub, Gitea, Forgejo and Gogs send: docs.github.com/webhooks, docs.gitea.com/usage/webhooks."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from ebbflow.domain.git import HEADS, TAGS
from ebbflow.domain.webhooks.delivery import MAX_REFS, Event, Hint, Ping, Unimportant
from ebbflow.domain.webhooks.payload import Text, Url, addresses, parsed


class _Repository(BaseModel):
    clone_url: Url = ""
    ssh_url: Url = ""
    html_url: Url = ""

    def addresses(self) -> tuple[str, ...]:
        """Return what it is called. Raises Malformed if it has no address."""
        return addresses((self.clone_url, self.ssh_url, self.html_url))


class _Ping(BaseModel):
    """An organisation's webhook belongs to no repository."""

    repository: _Repository | None = None


class _Push(BaseModel):
    ref: Text
    repository: _Repository


class _RefEvent(BaseModel):
    """`create` and `delete`: the name without refs/…, and what it is of."""

    ref: Text
    ref_type: Text
    repository: _Repository


class _PullRequest(BaseModel):
    number: int = Field(ge=0)
    repository: _Repository


def read(event: str, body: Any) -> Event:
    """Return what an event means. Raises Malformed."""
    match event:
        case "ping":
            told = parsed(_Ping, body).repository
            return Ping(() if told is None else told.addresses())
        case "push":
            push = parsed(_Push, body)
            return _hint(push.repository, push.ref)
        case "create" | "delete":
            made = parsed(_RefEvent, body)
            prefix = TAGS if made.ref_type == "tag" else HEADS
            return _hint(made.repository, prefix + made.ref)
        case "pull_request":
            pull = parsed(_PullRequest, body)
            return _hint(pull.repository, f"pull/{pull.number}")
        case _:
            return Unimportant(event)


def _hint(repository: _Repository, *refs: str) -> Hint:
    return Hint(repository.addresses(), refs[:MAX_REFS])
