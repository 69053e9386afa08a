"""Options that many commands share: which cluster, which namespace, how to print."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import click

DEBUG: Final = "ebbflow.debug"
"""The key in a click context's `meta` that asks for tracebacks."""

FAILURE: Final = "ebbflow.failure"
"""The key in a click context's `meta` that holds the exit code of a command that cannot work."""

VALUES: Final = ("json", "yaml")
"""The forms of what is no object, and so has no name to print."""

OUTPUTS: Final = (*VALUES, "name")

Command = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Where:
    """Where a command works; None: as the kubeconfig says. `everywhere`: in all namespaces."""

    context: str | None = None
    namespace: str | None = None
    everywhere: bool = False


def _note_debug(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        ctx.meta[DEBUG] = True


debug_option = click.option(
    "--debug",
    is_flag=True,
    expose_value=False,
    callback=_note_debug,
    help="Show the traceback of an error.",
)


context_option = click.option(
    "--context", metavar="NAME", help="The kubeconfig's context; absent: the current one."
)


def cluster_options(*, everywhere: bool = False) -> Callable[[Command], Command]:
    """Add --context, --namespace and --debug (and -A); the command gets them as `where`."""

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def with_where(
            *args: Any,
            context: str | None,
            namespace: str | None,
            all_namespaces: bool = False,
            **options: Any,
        ) -> Any:
            return command(*args, where=Where(context, namespace, all_namespaces), **options)

        decorated: Command = debug_option(with_where)
        if everywhere:
            decorated = click.option(
                "-A", "--all-namespaces", is_flag=True, help="In all namespaces."
            )(decorated)
        decorated = click.option(
            "-n", "--namespace", metavar="NAME", help="The namespace; absent: the context's."
        )(decorated)
        return context_option(decorated)

    return decorate


output_option = click.option(
    "-o", "--output", type=click.Choice(OUTPUTS), help="Print objects in this form."
)

value_option = click.option(
    "-o", "--output", type=click.Choice(VALUES), help="Print it in this form."
)

ascii_option = click.option(
    "--ascii", "plain", is_flag=True, help="Only ASCII characters, for old terminals and logs."
)
