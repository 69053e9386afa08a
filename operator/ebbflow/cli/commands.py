"""The command line's commands, each loaded only when it is used: `ebbflow --help` stays quick."""

from __future__ import annotations

import importlib
import sys
from typing import Any, Final, NoReturn

import click
from typing_extensions import override

from ebbflow import __version__
from ebbflow.cli.options import DEBUG, FAILURE, debug_option
from ebbflow.cli.problem import Problem, explain

INTERRUPTED: Final = 130
"""The exit code after Ctrl-C, as shells have it: 128 and the number of SIGINT."""

COMMANDS: dict[str, tuple[str, str]] = {
    "up": ("ebbflow.cli.local:up", "Start a local control plane and print its kubeconfig."),
    "down": ("ebbflow.cli.local:down", "End a local control plane."),
    "demo": ("ebbflow.cli.demo:demo", "Show the two-way loop on a local control plane."),
    "operator": ("ebbflow.cli.operator:operator", "Run the operator in the foreground."),
    "install": ("ebbflow.cli.install:install", "Install CRDs, RBAC and the operator."),
    "run": ("ebbflow.cli.run_commands:run", "Start a Run of a Template."),
    "runs": ("ebbflow.cli.run_commands:runs", "List Runs, the newest first."),
    "watch": ("ebbflow.cli.run_commands:watch", "Show a Run's nodes live until it ends."),
    "logs": ("ebbflow.cli.run_commands:logs", "Show the logs of a Run's pods."),
    "cancel": ("ebbflow.cli.run_commands:cancel", "Stop a Run."),
    "retry": ("ebbflow.cli.run_commands:retry", "Go on where a Run failed."),
    "approve": ("ebbflow.cli.run_commands:approve", "Approve what a Run waits for."),
    "reject": ("ebbflow.cli.run_commands:reject", "Reject what a Run waits for."),
    "why": ("ebbflow.cli.trigger_commands:why", "Tell what triggers decided, and why."),
    "pause": ("ebbflow.cli.trigger_commands:pause", "Have a trigger start nothing."),
    "resume": ("ebbflow.cli.trigger_commands:resume", "Have a paused trigger start things again."),
    "webhook": (
        "ebbflow.cli.webhook_commands:webhook",
        "Show where webhooks are received, and try them.",
    ),
    "plan": ("ebbflow.cli.document_commands:plan", "Show what would change, in both directions."),
    "render": ("ebbflow.cli.document_commands:render", "Print a document, arguments resolved."),
    "lint": ("ebbflow.cli.document_commands:lint", "Check document files."),
    "history": ("ebbflow.cli.document_commands:history", "List the revisions that ran."),
    "completion": ("ebbflow.cli.completion:completion", "Print a shell's completion script."),
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
    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what goes wrong is told in three lines, and a traceback only if asked."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            # click ends without a word where nobody reads on, as `| head` does.
            raise
        except KeyboardInterrupt:
            click.echo(err=True)
            ctx.exit(INTERRUPTED)
        except Exception as error:
            if ctx.meta.get(DEBUG):
                raise
            problem = explain(error) or _unexpected(error)
            click.echo(f"ebbflow: {problem}", err=True)
            ctx.exit(ctx.meta.get(FAILURE, problem.code))

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ebbflow")
@debug_option
def ebbflow() -> None:
    """Edit in Git or in the cluster; both stay the same."""


@click.command()
def version() -> None:
    """Print the version."""
    click.echo(__version__)


def _unexpected(error: Exception) -> Problem:
    return Problem(
        f"an error that nobody thought of: {type(error).__name__}",
        str(error)[:500],
        "run the command again with --debug, and report what it shows",
    )


def main() -> NoReturn:
    """Run the command line."""
    sys.exit(ebbflow(prog_name="ebbflow"))
