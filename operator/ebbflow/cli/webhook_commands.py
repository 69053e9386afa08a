"""The commands about webhooks, as click reads them; what they do is loaded when they are called."""

from __future__ import annotations

import sys
from typing import Final

import click

from ebbflow.cli.completion import ObjectName
from ebbflow.cli.options import Where, cluster_options, value_option

NAME: Final = ObjectName("gitaccounts", "gittriggers")

# Modules with the API client are imported in the commands: `ebbflow webhook --help` stays quick.


@click.group()
def webhook() -> None:
    """Show where webhooks are received, and try them."""


@webhook.command(short_help="Print where a webhook is received.")
@click.argument("name", type=NAME)
@value_option
@cluster_options()
def url(name: str, where: Where, *, output: str | None) -> None:
    """Print the URL of a webhook, and where its secret or key is.

    NAME is a GitAccount, for the webhooks of its provider, or a GitTrigger of type Webhook. The
    secret itself is not printed.
    """
    from ebbflow.cli import webhooks  # noqa: PLC0415

    webhooks.url(where, name, output)


@webhook.command(short_help="Send a signed delivery and show the answer.")
@click.argument("name", type=NAME)
@click.option(
    "--url",
    "base",
    metavar="URL",
    help="Where the receiver is reached from here, such as http://127.0.0.1:9080; absent: the "
    "address that the operator was told with --webhook-url.",
)
@click.option(
    "--repository", metavar="URL", help="Of an account: tell of a push to this repository."
)
@click.option("--branch", metavar="NAME", show_default="main", help="The branch of that push.")
@cluster_options()
def test(
    name: str, where: Where, *, base: str | None, repository: str | None, branch: str | None
) -> None:
    """Send a signed delivery and show the answer; the exit code is 1 if it was refused.

    NAME is a GitAccount: its signature is tried, and with --repository the operator looks there
    now. Or it is a GitTrigger of type Webhook: it is called, which starts Runs.
    """
    from ebbflow.cli import webhooks  # noqa: PLC0415

    if base is not None and not base.startswith(("http://", "https://")):
        raise click.UsageError(f"--url {base!r} does not begin with http:// or https://")
    if branch is not None and repository is None:
        raise click.UsageError("--branch is for --repository")
    push = (repository, branch or "main") if repository is not None else None
    sys.exit(webhooks.test(where, name, base, push))
