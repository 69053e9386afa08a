"""Completion in shells: of commands and options by click, of names by asking the cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

import click
from click.shell_completion import CompletionItem, get_completion_class
from typing_extensions import override

if TYPE_CHECKING:
    from ebbflow.cli.session import Session

PATIENCE_SECONDS: Final = 2.0
"""Whoever presses Tab waits for the answer."""

SHELLS: Final = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the completion script of a shell.

    For bash: source <(ebbflow completion bash), also in ~/.bashrc.
    """
    root = click.get_current_context().find_root()
    name = root.info_name or "ebbflow"
    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"there is no completion for {shell}")
    variable = f"_{name}_COMPLETE".replace("-", "_").upper()
    click.echo(found(root.command, {}, name, variable).source())


Choices = Callable[["Session", click.Context], Awaitable[list[str]]]
"""Ask the cluster what there is to choose from."""


class Completed(click.ParamType[Any]):
    """A text that is completed from the cluster."""

    name = "name"

    def __init__(self, choices: Choices) -> None:
        self._choices = choices

    @override
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return str(value)

    @override
    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from ebbflow.cli.options import Where  # noqa: PLC0415
        from ebbflow.cli.session import converse  # noqa: PLC0415 - the client loads slowly

        async def ask(session: Session) -> list[str]:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await self._choices(session, ctx)

        where = Where(ctx.params.get("context"), ctx.params.get("namespace"))
        try:
            names = converse(where, ask)
        except Exception:  # noqa: BLE001 - a shell in the middle of a line can be told nothing
            return []
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


class ObjectName(Completed):
    """The name of an object of one of our kinds."""

    def __init__(self, *plurals: str) -> None:
        async def names(session: Session, _ctx: click.Context) -> list[str]:
            return [name for plural in plurals for name in await session.names(plural)]

        super().__init__(names)


class NodeName(Completed):
    """The ref, or else the path, of a node of a Run: the argument called `run` of the command.

    `kind`: only of nodes of this kind; None: of any.
    """

    def __init__(self, run: str, kind: str | None = None) -> None:
        async def names(session: Session, ctx: click.Context) -> list[str]:
            nodes = (await session.run(ctx.params[run])).model.status.nodes or ()
            wanted = (node for node in nodes if node.path and kind in (None, node.kind))
            return [node.ref or node.path for node in wanted]

        super().__init__(names)
