"""The port HttpClient in memory: answers that tests put, and the requests that came."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from typing_extensions import override

from ebbflow.domain.http import HttpAnswer, HttpClient, HttpError, HttpRequest
from ebbflow.domain.secret import revealed


class MemoryHttp(HttpClient):
    """A server for every address. `answers` are given one by one, then 200 without a body.

    `requests` are those that came, with their secrets in the clear. While `released` is not set,
    nobody is answered.
    """

    def __init__(self) -> None:
        self.answers: list[HttpAnswer | HttpError] = []
        self.requests: list[dict[str, Any]] = []
        self.released = asyncio.Event()
        self.released.set()

    def answer(self, status: int, body: Any = None, **headers: str) -> None:
        """Put an answer; a body that is no text is sent as JSON."""
        text = body if isinstance(body, str) else json.dumps(body)
        kind = {} if isinstance(body, str) else {"content-type": "application/json"}
        self.answers.append(HttpAnswer(status, kind | headers, text.encode()))

    @override
    async def send(self, request: HttpRequest) -> HttpAnswer:
        self.requests.append(
            {
                "method": request.method,
                "url": revealed(request.url),
                "headers": revealed(dict(request.headers)),
                "body": revealed(request.body),
            }
        )
        await self.released.wait()
        answer = self.answers.pop(0) if self.answers else HttpAnswer(200, {}, b"")
        if isinstance(answer, HttpError):
            raise answer
        return answer
