"""What Bitbucket Data Center sends: confluence.atlassian.com/bitbucketserver/event-payload."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, Field

from ebbflow.domain.webhooks.delivery import MAX_REFS, Event, Hint, Ping, Unimportant
from ebbflow.domain.webhooks.payload import Text, Url, addresses, parsed

_PING: Final = "diagnostics:ping"
_PUSH: Final = ("repo:refs_changed", "mirror:repo_synchronized")
_PULL: Final = "pr:"


class _Link(BaseModel):
    href: Url = ""


class _Links(BaseModel):
    clone: tuple[_Link, ...] = ()


class _Project(BaseModel):
    key: Text


class _Repository(BaseModel):
    slug: Text
    project: _Project
    links: _Links = _Links()


class _Ref(BaseModel):
    id: Text


class _Change(BaseModel):
    ref: _Ref


class _Push(BaseModel):
    repository: _Repository
    changes: tuple[_Change, ...] = ()


class _Side(BaseModel):
    repository: _Repository


class _Pull(BaseModel):
    id: int = Field(ge=0)
    to_ref: _Side = Field(alias="toRef")


class _PullRequest(BaseModel):
    pull_request: _Pull = Field(alias="pullRequest")


def read(event: str, body: Any) -> Event:
    """Return what an event means. Raises Malformed."""
    if event == _PING:
        return Ping()
    if event in _PUSH:
        push = parsed(_Push, body)
        refs = tuple(change.ref.id for change in push.changes[:MAX_REFS])
        return Hint(_addresses(push.repository), refs)
    if event.startswith(_PULL):
        pull = parsed(_PullRequest, body).pull_request
        return Hint(_addresses(pull.to_ref.repository), (f"pull/{pull.id}",))
    return Unimportant(event)


def _addresses(repository: _Repository) -> tuple[str, ...]:
    # Older servers send no links: what is left is the path, on the account's server.
    path = f"{repository.project.key}/{repository.slug}"
    return addresses((*(link.href for link in repository.links.clone), path))
