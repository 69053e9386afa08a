"""`ebbflow lint`: what is wrong with document files, each fault with its line and column."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sized
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal, cast

import click

from ebbflow.adapters.cel import CelConditions
from ebbflow.cli.output import harmless, print_value
from ebbflow.cli.problem import Problem
from ebbflow.domain.cel import CelError
from ebbflow.domain.document import InvalidDocument, ParsedDocument, parse
from ebbflow.domain.document.inner import place_within
from ebbflow.domain.document.path import Step, path_of, steps_of
from ebbflow.domain.expression import check
from ebbflow.domain.runs.tree import Node, Task, build_teardown, build_tree, nodes_of
from ebbflow.services.nodes.registry import Ports, node_kinds
from ebbflow.services.nodes.spec import NodeSpec, static_faults
from ebbflow.services.run_judge import CEL_VARIABLES

ENDINGS: Final = (".yaml", ".yml", ".json")
STDIN: Final = "-"
BEGIN: Final = "${"

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
        return sorted(
            _Checked(name, parsed, specs).faults(), key=lambda one: (one.line, one.column)
        )
    except InvalidDocument as error:
        return [Fault(name, error.line or 1, error.column or 1, error.message, error.path or "")]


@dataclass(frozen=True, slots=True)
class _Checked:
    """A file whose structure is sound."""

    name: str
    parsed: ParsedDocument
    specs: dict[str, type[NodeSpec]]

    def faults(self) -> Iterator[Fault]:
        """Yield what is wrong with expressions, nodes and conditions."""
        document = self.parsed.value
        for problem in check(document, parsed=self.parsed):
            line, column = problem.line or 1, problem.column or 1
            yield Fault(self.name, line, column, problem.message, problem.path)
        for node in self._nodes(document):
            yield from self._node(node)

    def _nodes(self, document: dict[str, Any]) -> Iterator[Node]:
        try:
            yield from nodes_of(build_tree(document))
            teardown = build_teardown(document)
        except InvalidDocument as error:
            steps = steps_of(error.path or "")
            place = place_within(self.parsed, steps, 0)
            raise InvalidDocument(
                error.message, line=place.line, column=place.column, path=error.path
            ) from None
        if teardown is not None:
            yield from nodes_of(teardown.tree)

    def _node(self, node: Node) -> Iterator[Fault]:
        envelope = node.envelope
        steps = steps_of(envelope.where)
        if envelope.when is not None:
            yield from self._condition(envelope.when, (*steps, "when"), CEL_VARIABLES)
        if not isinstance(node, Task):
            return
        spec = self.specs.get(envelope.kind)
        if spec is None:
            message = f"nodes of kind {envelope.kind} cannot be run (yet)"
            yield self._at((*steps, "kind"), message, severity="warning")
            return
        for location, message in static_faults(spec, node.spec):
            yield self._at((*steps, "spec", *location), message)
        until = node.spec.get("until")
        if isinstance(until, str) and BEGIN not in until:
            yield from self._condition(until, (*steps, "spec", "until"), ("object",))

    def _condition(
        self, source: str, steps: tuple[Step, ...], variables: tuple[str, ...]
    ) -> Iterator[Fault]:
        try:
            CelConditions().compile(source, variables)
        except CelError as error:
            yield self._at(steps, error.problem, error.offset or 0)

    def _at(
        self,
        steps: tuple[Step, ...],
        message: str,
        offset: int = 0,
        severity: Severity = "error",
    ) -> Fault:
        place = place_within(self.parsed, steps, offset)
        return Fault(self.name, place.line, place.column, message, path_of(steps), severity)


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
