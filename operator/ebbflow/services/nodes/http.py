"""HTTP: sends one request, and hands on the answer."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator
from typing_extensions import override

from ebbflow.api.run import PlannedChange
from ebbflow.api.template import ValueSource
from ebbflow.domain.conditions import clip
from ebbflow.domain.health_verdict import text
from ebbflow.domain.http import HttpAnswer, HttpClient, HttpError, HttpRequest
from ebbflow.domain.objects import tainted_texts, tainted_where_known
from ebbflow.domain.secret import Tainted
from ebbflow.services.nodes.errands import PATIENCE, Errands
from ebbflow.services.nodes.kind import (
    Call,
    CannotDo,
    Failed,
    NodeKind,
    Planned,
    Result,
    Succeeded,
)
from ebbflow.services.nodes.spec import NodeSpec, SecretText, no_references
from ebbflow.services.tenant_secrets import TenantSecrets, ValueMissing

SHOWN: Final = 200
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_VALUE: Final = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
_SECRET_HEADERS: Final = frozenset(("authorization", "proxy-authorization", "cookie"))
_OWN_HEADERS: Final = frozenset(
    ("host", "content-length", "transfer-encoding", "connection", "idempotency-key")
)


class HeaderFrom(NodeSpec):
    """The value of one header, from a Secret or ConfigMap of the Template's namespace."""

    name: str = Field(max_length=100, description="The header's name.")
    value_from: ValueSource = Field(description="Where the value comes from.")


class HttpSpec(NodeSpec):
    """One request, and which answers are right."""

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = Field(
        default="GET", description="The method."
    )
    url: SecretText | None = Field(default=None, description="The address.")
    url_from: ValueSource | None = Field(
        default=None, description="The address, from a Secret or ConfigMap."
    )
    headers: dict[str, SecretText] = Field(
        default={},
        max_length=64,
        description="Headers. Authorization and Cookie only with values from Secrets.",
    )
    headers_from: tuple[HeaderFrom, ...] = Field(
        default=(), max_length=64, description="Headers from Secrets and ConfigMaps."
    )
    body: Annotated[Any, AfterValidator(no_references)] = Field(
        default=None, description="The body: a text as it is, any other value as JSON."
    )
    expect: tuple[int, ...] = Field(
        default=(),
        max_length=64,
        description="The statuses that are right; absent: 200 to 299.",
    )

    @field_validator("expect")
    @classmethod
    def _are_statuses(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not all(100 <= status <= 599 for status in value):  # noqa: PLR2004 - RFC 9110, 15
            raise ValueError("statuses are numbers from 100 to 599")
        return value

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.url is None) == (self.url_from is None):
            raise ValueError("give exactly one of url and urlFrom")
        for name, value in self.headers.items():
            _check_header(name, value)
        for header in self.headers_from:
            _check_header(header.name, Tainted(""))
        return self


class Http(NodeKind[HttpSpec]):
    """Sends each attempt's request once, as long as the operator lives. One that was killed may
    have sent it: then it is sent again with the same Idempotency-Key.
    """

    name: ClassVar[str] = "HTTP"
    recalls: ClassVar[bool] = False
    spec = HttpSpec

    def __init__(
        self, client: HttpClient, secrets: TenantSecrets, patience: float = PATIENCE
    ) -> None:
        self._client = client
        self._secrets = secrets
        self._requests = Errands(patience)

    @property
    def on_their_way(self) -> int:
        """How many requests have no answer yet that somebody took."""
        return len(self._requests)

    @override
    async def act(self, call: Call[HttpSpec]) -> Result:
        return await self._requests.follow(
            call,
            lambda: self._send(call),
            lost="the answer was lost: whether the request had its effect is not known",
            meanwhile="waits for the answer",
        )

    @override
    async def plan(self, call: Call[HttpSpec]) -> Planned:
        """Nothing is sent, and nothing known of the answer."""
        await self._request(call)
        change = PlannedChange(
            node=call.path, object=f"{call.spec.method} request", action="update"
        )
        return Planned((change,), {"status": 200, "headers": {}, "body": {}})

    @override
    async def stop(self, call: Call[HttpSpec]) -> None:
        self._requests.give_up(call.idempotency_key)

    async def _request(self, call: Call[HttpSpec]) -> HttpRequest:
        spec = call.spec
        namespace, account = call.run.source.namespace, call.run.account
        headers = dict(spec.headers)
        try:
            for header in spec.headers_from:
                value = await self._secrets.value(header.value_from, namespace, account)
                _check_header(header.name, Tainted("") if isinstance(value, Tainted) else value)
                headers[header.name] = value
            url = spec.url
            if spec.url_from is not None:
                url = await self._secrets.value(spec.url_from, namespace, account)
        except (ValueMissing, ValueError) as error:
            raise CannotDo(f"spec: {error}") from error
        if url is None:
            raise CannotDo("spec: give exactly one of url and urlFrom")
        headers["Idempotency-Key"] = call.idempotency_key
        return HttpRequest(spec.method, url, headers, spec.body)

    async def _send(self, call: Call[HttpSpec]) -> Result:
        request, expect = await self._request(call), call.spec.expect
        try:
            answer = await self._client.send(request)
        except HttpError as error:
            return Failed(f"{request.method}: {error}", final=error.final)
        known = tainted_texts([request.url, dict(request.headers), request.body])
        outputs = tainted_where_known(_outputs(answer), known)
        if answer.status in expect if expect else answer.ok:
            return Succeeded(outputs, f"answered {answer.status}")
        wanted = f", not {' or '.join(map(str, expect))}" if expect else ""
        return Failed(f"{request.method}: it answered {answer.status}{wanted}{_said(outputs)}")


def _check_header(name: str, value: str | Tainted) -> None:
    """Refuse what is no header (RFC 9110, 5), or not for documents. Never repeats a value."""
    if not _NAME.fullmatch(name):
        raise ValueError("headers: a name has 1 to 100 letters, digits and hyphens")
    if name.lower() in _OWN_HEADERS:
        raise ValueError(f"headers: {name} is set by ebbflow itself; leave it out")
    if isinstance(value, Tainted):
        return
    if name.lower() in _SECRET_HEADERS:
        raise ValueError(
            f"headers: the value of {name} must come from a Secret; use headersFrom or ${{secrets…}}"
        )
    if not _VALUE.fullmatch(value):
        raise ValueError(f"headers: the value of {name} holds control characters")


def _outputs(answer: HttpAnswer) -> dict[str, Any]:
    return {
        "status": answer.status,
        "headers": dict(answer.headers),
        "body": _body(answer.body, answer.headers),
    }


def _body(body: bytes, headers: Mapping[str, str]) -> Any:
    """Return JSON as what it says, anything else as text."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    shown = body.decode(errors="replace")
    if kind == "application/json" or kind.endswith("+json"):
        try:
            return json.loads(shown)
        except (ValueError, RecursionError):
            return shown
    return shown


def _said(outputs: Mapping[str, Any]) -> str:
    """Return the beginning of the answer, as one line; nothing that a secret is in."""
    body = outputs["body"]
    if tainted_texts(body) or not body:
        return ""
    said = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    return f": {clip(text(said[: 4 * SHOWN]), SHOWN)}"
