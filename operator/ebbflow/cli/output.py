"""Printing: tables, objects as JSON, YAML or names, and text from elsewhere made harmless."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from ebbflow.domain.one_line import one_line

Object = Mapping[str, Any]


def harmless(text: object) -> str:
    """Return a text in one line without control characters.

    Names, messages and values come from clusters and files: what would move the cursor, or hide
    text, must not reach a terminal.
    """
    return one_line(str(text))


def print_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows below their heads, as kubectl does; nothing is cut off, so that grep works."""
    lines = [[harmless(cell) for cell in line] for line in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = zip(line, widths, strict=True)
        click.echo("   ".join(cell.ljust(width) for cell, width in cells).rstrip())


def print_object(raw: Object, output: str) -> None:
    """Print one object as json, yaml or name."""
    if output == "name":
        click.echo(full_name(raw))
    else:
        print_value(raw, output)


def print_objects(raws: Sequence[Object], output: str) -> None:
    """Print objects as one list in json or yaml, or a name a line."""
    if output == "name":
        for raw in raws:
            click.echo(full_name(raw))
        return
    print_value({"apiVersion": "v1", "kind": "List", "items": list(raws)}, output)


def print_value(value: Any, output: str) -> None:
    """Print any JSON value as json or yaml."""
    if output == "json":
        click.echo(json.dumps(value, indent=2, ensure_ascii=False))
        return
    import yaml  # noqa: PLC0415 - commands that print no YAML start without it

    click.echo(yaml.safe_dump(value, sort_keys=False, allow_unicode=True), nl=False)


def full_name(raw: Object) -> str:
    """Return what kubectl prints with -o name: run.ebbflow.dev/shop-1."""
    group, _, _ = str(raw["apiVersion"]).rpartition("/")
    kind = str(raw["kind"]).lower()
    return f"{kind}{'.' if group else ''}{group}/{raw['metadata']['name']}"


def hint(text: str) -> None:
    """Tell a person at a terminal what to do next; scripts are left alone."""
    if sys.stderr.isatty():
        click.echo(text, err=True)


def age(since: str | None, now: datetime) -> str:
    """Return how long ago an RFC 3339 time was, in kubectl's short words; - for none."""
    if since is None:
        return "-"
    return elapsed(now - datetime.fromisoformat(since).astimezone(UTC))


def elapsed(took: timedelta) -> str:
    """Return a duration as kubectl shows ages: 12s, 3m, 2h5m, 4d."""
    seconds = max(0, int(took.total_seconds()))
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if seconds < 120:  # noqa: PLR2004 - as kubectl has it
        return f"{seconds}s"
    if minutes < 10:  # noqa: PLR2004
        return f"{minutes}m{seconds % 60}s" if seconds % 60 else f"{minutes}m"
    if hours < 3:  # noqa: PLR2004
        return f"{minutes}m"
    if hours < 8:  # noqa: PLR2004
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    return f"{hours}h" if hours < 48 else f"{days}d"  # noqa: PLR2004
