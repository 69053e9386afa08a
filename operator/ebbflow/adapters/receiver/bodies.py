"""Reading bodies of strangers: each bounded, all of them together too, and none for long."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web

from ebbflow.domain.webhooks.exchange import MAX_BODY

TOTAL: Final = 32 * MAX_BODY
"""Bytes of all bodies that are being read or worked on; past it, others have to come again."""

SECONDS: Final = 10.0
"""Within which a body must be here; providers send theirs in one go."""


class TooLarge(Exception):
    """The body is larger than MAX_BODY."""


class TooSlow(Exception):
    """The body did not come within SECONDS."""


class TooMuch(Exception):
    """There is no room for one more body now."""


class Room:
    """What all bodies may take together. A body has its room until `free` is called."""

    def __init__(self, total: int = TOTAL, seconds: float = SECONDS) -> None:
        self._left = total
        self._seconds = seconds

    async def read(self, request: web.Request) -> bytes:
        """Return the body as it was sent. Raises TooLarge, TooSlow and TooMuch."""
        if (request.content_length or 0) > MAX_BODY:
            raise TooLarge
        body = bytearray()
        try:
            async with asyncio.timeout(self._seconds):
                async for chunk in request.content.iter_any():
                    body += chunk
                    self._left -= len(chunk)
                    self._check(len(body))
        except BaseException as error:
            self.free(len(body))
            if isinstance(error, TimeoutError):
                raise TooSlow from error
            raise
        return bytes(body)

    def free(self, size: int) -> None:
        """Give back the room of a body of this many bytes."""
        self._left += size

    def _check(self, size: int) -> None:
        if size > MAX_BODY:
            raise TooLarge
        if self._left < 0:
            raise TooMuch
