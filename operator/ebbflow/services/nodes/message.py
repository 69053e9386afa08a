"""Message: tells people or programs of a run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar, Final, Literal, Self

from pydantic import Field, field_validator, model_validator
from typing_extensions import override

from ebbflow.api.reasons import Reason
from ebbflow.api.run import PlannedChange
from ebbflow.api.template import KeyReference, Template, ValueSource
from ebbflow.domain.conditions import clip
from ebbflow.domain.health_verdict import text
from ebbflow.domain.http import HttpAnswer, HttpClient, HttpError, HttpRequest
from ebbflow.domain.message_signature import SIGNATURE_HEADER, TIMESTAMP_HEADER, signature
from ebbflow.domain.outcome import Notice
from ebbflow.domain.ports import Events
from ebbflow.domain.secret import Tainted
from ebbflow.services.nodes.errands import PATIENCE, RECHECK, Errands
from ebbflow.services.nodes.kind import (
    Call,
    CannotDo,
    Failed,
    NodeKind,
    NotNow,
    Planned,
    Result,
    Running,
    Succeeded,
)
from ebbflow.services.nodes.objects.short_form import LEFT_ASIDE
from ebbflow.services.nodes.spec import NodeSpec, SecretText
from ebbflow.services.tenant_secrets import TenantSecrets, ValueMissing

MAX_MESSAGE: Final = 8192
SHOWN: Final = 200
SLOW_DOWN: Final = (429, 503)
LONGEST_WAIT: Final = timedelta(minutes=10)
"""What is waited at most because a receiver asks for patience; then it is asked again."""

Channel = Literal["Slack", "Webhook", "PullRequest", "Event"]

_NORTHFLANK: Final[Mapping[str, Channel]] = {
    "SLACK": "Slack",
    "RAW_WEBHOOK": "Webhook",
    "VCS": "PullRequest",
}

NO_COMMENTS: Final = (
    "this version of ebbflow cannot comment on pull requests; use an HTTP node that calls your "
    "provider's API with a token from a Secret, or a Message of type Webhook"
)
NO_ADDRESS: Final = (
    "an address like this lets everybody who has it send messages: put it into a Secret, and name "
    "its key with urlFrom (or write ${secrets.<name>.values.<key>})"
)


class SecretSource(NodeSpec):
    """One key of a Secret of the Template's namespace."""

    secret_key_ref: KeyReference = Field(description="The Secret's name, and the key in it.")


class NorthflankMessage(NodeSpec):
    """A message in Northflank's words."""

    webhook_url: SecretText | None = Field(
        default=None, description="The address, as ${secrets.<name>.values.<key>}."
    )
    message: str = Field(min_length=1, max_length=MAX_MESSAGE, description="What is said.")
    integration_internal_id: str | None = Field(
        default=None, description="An integration of Northflank's: refused, name a Secret instead."
    )
    vcs_service: str | None = Field(default=None, description=LEFT_ASIDE)
    self_hosted_vcs_id: str | None = Field(default=None, description=LEFT_ASIDE)
    account_login: str | None = Field(default=None, description=LEFT_ASIDE)
    repo_url: str | None = Field(default=None, description=LEFT_ASIDE)
    pull_request_id: str | None = Field(default=None, description=LEFT_ASIDE)

    @field_validator("webhook_url")
    @classmethod
    def _is_secret(cls, value: str | Tainted | None) -> str | Tainted | None:
        if isinstance(value, str):
            raise ValueError(NO_ADDRESS)  # noqa: TRY004 - pydantic takes ValueErrors
        return value

    @field_validator("integration_internal_id")
    @classmethod
    def _is_none(cls, value: str | None) -> str | None:
        if value is not None:
            raise ValueError("there are no integrations here; name the address with webhookUrl")
        return value


class MessageSpec(NodeSpec):
    """What is said, and where."""

    type: Channel | None = Field(
        default=None, description="How it is told. PullRequest is not possible yet: it is refused."
    )
    url_from: SecretSource | None = Field(
        default=None, description="The address for Slack and Webhook, from a Secret."
    )
    secret_from: SecretSource | None = Field(
        default=None, description="What messages to a Webhook are signed with, from a Secret."
    )
    message: str | None = Field(
        default=None, min_length=1, max_length=MAX_MESSAGE, description="What is said."
    )
    kind: Literal["SLACK", "RAW_WEBHOOK", "VCS"] | None = Field(
        default=None, description="Northflank's kind of message; needs spec."
    )
    spec: NorthflankMessage | None = Field(
        default=None, description="Northflank's: the message, and the address from a Secret."
    )

    @property
    def channel(self) -> Channel:
        """How it is told, in whichever words."""
        return self.type or _NORTHFLANK[self.kind or "VCS"]

    @property
    def text(self) -> str:
        """What is said, in whichever words."""
        return self.spec.message if self.spec is not None else self.message or ""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.type is None) == (self.kind is None):
            raise ValueError("give exactly one of type and kind")
        if self.channel == "PullRequest":
            raise ValueError(NO_COMMENTS)
        if (self.spec is None) != (self.kind is None):
            raise ValueError("kind and spec belong together: they are Northflank's")
        if (self.message is None) == (self.spec is None):
            raise ValueError("message: say what is to be told")
        addressed = self.url_from or (self.spec and self.spec.webhook_url)
        if (self.channel == "Event") == bool(addressed):
            raise ValueError("urlFrom: Slack and Webhook need the address, and Event has none")
        if self.secret_from is not None and self.channel != "Webhook":
            raise ValueError("secretFrom: only messages to a Webhook are signed")
        return self


class Message(NodeKind[MessageSpec]):
    """Sends one message an attempt; one that a killed operator had begun is sent again."""

    name: ClassVar[str] = "Message"
    recalls: ClassVar[bool] = False
    spec = MessageSpec

    def __init__(
        self,
        client: HttpClient,
        secrets: TenantSecrets,
        events: Events,
        patience: float = PATIENCE,
    ) -> None:
        self._client = client
        self._secrets = secrets
        self._events = events
        self._messages = Errands(patience)

    @override
    async def act(self, call: Call[MessageSpec]) -> Result:
        if call.spec.channel == "Event":
            return await self._emit(call)
        return await self._messages.follow(
            call,
            lambda: self._send(call),
            lost="the answer was lost: whether the message arrived is not known",
            meanwhile="waits for the answer",
        )

    @override
    async def plan(self, call: Call[MessageSpec]) -> Planned:
        """Nothing is sent."""
        if call.spec.channel != "Event":
            await self._request(call)
        title = f"{call.spec.channel} message"
        return Planned((PlannedChange(node=call.path, object=title, action="create"),), {})

    @override
    async def stop(self, call: Call[MessageSpec]) -> None:
        self._messages.give_up(call.idempotency_key)

    async def _emit(self, call: Call[MessageSpec]) -> Result:
        """Record the message at the run's source; the time of the attempt makes it one event."""
        notice = Notice(Reason.MESSAGE, f"{call.run.key.name}: {call.spec.text}")
        await self._events.emit(_source(call.run), notice, call.attempt_at)
        return Succeeded({}, "recorded")

    async def _request(self, call: Call[MessageSpec]) -> HttpRequest:
        spec = call.spec
        url = spec.spec.webhook_url if spec.spec is not None else None
        if spec.url_from is not None:
            url = await self._value(spec.url_from, call, "urlFrom")
        if not isinstance(url, Tainted):
            raise CannotDo(f"spec.urlFrom: {NO_ADDRESS}")
        key = {"Idempotency-Key": call.idempotency_key}
        if spec.channel == "Slack":
            return HttpRequest("POST", url, key, {"text": spec.text})
        body = json.dumps(_content(call), ensure_ascii=False, separators=(",", ":"))
        headers = {**key, "Content-Type": "application/json"}
        if spec.secret_from is not None:
            secret = await self._value(spec.secret_from, call, "secretFrom")
            now = int(call.now.timestamp())
            headers[TIMESTAMP_HEADER] = str(now)
            headers[SIGNATURE_HEADER] = signature(secret, now, body)
        return HttpRequest("POST", url, headers, body)

    async def _value(self, source: SecretSource, call: Call[MessageSpec], field: str) -> Tainted:
        reference = ValueSource(secret_key_ref=source.secret_key_ref)
        try:
            value = await self._secrets.value(
                reference, call.run.source.namespace, call.run.account
            )
        except ValueMissing as error:
            raise CannotDo(f"spec.{field}: {error}") from error
        return value if isinstance(value, Tainted) else Tainted(value)

    async def _send(self, call: Call[MessageSpec]) -> Result:
        channel, request = call.spec.channel, await self._request(call)
        try:
            answer = await self._client.send(request)
        except HttpError as error:
            return Failed(f"{channel}: {error}", final=error.final)
        words = f"{channel} answered {answer.status}{_said(answer)}"
        if answer.ok:
            return Succeeded({"status": answer.status}, f"{channel} answered {answer.status}")
        after = _asked_for(answer)
        if answer.status in SLOW_DOWN and after is not None:
            raise NotNow(f"{words}; it is sent again in {after.total_seconds():g} s", after)
        return Failed(words)


def _content(call: Call[MessageSpec]) -> dict[str, Any]:
    """Return what a webhook is told."""
    run = call.run
    return {
        "message": call.spec.text,
        "run": {"namespace": run.key.namespace, "name": run.key.name, "uid": run.uid},
        "source": run.source._asdict(),
        "node": call.path,
        "attempt": call.attempt,
        "commit": run.commit,
        "actor": run.actor,
    }


def _source(run: Running) -> Template:
    """Return the run's source as far as an event needs it."""
    about = {"namespace": run.source.namespace, "name": run.source.name, "uid": run.source_uid}
    return Template.parse({"metadata": about, "spec": {}})


def _asked_for(answer: HttpAnswer) -> timedelta | None:
    """Return the wait that a receiver asks for in seconds (RFC 9110, 10.2.3), if it does."""
    given = answer.headers.get("retry-after", "").strip()
    if not given.isdecimal() or len(given) > 9:  # noqa: PLR2004 - decades
        return None
    return min(max(timedelta(seconds=int(given)), RECHECK), LONGEST_WAIT)


def _said(answer: HttpAnswer) -> str:
    """Return the beginning of the answer in one line, such as Slack's own word: `: no_service`."""
    line = text(answer.body[: 4 * SHOWN].decode(errors="replace"))
    return f": {clip(line, SHOWN)}" if line else ""
