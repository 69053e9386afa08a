"""Targets: what is in repositories and in objects."""

from __future__ import annotations

from contextlib import suppress

from ebbflow.adapters.cel import CelConditions
from ebbflow.domain.cel import CelError
from ebbflow.domain.document import InvalidDocument, parse, read
from ebbflow.domain.expression import Budget, ExpressionError, render
from ebbflow.domain.expression import parse as parse_expression
from ebbflow.domain.expression.printer import print_string
from ebbflow.domain.foreign_json import read_foreign
from ebbflow.domain.writeback import CannotEdit, create, edit
from tests.fuzz.target import Target, text_of
from tests.support.expressions import example_scope

SCOPE = example_scope()
CEL = CelConditions()


def yaml_file(data: bytes) -> None:
    _file(data, "file.yaml")


def json_file(data: bytes) -> None:
    _file(data, "file.json")


def _file(data: bytes, path: str) -> None:
    """A file that is taken is left alone by an edit that changes nothing, and can be edited."""
    with suppress(InvalidDocument):
        parse(data, path)
    with suppress(InvalidDocument, CannotEdit):
        value = read(data, path).value
        assert edit(data, path, value) == data
        wanted = {**value, "added": {"list": ["a: b", 1, None, "\n x\n"]}}
        assert read(edit(data, path, wanted), path).value["added"] == wanted["added"]


def written_document(data: bytes) -> None:
    """What is written for an object is read as that object."""
    with suppress(InvalidDocument, CannotEdit):
        value = read(data, "file.json").value
        for path in ("file.yaml", "file.json"):
            again = read(create(value, path), path).value
            assert edit(create(again, path), path, value) == create(again, path)


def expression(data: bytes) -> None:
    """What is printed of an expression is read as the same, and evaluation ends."""
    text = text_of(data)
    with suppress(ExpressionError):
        printed = print_string(parse_expression(text))
        assert print_string(parse_expression(printed)) == printed
    with suppress(ExpressionError):
        render(text, SCOPE, Budget())


def cel_condition(data: bytes) -> None:
    with suppress(CelError):
        condition = CEL.compile(text_of(data), ("object", "args"))
        condition.evaluate({"object": {"status": {"ready": True}}, "args": {"n": 1}})


def annotation(data: bytes) -> None:
    read_foreign(text_of(data), 2048)


TARGETS = (
    Target("yaml_file", yaml_file),
    Target("json_file", json_file),
    Target("written_document", written_document),
    Target("expression", expression, max_bytes=1024),
    Target("cel_condition", cel_condition, max_bytes=512),
    Target("annotation", annotation),
)
