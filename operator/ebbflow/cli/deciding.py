"""What people decide about a Run under way: to approve, to reject, to cancel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import click

from ebbflow.api.base import JsonObject
from ebbflow.api.run import NodeStatus, Run
from ebbflow.cli.following import follow_to_end
from ebbflow.cli.options import Where
from ebbflow.cli.output import harmless, print_object
from ebbflow.cli.problem import Problem
from ebbflow.cli.run_tree import OVER
from ebbflow.cli.session import Session, converse

Decision = Literal["Approve", "Reject"]


@dataclass(frozen=True, slots=True)
class Said:
    """What is said; `node`: about which one (its path or ref), None: the one that waits."""

    decision: Decision
    node: str | None = None
    message: str | None = None


def say(where: Where, name: str, said: Said, output: str | None) -> None:
    """Write an approval or rejection into a Run, in our own name. Raises Problem."""

    async def talk(session: Session) -> None:
        user = await session.user()
        # Kept from the first look: it must not become another node when the Run moves on.
        node = asked_node((await session.run(name)).model, said.node)
        found = await session.change_run(name, lambda run: approval(run, said, node, user))
        if output is not None:
            print_object(found.raw, output)
            return
        did = "approved" if said.decision == "Approve" else "rejected"
        click.echo(f"run.ebbflow.dev/{name}: node {node} {did} by {harmless(user)}")

    converse(where, talk)


def asked_node(run: Run, wanted: str | None) -> str:
    """Return the path of the Approval node that has begun and is meant: by its path or ref.

    None `wanted`: the only one that waits. Raises Problem if it is not one.
    """
    begun = [node for node in run.status.nodes or () if node.kind == "Approval"]
    if wanted is None:
        found = [node for node in begun if node.phase == "Waiting"]
    else:
        found = [node for node in begun if wanted in (node.path, node.ref)]
    name, namespace = run.metadata.name, run.metadata.namespace
    match found:
        case [one]:
            return one.path
        case [] if wanted is not None:
            listed = ", ".join(map(_named, begun)) or "none"
            raise Problem(
                f"the Run {name} has no Approval node {wanted} that has begun",
                f"namespace {namespace}; those that have: {listed}",
                f"ebbflow watch {name} -n {namespace}",
            )
        case []:
            raise Problem(
                f"no node of the Run {name} waits for approval",
                f"namespace {namespace}; the Run is {run.status.phase or 'Pending'}",
                f"ebbflow watch {name} -n {namespace}",
            )
        case several:
            raise Problem(
                f"several nodes of the Run {name} "
                + ("wait for approval" if wanted is None else f"are called {wanted}"),
                f"namespace {namespace}: {', '.join(map(_named, several))}",
                f"name one: --node {several[0].path}",
            )


def _named(node: NodeStatus) -> str:
    return f"{node.path} ({node.ref})" if node.ref else node.path


def approval(run: Run, said: Said, node: str, user: str) -> list[JsonObject]:
    """Return the patch that adds what is said; none if it stands there already.

    Raises Problem if the Run is over, or if the user has said the opposite.
    """
    name = run.metadata.name
    if run.status.phase in OVER:
        raise Problem(
            f"the Run {name} has ended: it is {run.status.phase}",
            f"namespace {run.metadata.namespace}",
            "an approval comes too late; start another Run",
        )
    for one in run.spec.approvals:
        if (one.node, one.user) == (node, user):
            if one.decision == said.decision:
                return []
            raise Problem(
                f"{harmless(user)} has already said {one.decision} about node {node}",
                f"Run {run.metadata.namespace}/{name}",
                "what was said stays said; somebody else can still decide, or cancel the Run",
            )
    entry: JsonObject = {"node": node, "user": user, "decision": said.decision}
    if said.message:
        entry["message"] = said.message
    if run.spec.approvals:
        return [{"op": "add", "path": "/spec/approvals/-", "value": entry}]
    return [{"op": "add", "path": "/spec/approvals", "value": [entry]}]


def cancel(where: Where, name: str, output: str | None, *, wait: bool) -> int:
    """Ask a Run to stop; returns the exit code. Raises Problem if it has ended already."""

    async def talk(session: Session) -> int:
        found = await session.change_run(name, cancelling)
        if output is None:
            click.echo(f"run.ebbflow.dev/{name} is being cancelled")
        if wait:
            found = await follow_to_end(session, name, plain=False, err=True) or found
        if output is not None:
            print_object(found.raw, output)
        return 0

    return converse(where, talk)


def cancelling(run: Run) -> list[JsonObject]:
    """Return the patch that cancels a Run; none if it is asked for. Raises Problem if it ended."""
    if run.status.phase in OVER:
        raise Problem(
            f"the Run {run.metadata.name} has ended: it is {run.status.phase}",
            f"namespace {run.metadata.namespace}",
            "there is nothing to stop",
        )
    if run.spec.cancel:
        return []
    return [{"op": "add", "path": "/spec/cancel", "value": True}]
