"""What triggers decided and why, and pausing them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import click

from ebbflow.api.base import JsonObject
from ebbflow.api.gittrigger import MAX_DELIVERIES, Delivery, GitTrigger
from ebbflow.cli.options import Where
from ebbflow.cli.output import age, harmless, print_object, print_table, print_value
from ebbflow.cli.problem import Problem
from ebbflow.cli.run_view import SHORT_COMMIT
from ebbflow.cli.session import LIST_TRIGGERS, Found, Session, converse
from ebbflow.domain.git import HEADS, TAGS

HEAD: Final = ("TRIGGER", "AGE", "REF", "COMMIT", "VERDICT", "REASON", "RUNS")
NOTHING: Final = 1


def why(where: Where, name: str, commit: str | None, output: str | None) -> int:
    """Print the verdicts of a trigger, or of all triggers of a Template; returns the exit code.

    `commit`: only those on a commit that begins so. Raises Problem.
    """

    async def talk(session: Session) -> list[Found[GitTrigger]]:
        return await _named(session, name)

    found = converse(where, talk)
    rows = [(one.model, d) for one in found for d in _verdicts(one.model, commit)]
    if output is not None:
        told = [{"trigger": t.metadata.name, **d.dump()} for t, d in rows]
        print_value(told, output)
    elif rows:
        now = datetime.now(UTC)
        print_table(HEAD, [_row(trigger, one, now) for trigger, one in rows])
        _explain([one for _, one in rows])
    else:
        for one in found:
            click.echo(harmless(_nothing(one.model, commit)), err=True)
    return 0 if rows else NOTHING


async def _named(session: Session, name: str) -> list[Found[GitTrigger]]:
    """Return the trigger of this name, else all that start the Template of this name."""
    found = await session.triggers()
    mine = [one for one in found if one.model.metadata.name == name]
    if mine:
        return mine
    starting = [
        one
        for one in found
        if any((t.kind, t.name) == ("Template", name) for t in one.model.spec.targets)
    ]
    if not starting:
        raise Problem(
            f"there is no GitTrigger {name}, and none that starts a Template {name}",
            f"namespace {session.namespace}",
            LIST_TRIGGERS,
        )
    return starting


def _verdicts(trigger: GitTrigger, commit: str | None) -> list[Delivery]:
    deliveries = trigger.status.deliveries or ()
    wanted = (commit or "").lower()
    return [d for d in deliveries if not wanted or (d.after or "").startswith(wanted)]


def _row(trigger: GitTrigger, one: Delivery, now: datetime) -> tuple[str, ...]:
    ref = (one.ref or "-").removeprefix(HEADS).removeprefix(TAGS)
    return (
        trigger.metadata.name,
        age(one.at, now),
        ref,
        (one.after or "-")[:SHORT_COMMIT],
        one.verdict,
        one.reason,
        ", ".join(one.runs or ()) or "-",
    )


def _explain(verdicts: list[Delivery]) -> None:
    """Say the newest verdict that started nothing in words: that is what people come to ask."""
    first = next((one for one in verdicts if one.message), None)
    if first is not None:
        at = (first.after or first.id)[:SHORT_COMMIT]
        click.echo(f"\n{harmless(at)}: {harmless(first.message)}")


def _nothing(trigger: GitTrigger, commit: str | None) -> str:
    """Say why there is no verdict, as far as the trigger tells."""
    name, spec = trigger.metadata.name, trigger.spec
    ready = next((c for c in trigger.status.conditions if c.type == "Ready"), None)
    stands = f"{ready.reason}: {ready.message}" if ready else "the operator has not looked yet"
    if commit is None:
        return f"{name} has decided nothing yet ({stands})"
    at = [h.ref for h in trigger.status.heads or () if h.commit.startswith(commit.lower())]
    if at:
        return (
            f"{name} found {commit} at {', '.join(at)} when it first looked, which starts nothing"
        )
    followed = ", ".join(spec.branches or spec.tags or ("all",))
    return (
        f"{name} has no verdict on {commit} among the last {MAX_DELIVERIES}: it follows {followed};"
        f" a commit within a longer push is judged with the newest of them ({stands})"
    )


def pause(where: Where, name: str, reason: str | None, output: str | None) -> None:
    """Pause a trigger. Raises Problem."""
    _set(where, name, {"paused": True, "pausedReason": reason}, "paused", output)


def resume(where: Where, name: str, output: str | None) -> None:
    """Let a trigger start things again. Raises Problem."""
    _set(where, name, {"paused": False, "pausedReason": None}, "resumed", output)


def _set(where: Where, name: str, spec: JsonObject, did: str, output: str | None) -> None:
    async def talk(session: Session) -> Found[GitTrigger]:
        return await session.change_trigger(name, spec)

    found = converse(where, talk)
    if output is not None:
        print_object(found.raw, output)
    else:
        click.echo(f"gittrigger.ebbflow.dev/{name} {did}")
