"""What GitLab sends: docs.gitlab.com/user/project/integrations/webhook_events and system_hooks."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, Field

from ebbflow.domain.webhooks.delivery import Event, Hint, Unimportant
from ebbflow.domain.webhooks.payload import Text, Url, addresses, parsed

_SYSTEM: Final = "System Hook"
_KINDS: Final = {
    "Push Hook": "push",
    "Tag Push Hook": "tag_push",
    "Merge Request Hook": "merge_request",
}


class _Project(BaseModel):
    git_http_url: Url = ""
    git_ssh_url: Url = ""
    web_url: Url = ""


class _Push(BaseModel):
    ref: Text
    project: _Project


class _Attributes(BaseModel):
    iid: int = Field(ge=0)


class _MergeRequest(BaseModel):
    object_attributes: _Attributes
    project: _Project


class _System(BaseModel):
    object_kind: Text = ""
    event_name: Text = ""


class _Update(BaseModel):
    project: _Project


def read(event: str, body: Any) -> Event:
    """Return what an event means; a system hook tells its kind in the body. Raises Malformed."""
    kind = _KINDS.get(event)
    if event == _SYSTEM:
        system = parsed(_System, body)
        kind = system.object_kind or system.event_name
    match kind:
        case "push" | "tag_push":
            push = parsed(_Push, body)
            return Hint(_addresses(push.project), (push.ref,))
        case "merge_request":
            request = parsed(_MergeRequest, body)
            return Hint(_addresses(request.project), (f"pull/{request.object_attributes.iid}",))
        case "repository_update":
            return Hint(_addresses(parsed(_Update, body).project))
        case _:
            return Unimportant(kind or event)


def _addresses(project: _Project) -> tuple[str, ...]:
    return addresses((project.git_http_url, project.git_ssh_url, project.web_url))
