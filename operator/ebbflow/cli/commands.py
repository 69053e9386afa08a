"""The command line's commands, each loaded only when it is used: `ebbflow --help` stays quick."""

from __future__ import annotations

import importlib
import sys
from typing import NoReturn

import click
from typing_extensions import override

from ebbflow import __version__

COMMANDS: dict[str, tuple[str, str]] = {
    "up": ("ebbflow.cli.local:up", "Start a local control plane and print its kubeconfig."),
    "down": ("ebbflow.cli.local:down", "End a local control plane."),
    "demo": ("ebbflow.cli.demo:demo", "Show the two-way loop on a local control plane."),
    "operator": ("ebbflow.cli.operator:operator", "Run the operator in the foreground."),
    "install": ("ebbflow.cli.install:install", "Install CRDs, RBAC and the operator."),
    "version": ("ebbflow.cli.commands:version", "Print the version."),
}


class Commands(click.Group):
    """A group whose commands are imported when they are called."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ebbflow")
def ebbflow() -> None:
    """Edit in Git or in the cluster; both stay the same."""


@click.command()
def version() -> None:
    """Print the version."""
    click.echo(__version__)


def main() -> NoReturn:
    """Run the command line."""
    sys.exit(ebbflow(prog_name="ebbflow"))
