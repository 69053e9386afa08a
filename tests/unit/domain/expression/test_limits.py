"""Nothing that a document says takes long or grows large."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ebbflow.domain.expression import Budget, ExpressionError, Limits, render
from tests.support.expressions import example_scope

MANY = list(range(2000))
LONG = "a" * 200_000
SECONDS = 3.0  # of processor time; each is done in a fraction of it


def nest(expression: str, times: int) -> str:
    """Make each item an array of the arrays before: the result doubles each time."""
    for _ in range(times):
        expression = f"fn.map(fn.concat({expression}, {expression}), (x) => x)"
    return expression


@pytest.mark.parametrize(
    ("expression", "limit"),
    [
        pytest.param("fn.map(args.MANY, (a) => fn.map(args.MANY, (b) => fn.add(a, b)))", "steps", id="loops-in-loops"),
        pytest.param("fn.replaceAll(args.LONG, 'a', args.LONG)", "output", id="replacement"),
        pytest.param("fn.replaceAll(args.LONG, 'a', '$`$`$`$`')", "output", id="replacement-by-what-is-around"),
        pytest.param("fn.join(args.MANY, args.LONG)", "output", id="join"),
        pytest.param("fn.length(fn.join(fn.map(args.MANY, (x) => args.LONG)))", "output", id="join-of-one-text"),
        pytest.param("fn.stringifyJSON(fn.map(args.MANY, (x) => args.LONG))", "output", id="json-of-one-text"),
        pytest.param("fn.map(args.MANY, (x) => args.MANY)", "steps", id="an-array-of-arrays"),
        pytest.param("fn.map(args.MANY, (x) => args.LONG)", "output", id="an-array-of-texts"),
        pytest.param("fn.eq(fn.map(args.MANY, (x) => args.MANY), 1)", "steps", id="comparison"),
        pytest.param(nest("args.MANY", 7), "steps", id="doubling-at-each-level"),
        pytest.param("fn.length(fn.replaceAll(args.LONG, /a|a.*b/, 'x'))", "matching", id="matches-that-look-far-ahead"),
        pytest.param("fn.replaceAll(args.LONG, /a.*b|a/, 'x')", "matching", id="matches-that-look-far-ahead-first"),
        pytest.param("fn.split(args.LONG, /(?:a?){400}b/)", "matching", id="large-pattern"),
        pytest.param("fn.parseJSON(args.DEEP)", None, id="deep-json"),
        pytest.param("args.NESTED", "nesting", id="deep-value"),
        pytest.param("fn.stringifyJSON(args.NESTED)", "nesting", id="deep-value-as-json"),
    ],
)  # fmt: skip
def test_an_expression_ends_by_its_limit(expression: str, limit: str | None) -> None:
    nested: Any = 1
    for _ in range(500):
        nested = [nested]
    args = {"MANY": MANY, "LONG": LONG, "DEEP": "[" * 200_000, "NESTED": nested}
    scope = example_scope(args={**example_scope().args, **args})
    began = time.process_time()
    if limit is None:
        assert render("${" + expression + "}", scope, Budget()) == ""
    else:
        with pytest.raises(ExpressionError) as error:
            render("${" + expression + "}", scope, Budget())
        assert error.value.limit == limit
        assert f"{getattr(Limits(), limit):,}" in error.value.message
    assert time.process_time() - began < SECONDS


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+$", "(a|a)*$", "(a|aa)+$", "(.*a){12}$", "(?:a?){30}a{30}", "([a-z]+)*\\d", "(x+x+)+y", "^(([a-z])+.)+[A-Z]([a-z])+$"],
)  # fmt: skip
def test_patterns_that_others_never_finish_are_quick(pattern: str) -> None:
    text = "a" * 25_000 + "!"
    began = time.process_time()
    scope = example_scope(args={"T": text})
    assert render(f"${{fn.search(args.T, /{pattern}/)}}", scope, Budget()) in (-1, 0, len(text))
    assert time.process_time() - began < SECONDS


def test_a_value_with_too_many_expressions_is_refused() -> None:
    budget = Budget(Limits(expressions=3))
    with pytest.raises(ExpressionError) as error:
        render(["${args.ENV}"] * 4, example_scope(), budget)
    assert error.value.limit == "expressions"
    assert error.value.steps == (3,)


def test_a_value_nested_too_deep_is_refused() -> None:
    value: Any = "${args.ENV}"
    for _ in range(200):
        value = {"a": [value]}
    with pytest.raises(ExpressionError) as error:
        render(value, example_scope(), Budget())
    assert error.value.limit == "nesting"


def test_a_shallow_depth_is_kept_to() -> None:
    with pytest.raises(ExpressionError) as error:
        render("${fn.not(fn.not(fn.not(1)))}", example_scope(), Budget(Limits(depth=2)))
    assert error.value.limit == "depth"


def test_one_budget_is_spent_by_all_strings() -> None:
    budget = Budget()
    render({"a": "${fn.add(1, 2)}", "b": "x${args.ENV}"}, example_scope(), budget)
    assert budget.expressions == 2
    assert budget.steps >= 4
