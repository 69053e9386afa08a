"""Completion in shells: of commands and options by click, of names by asking the cluster."""

from __future__ import annotations

import asyncio
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


class ObjectName(click.ParamType[Any]):
    """The name of an object of one of our kinds, completed from the cluster."""

    def __init__(self, *plurals: str) -> None:
        self.name = "name"
        self._plurals = plurals

    @override
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return str(value)

    @override
    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from ebbflow.cli.options import Where  # noqa: PLC0415
        from ebbflow.cli.session import converse  # noqa: PLC0415 - the client loads slowly

        where = Where(ctx.params.get("context"), ctx.params.get("namespace"))
        try:
            names = converse(where, self._names)
        except Exception:  # noqa: BLE001 - a shell in the middle of a line can be told nothing
            return []
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]

    async def _names(self, session: Session) -> list[str]:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return [name for plural in self._plurals for name in await session.names(plural)]
