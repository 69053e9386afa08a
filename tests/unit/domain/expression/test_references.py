"""What a value names, and arguments that name each other."""

from __future__ import annotations

from typing import Any

import pytest

from ebbflow.domain.expression import (
    Budget,
    ExpressionError,
    References,
    references,
    resolve_arguments,
)
from tests.support.expressions import example_scope


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("text \\${args.A}", References(), id="none"),
        pytest.param({"a": ["${args.A}${args.B.x}"]}, References(args=frozenset("AB")), id="arguments"),
        pytest.param({"${args.K}": 1}, References(args=frozenset("K")), id="key"),
        pytest.param("${refs.db.status.0.ip}", References(refs=frozenset({("db", "status", "0", "ip")})), id="output"),
        pytest.param("${fn.map(refs.db.list, (x) => fn.eq(x.a, refs.api.id))}", References(refs=frozenset({("db", "list"), ("api", "id")})), id="in-functions"),
        pytest.param("${fn.get(refs.db.status, 'a.b[0]').c}", References(refs=frozenset({("db", "status", "a", "b", "0", "c")})), id="get-with-a-fixed-path"),
        pytest.param("${fn.get(refs.db, args.A)}", References(args=frozenset("A"), refs=frozenset({("db",)})), id="get-with-any-path"),
        pytest.param("${secrets.a.values.b}${secrets.c.files.d.data}", References(secrets=frozenset({("a", "b"), ("c", "d")})), id="secrets"),
        pytest.param("${fn.get(secrets.a, 'values.b')}${fn.fetchSecret('c')}", References(secrets=frozenset({("a", None), ("c", None)})), id="whole-secrets"),
        pytest.param("${fn.fetchSecret(args.A)}", References(args=frozenset("A"), fetches=True), id="secrets-by-any-name"),
        pytest.param("${{secrets.a.values.b}}", References(secret_keys=frozenset({("a", "b")})), id="secret-keys"),
        pytest.param("${loop.item}${fn.randomSecret(4)}", References(loop=True, random=True), id="loop-and-random"),
        pytest.param({"kind": "Template", "spec": {"document": {"a": "${args.A} ${template.args.B} ${{secrets.a.values.b}}"}}}, References(args=frozenset("B")), id="a-document-inside"),
    ],
)  # fmt: skip
def test_what_a_value_names(value: Any, expected: References) -> None:
    assert references(value) == expected


def test_arguments_are_resolved_behind_those_that_they_name() -> None:
    arguments = {"A": "${fn.toUpper(args.B)}!", "B": "${args.C}", "C": "x", "D": ["${args.C}"]}
    resolved = resolve_arguments(arguments, {}, example_scope(), Budget())
    assert resolved == {"A": "X!", "B": "x", "C": "x", "D": ["x"]}
    assert list(resolved) == list(arguments)


def test_what_is_given_wins_and_is_never_an_expression() -> None:
    arguments = {"A": "${args.B}", "B": "default"}
    given = {"B": "${secrets.db.values.password}", "NEW": 1}
    resolved = resolve_arguments(arguments, given, example_scope(), Budget())
    assert resolved == {"A": given["B"], "B": given["B"], "NEW": 1}


def test_a_given_argument_ends_a_circle() -> None:
    arguments = {"A": "${args.B}", "B": "${args.A}"}
    assert resolve_arguments(arguments, {"A": 1}, example_scope(), Budget()) == {"A": 1, "B": 1}
    with pytest.raises(ExpressionError, match="need each other"):
        resolve_arguments(arguments, {}, example_scope(), Budget())


def test_an_argument_that_names_nothing_is_an_error_with_its_path() -> None:
    with pytest.raises(ExpressionError, match='no argument "B"') as error:
        resolve_arguments({"A": "${args.B}"}, {}, example_scope(), Budget())
    assert error.value.steps == ("arguments", "A")
