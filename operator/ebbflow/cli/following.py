"""Following a Run until it ends: live in a terminal, in lines elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Final

import click
from rich.console import RenderableType
from rich.live import Live

from ebbflow.api.base import JsonObject
from ebbflow.api.run import Run
from ebbflow.cli.output import hint
from ebbflow.cli.run_tree import OVER
from ebbflow.cli.run_view import Journal, console, view
from ebbflow.cli.session import Found, Session
from ebbflow.domain.ports import ClusterError

FRAMES_A_SECOND: Final = 4
"""Times tick by tenths only while they are short; more frames would only flicker."""

TIMED_OUT: Final = 124
"""The exit code of timeout(1)."""


def exit_code(run: Run) -> int:
    """Return 0 for a Run that succeeded, else 1."""
    return 0 if run.status.phase == "Succeeded" else 1


async def follow_to_end(
    session: Session, name: str, *, plain: bool, err: bool = False, seconds: float | None = None
) -> Found[Run] | None:
    """Show a Run until it ends and return it as it is then; None if that took too long.

    None `seconds`: for as long as it takes. `err`: show it on standard error. Raises Problem if it
    is deleted. Who stops following before the end is told how to go on.
    """
    picture = _Picture(session, plain=plain)
    screen = console(err=err)
    try:
        async with asyncio.timeout(seconds):
            if not screen.is_terminal:
                return await _in_lines(session, name, plain=plain, err=err)
            with Live(
                get_renderable=lambda: picture.draw(screen.height),
                console=screen,
                refresh_per_second=FRAMES_A_SECOND,
            ) as live:
                ended = await _until_over(session, name, picture)
                # The last picture stays in the scrollback, so it may be as long as it is.
                picture.whole = True
                live.refresh()
                return ended
    except (TimeoutError, asyncio.CancelledError) as stopped:
        hint(f"the Run goes on: ebbflow watch {name} -n {session.namespace}")
        if isinstance(stopped, TimeoutError):
            return None
        raise


async def _until_over(session: Session, name: str, picture: _Picture) -> Found[Run]:
    async for found in session.follow(name):
        await picture.take(found.model)
        if found.model.status.phase in OVER:
            return found
    raise AssertionError("following never ends by itself")


async def _in_lines(session: Session, name: str, *, plain: bool, err: bool) -> Found[Run]:
    journal = Journal()
    events: AsyncIterator[Found[Run]] = session.follow(name)
    async for found in events:
        for line in journal.news(found.model, datetime.now(UTC), plain=plain):
            click.echo(line, err=err)
        if found.model.status.phase in OVER:
            return found
    raise AssertionError("following never ends by itself")


class _Picture:
    """What the live display shows: the newest state, drawn for the present moment."""

    def __init__(self, session: Session, *, plain: bool) -> None:
        self._session = session
        self._plain = plain
        self._run: Run | None = None
        self._content: JsonObject | None = None
        self._read: str | None = None
        self.whole = False

    async def take(self, run: Run) -> None:
        """Show this state from now on."""
        kept = run.status.document_ref
        if kept is not None and kept.name != self._read:
            self._read = kept.name
            try:
                self._content = await self._session.document(run)
            except ClusterError:
                self._content = None  # without the right to read it the nodes that began are shown
        self._run = run

    def draw(self, height: int) -> RenderableType:
        """Return the picture; empty before the first state."""
        if self._run is None:
            return ""
        room = None if self.whole else height
        return view(self._run, self._content, datetime.now(UTC), plain=self._plain, room=room)
