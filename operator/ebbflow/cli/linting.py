"""`ebbflow lint`: what is wrong with document files, each fault with its line and column."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sized
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal, cast

import click

from ebbflow.adapters.cel import CelConditions
from ebbflow.cli.output import harmless, print_value
from ebbflow.cli.problem import Problem
from ebbflow.domain.document import InvalidDocument, parse
from ebbflow.domain.document.ignored import GITOPS, notice_of
from ebbflow.domain.document.inner import place_within
from ebbflow.domain.document.path import path_of
from ebbflow.services.nodes.registry import Ports, node_kinds
from ebbflow.services.nodes.spec import NodeSpec
from ebbflow.services.runs.document_check import DocumentCheck

ENDINGS: Final = (".yaml", ".yml", ".json")
STDIN: Final = "-"

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong; line and column from 1, `path` is the field's."""

    file: str
    line: int
    column: int
    message: str
    path: str = ""
    severity: Severity = "error"


class _Unconnected:
    """Stands in for the ports of node kinds, which are asked only for their names and specs."""

    def __getattr__(self, name: str) -> None:
        return None


def _specs() -> dict[str, type[NodeSpec]]:
    ports = cast("Ports", _Unconnected())
    return {kind.name: cast("type[NodeSpec]", kind.spec) for kind in node_kinds(ports)}


def lint(names: Iterable[str], output: str) -> int:
    """Check files and print what is wrong; returns 1 if there are errors, else 0."""
    files = list(_files(names))
    specs = _specs()
    faults = [fault for name in files for fault in check_file(_content(name), name, specs)]
    if output == "json":
        print_value([asdict(fault) for fault in faults], "json")
    else:
        for fault in faults:
            click.echo(_annotation(fault) if output == "github" else _line(fault))
        click.echo(f"{_count(faults, 'problem')} in {_count(files, 'file')}", err=True)
    return int(any(fault.severity == "error" for fault in faults))


def _count(things: Sized, what: str) -> str:
    return f"{len(things) or 'no'} {what}{'' if len(things) == 1 else 's'}"


def _files(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        path = Path(name)
        if name == STDIN or not path.is_dir():
            yield name
            continue
        found = (
            inner
            for inner in path.rglob("*")
            if inner.suffix.lower() in ENDINGS
            and inner.is_file()
            and not any(part.startswith(".") for part in inner.relative_to(path).parts)
        )
        yield from map(str, sorted(found))


def _content(name: str) -> bytes:
    if name == STDIN:
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise Problem(f"cannot read {name}", error.strerror or "", "correct the path") from error


def check_file(data: bytes, name: str, specs: dict[str, type[NodeSpec]]) -> list[Fault]:
    """Return what is wrong with a file, in the order of its lines; `specs` by kinds of nodes."""
    try:
        # What comes through a pipe has no name: YAML reads JSON too.
        parsed = parse(data, "stdin.yaml" if name == STDIN else name)
    except InvalidDocument as error:
        return [Fault(name, error.line or 1, error.column or 1, error.message, error.path or "")]
    found = DocumentCheck(specs, CelConditions()).faults(parsed.value, parsed=parsed)
    faults = [
        Fault(
            name,
            one.line or 1,
            one.column or 1,
            one.message,
            path_of(one.steps),
            # A file may be made for a later version, or for Northflank as well.
            "warning" if one.cannot_be_run else "error",
        )
        for one in found
    ]
    if (words := notice_of(parsed.value)) is not None:
        at = place_within(parsed, (GITOPS,), 0, key=True)
        faults.append(Fault(name, at.line, at.column, words, severity="warning"))
    return sorted(faults, key=lambda one: (one.line, one.column))


def _line(fault: Fault) -> str:
    where = f"{fault.path}: " if fault.path else ""
    warning = "warning: " if fault.severity == "warning" else ""
    words = harmless(f"{warning}{where}{fault.message}")
    return f"{fault.file}:{fault.line}:{fault.column}: {words}"


def _annotation(fault: Fault) -> str:
    """Write a workflow command of GitHub Actions, with its escapes.

    https://docs.github.com/actions/reference/workflow-commands-for-github-actions
    """
    where = f"{fault.path}: " if fault.path else ""
    file = _escaped(fault.file).replace(":", "%3A").replace(",", "%2C")
    message = _escaped(harmless(f"{where}{fault.message}"))
    return f"::{fault.severity} file={file},line={fault.line},col={fault.column}::{message}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
