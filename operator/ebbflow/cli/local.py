"""`ebbflow up` and `ebbflow down`: a real control plane on this machine.

Nothing of the cluster's code is imported before it is used, so the command line starts quickly.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

import click

from ebbflow.cli.options import debug_option
from ebbflow.cli.output import print_table
from ebbflow.cli.problem import Problem

if TYPE_CHECKING:
    from ebbflow.devcluster.state import KnownCluster
    from ebbflow.devcluster.trouble import DevClusterError

DEFAULT_NAME: Final = "default"
# Those of devcluster.options.Node.
NODES: Final = ("none", "kwok", "real")

name_option = click.option(
    "--name",
    metavar="NAME",
    default=DEFAULT_NAME,
    show_default=True,
    help="Which cluster; several run side by side.",
)


@click.command()
@name_option
@click.option(
    "--node",
    type=click.Choice(NODES),
    help="What becomes of pods: kwok gives them a status, real runs them (Linux, root), none "
    "leaves them pending.  [default: what the cluster has; kwok for a new one]",
)
@click.option("--status", is_flag=True, help="List the clusters instead of starting one.")
@debug_option
def up(name: str, node: str | None, *, status: bool) -> None:
    """Start a local Kubernetes cluster that lives until `ebbflow down`.

    etcd, kube-apiserver, kube-controller-manager and kube-scheduler run as your own processes;
    no container engine is needed, and no root but for a real node. The last line on standard
    output is the path of the kubeconfig; kubectl lies beside it.
    """
    from ebbflow.devcluster import lifecycle  # noqa: PLC0415 - see the module's first lines
    from ebbflow.devcluster.options import Node  # noqa: PLC0415
    from ebbflow.devcluster.trouble import DevClusterError  # noqa: PLC0415

    try:
        if status:
            _show(lifecycle.clusters())
            return
        started = lifecycle.bring_up(name, None if node is None else Node(node), _say)
    except DevClusterError as error:
        raise _problem(error) from error
    _say(_how_to_use(started))
    click.echo(started.kubeconfig)


@click.command()
@name_option
@debug_option
def down(name: str) -> None:
    """End a local control plane and remove all that it kept.

    The exit code is 1 if there is no cluster of this name, so that a mistyped name is noticed.
    """
    from ebbflow.devcluster import lifecycle  # noqa: PLC0415
    from ebbflow.devcluster.trouble import DevClusterError  # noqa: PLC0415

    try:
        lifecycle.take_down(name, _say)
    except DevClusterError as error:
        raise _problem(error) from error


def _say(line: str) -> None:
    click.echo(line, err=True)


def _problem(error: DevClusterError) -> Problem:
    return Problem(error.what, error.where, error.remedy)


def _how_to_use(cluster: KnownCluster) -> str:
    kubectl = cluster.kubeconfig.with_name("kubectl")
    name = "" if cluster.name == DEFAULT_NAME else f" --name {cluster.name}"
    return (
        f"  export KUBECONFIG={shlex.quote(str(cluster.kubeconfig))}\n"
        f"  {shlex.quote(str(kubectl))} get namespaces\n"
        f"  ebbflow down{name}    ends it and removes its data"
    )


def _show(clusters: tuple[KnownCluster, ...]) -> None:
    rows = (
        (each.name, each.condition.value, each.node.value, each.url, str(each.kubeconfig))
        for each in clusters
    )
    print_table(("NAME", "STATE", "NODE", "API SERVER", "KUBECONFIG"), rows)
    if not clusters:
        _say("There is no cluster; `ebbflow up` starts one")
