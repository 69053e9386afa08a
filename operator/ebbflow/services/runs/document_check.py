"""Everything that can be known to be wrong with a document before its first node runs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from typing_extensions import override

from ebbflow.domain.cel import CelCompiler, CelError
from ebbflow.domain.document import InvalidDocument, ParsedDocument, validate
from ebbflow.domain.document.inner import place_within
from ebbflow.domain.document.path import Step, path_of, steps_of
from ebbflow.domain.document.syntax import Json
from ebbflow.domain.expression import Known, check
from ebbflow.domain.expression.parser import BEGIN
from ebbflow.domain.first_few import SHOWN, first_few
from ebbflow.domain.runs.node_settings import settings_fault
from ebbflow.domain.runs.tree import (
    Envelope,
    Node,
    Task,
    Workflow,
    build_teardown,
    build_tree,
    nodes_of,
)
from ebbflow.services.nodes.spec import NodeSpec, static_faults
from ebbflow.services.runs.run_judge import compile_when

UNTIL: Final = "until"
"""The field of node specs that is CEL over `object`."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong. `steps` lead to it; `line` and `column`, from 1, where a file is.

    `cannot_be_run`: the document is sound, but names a kind of node that ebbflow only reads, or
    says too little of one.
    """

    message: str
    steps: tuple[Step, ...] = ()
    line: int | None = None
    column: int | None = None
    cannot_be_run: bool = False

    @override
    def __str__(self) -> str:
        where = "" if self.line is None else f"line {self.line}, column {self.column}: "
        path = path_of(self.steps)
        return f"{where}{path}: {self.message}" if path else f"{where}{self.message}"

    def within(self, file: str) -> str:
        """Return the fault as compilers print theirs, for a file of this name."""
        if self.line is None:
            return f"{file}: {self}"
        path = path_of(self.steps)
        rest = f"{path}: {self.message}" if path else self.message
        return f"{file}:{self.line}:{self.column}: {rest}"


class DocumentCheck:
    """Checks documents: structure, expressions, the specs of nodes, and conditions in CEL."""

    def __init__(self, specs: Mapping[str, type[NodeSpec]], cel: CelCompiler) -> None:
        """`specs`: what the specs of nodes must look like, by kind."""
        self._specs = specs
        self._cel = cel

    def faults(
        self,
        document: dict[str, Json],
        known: Known | None = None,
        parsed: ParsedDocument | None = None,
    ) -> tuple[Fault, ...]:
        """Return what is wrong with a document, in no more than 100 faults of each sort.

        `known`: what a run has from elsewhere. `parsed`: the file that the document
        was read from; the faults then have its lines and columns. What only a run can tell is
        not looked at.
        """
        try:
            validate(document)
            trees = _trees(document)
        except InvalidDocument as error:
            return (self._placed(parsed, error.message, steps_of(error.path or "")),)
        found = [
            Fault(one.message, one.steps, one.line, one.column)
            for one in check(document, known, parsed)
        ]
        for tree in trees:
            for node in nodes_of(tree):
                found += self._node_faults(node.envelope, node, parsed)
        return tuple(found)

    def _node_faults(
        self, envelope: Envelope, node: Node, parsed: ParsedDocument | None
    ) -> Iterator[Fault]:
        steps = steps_of(envelope.where)
        if envelope.when is not None:
            yield from self._condition(compile_when, envelope.when, (*steps, "when"), parsed)
        if (invalid := settings_fault(node)) is not None:
            yield self._placed(parsed, invalid.message, steps)
        if not isinstance(node, Task):
            return
        spec = self._specs.get(envelope.kind)
        if spec is None:
            message = (
                f"nodes of kind {envelope.kind} can be in a document, but ebbflow cannot run them; "
                "remove the node, or say the same with Manifest"
            )
            yield replace(self._placed(parsed, message, (*steps, "kind")), cannot_be_run=True)
            return
        for fault in static_faults(spec, node.spec):
            placed = self._placed(parsed, fault.message, (*steps, "spec", *fault.location))
            yield replace(placed, cannot_be_run=fault.cannot_be_run)
        until = node.spec.get(UNTIL)
        if UNTIL in spec.model_fields and isinstance(until, str) and BEGIN not in until:
            yield from self._condition(_compile_until, until, (*steps, "spec", UNTIL), parsed)

    def _condition(
        self,
        read: Callable[[CelCompiler, str], object],
        source: str,
        steps: tuple[Step, ...],
        parsed: ParsedDocument | None,
    ) -> Iterator[Fault]:
        try:
            read(self._cel, source)
        except CelError as error:
            message = str(error) if parsed is None else error.problem
            yield self._placed(parsed, message, steps, error.offset or 0)

    def _placed(
        self,
        parsed: ParsedDocument | None,
        message: str,
        steps: tuple[Step, ...],
        offset: int = 0,
    ) -> Fault:
        if parsed is None:
            return Fault(message, steps)
        at = place_within(parsed, steps, offset)
        return Fault(message, steps, at.line, at.column)


def listed(faults: Collection[Fault], file: str | None = None) -> str:
    """Return the first few faults in one sentence, with the name of the file that they are in."""
    first = [one.within(file) if file else str(one) for one in list(faults)[:SHOWN]]
    return first_few(first, len(faults))


def _compile_until(cel: CelCompiler, source: str) -> object:
    return cel.compile(source, ("object",))


def _trees(document: dict[str, Json]) -> tuple[Workflow, ...]:
    teardown = build_teardown(document)
    return (build_tree(document), *((teardown,) if teardown else ()))
