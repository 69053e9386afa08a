"""A watch stream passes on what a test injects, at whatever moment that is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from tests.support.apifaults import Request
from tests.support.apiwatch import Watch
from tests.support.kube_request import Target

EVENT = b'{"type": "ADDED"}\n'


class Upstream:
    """An API server's answer: one event, and then nothing for as long as anybody listens."""

    def __init__(self) -> None:
        self.content = self

    async def iter_any(self) -> AsyncIterator[bytes]:
        yield EVENT
        await asyncio.Event().wait()


class Client:
    """Keeps the lines that arrive, and does something while the first of them is written."""

    def __init__(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        self.lines: list[bytes] = []
        self._meanwhile = meanwhile

    async def write(self, line: bytes) -> None:
        self.lines.append(line)
        if len(self.lines) == 1:
            self._meanwhile()


class Stream:
    """A watch from one to the other, and a hook at the moment when its rules are looked up."""

    def __init__(self) -> None:
        target = Target("watch", resource="templates")
        request = Request(1, None, "GET", "/", "", target, "", "", 0.0)
        self.at_rules: Callable[[], None] = lambda: None
        self.watch = Watch(request, asyncio.get_running_loop(), self._rules)

    def _rules(self) -> list[object]:
        self.at_rules()
        return []

    def inject(self) -> None:
        self.watch.inject_error(410)

    async def serve(self, client: Client) -> list[bytes]:
        whole = await asyncio.wait_for(self.watch.serve(Upstream(), client, lambda: False), 5)
        assert whole
        return client.lines


async def test_an_error_that_is_injected_while_a_line_is_written_arrives() -> None:
    stream = Stream()
    first, last = await stream.serve(Client(stream.inject))
    assert first == EVENT
    assert b'"code": 410' in last


async def test_an_error_that_is_injected_while_the_next_line_is_chosen_arrives() -> None:
    stream = Stream()

    def once() -> None:
        stream.at_rules = lambda: None
        stream.inject()

    stream.at_rules = once
    lines = await stream.serve(Client())
    assert b'"code": 410' in lines[-1]


@pytest.mark.parametrize("end", ["end", "cut"])
async def test_a_stream_that_a_test_ends_stops_after_the_line_under_way(end: str) -> None:
    stream = Stream()
    client = Client(getattr(stream.watch, end))
    whole = await asyncio.wait_for(stream.watch.serve(Upstream(), client, lambda: False), 5)
    assert client.lines == [EVENT]
    assert whole == (end == "end")
