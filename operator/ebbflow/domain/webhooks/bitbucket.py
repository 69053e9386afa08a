"""What Bitbucket Cloud sends: support.atlassian.com/bitbucket-cloud/docs/event-payloads."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, Field

from ebbflow.domain.webhooks.delivery import MAX_REFS, Event, Hint, Unimportant
from ebbflow.domain.webhooks.payload import Text, Url, addresses, parsed

_PUSH: Final = "repo:push"
_PULL: Final = "pullrequest:"


class _Link(BaseModel):
    href: Url = ""


class _Links(BaseModel):
    html: _Link = _Link()


class _Repository(BaseModel):
    full_name: Text = ""
    links: _Links = _Links()


class _Ref(BaseModel):
    type: Text = ""
    name: Text


class _Change(BaseModel):
    old: _Ref | None = None
    new: _Ref | None = None


class _Changes(BaseModel):
    changes: tuple[_Change, ...] = ()


class _Push(BaseModel):
    push: _Changes
    repository: _Repository


class _Number(BaseModel):
    id: int = Field(ge=0)


class _PullRequest(BaseModel):
    pullrequest: _Number
    repository: _Repository


def read(event: str, body: Any) -> Event:
    """Return what an event means. Raises Malformed."""
    if event == _PUSH:
        push = parsed(_Push, body)
        found = [change.new or change.old for change in push.push.changes]
        refs = tuple(_full_name(ref) for ref in found if ref is not None)
        return Hint(_addresses(push.repository), refs[:MAX_REFS])
    if event.startswith(_PULL):
        pull = parsed(_PullRequest, body)
        return Hint(_addresses(pull.repository), (f"pull/{pull.pullrequest.id}",))
    return Unimportant(event)


def _full_name(ref: _Ref) -> str:
    return f"refs/{'tags' if ref.type == 'tag' else 'heads'}/{ref.name}"


def _addresses(repository: _Repository) -> tuple[str, ...]:
    # The link may lead to another page of the repository one day; the name is what it is called.
    name = repository.full_name
    by_name = f"https://bitbucket.org/{name}" if name else ""
    return addresses((repository.links.html.href, by_name))
