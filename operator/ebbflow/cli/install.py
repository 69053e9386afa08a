"""`ebbflow install`: CRDs, rights and the operator, applied or printed."""

from __future__ import annotations

import click

from ebbflow.cli import manifests
from ebbflow.cli.options import context_option, debug_option
from ebbflow.cli.problem import Problem


@click.command()
@click.option("--export", is_flag=True, help="Print the manifests instead of applying them.")
@click.option("--crds-only", is_flag=True, help="Only the CRDs (and admission policies).")
@click.option("--rbac-only", is_flag=True, help="Only the operator's rights.")
@context_option
@debug_option
def install(*, export: bool, crds_only: bool, rbac_only: bool, context: str | None) -> None:
    """Install ebbflow into the cluster of the current kubeconfig, or bring it up to date."""
    if crds_only and rbac_only:
        raise click.UsageError("--crds-only and --rbac-only exclude each other")
    name = manifests.CRDS if crds_only else manifests.RBAC if rbac_only else manifests.ALL
    text = manifests.read(name)
    if export:
        click.echo(text, nl=False)
        return
    from ebbflow.adapters.kube.manifests import ApplyFailed, apply  # noqa: PLC0415 - loads slowly

    try:
        for line in apply(text, context):
            click.echo(line)
    except ApplyFailed as error:
        raise Problem.told_by(error) from error
