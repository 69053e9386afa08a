"""CEL: what expressions mean, where they are wrong, and what they may not cost or see."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbflow.adapters.cel import CelConditions
from ebbflow.domain.cel import (
    MAX_LENGTH,
    CelError,
    InvalidExpression,
    NotEvaluated,
    NoValue,
)
from ebbflow.domain.cel_shape import extent_of, shape, work
from ebbflow.domain.secret import Tainted

CEL = CelConditions()
NAMES = ("args", "object")
SECRET = "canary-of-a-secret"
OBJECT = {
    "status": {
        "phase": "Bound",
        "replicas": 3,
        "conditions": [{"type": "Ready", "status": "True"}, {"type": "Live", "status": "False"}],
    },
    "spec": {"big": 2**63, "ratio": 0.5, "none": None},
}
VARIABLES: dict[str, Any] = {
    "args": {"ENV": "prod", "TOKEN": Tainted(SECRET), "list": ["a", Tainted(SECRET)]},
    "object": OBJECT,
}


def value(source: str) -> Any:
    return CEL.compile(source, NAMES).evaluate(VARIABLES)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("args.ENV == 'prod'", True),
        ("object.status.phase == 'Bound' && object.status.replicas >= 2", True),
        ("object.status.replicas", 3),
        ("object.status.conditions.exists(c, c.type == 'Ready' && c.status == 'True')", True),
        ("object.status.conditions.map(c, c.type)", ["Ready", "Live"]),
        ("object.status.conditions.filter(c, c.status == 'False')", [OBJECT["status"]["conditions"][1]]),
        ("size(object.status.conditions)", 2),
        ("has(object.status.later)", False),
        ("object.spec.none == null", True),
        ("object.spec.big > 0u", True),
        ("object.spec", OBJECT["spec"]),
        ("'2.10'.matches('^[0-9.]+$')", True),
        ("timestamp('2026-01-02T03:04:05Z')", "2026-01-02T03:04:05Z"),
        ("duration('90s')", "90s"),
        ("true || object.nothing.at.all", True),
        ("1 // a comment", 1),
    ],
)  # fmt: skip
def test_an_expression_has_the_value_that_cel_gives_it(source: str, expected: Any) -> None:
    assert value(source) == expected


@pytest.mark.parametrize(
    ("source", "column", "words"),
    [
        pytest.param("args.ENV == ", 13, "unexpected the end of the expression", id="cut off"),
        pytest.param("args.ENV ==== 'a'", 12, "unexpected '=='", id="too many signs"),
        pytest.param("arg.ENV == 'a'", 1, "no variable arg; did you mean args?", id="variable"),
        pytest.param("sizes(args) > 1", 1, "no function sizes; did you mean size?", id="function"),
        pytest.param("optional.of(1)", 1, "no variable optional", id="an extension"),
        pytest.param("has(args)", 5, "invalid argument to has() macro", id="has of no field"),
        pytest.param(
            "1 == 1 &&\n  2 == == 2", 8, "line 2, column 8: unexpected '=='", id="the second line"
        ),
    ],
)
def test_a_wrong_expression_is_refused_with_its_place(source: str, column: int, words: str) -> None:
    with pytest.raises(InvalidExpression) as caught:
        CEL.compile(source, NAMES)
    assert (caught.value.column, words in str(caught.value)) == (column, True), str(caught.value)


@pytest.mark.parametrize("source", ["", "  \n", "'" + "x" * MAX_LENGTH + "'", "(" * 500 + "1"])
def test_an_expression_that_is_empty_or_too_large_is_refused(source: str) -> None:
    with pytest.raises(InvalidExpression):
        CEL.compile(source, NAMES)


def test_comprehensions_deep_in_each_other_are_refused_where_they_begin() -> None:
    deep = "[1].all(a, [1].all(b, [1].all(c, true)))"
    with pytest.raises(InvalidExpression, match="stand 3 deep") as caught:
        CEL.compile(deep, NAMES)
    assert deep[caught.value.offset or 0 :] == "all(c, true)))"
    assert value("[1].all(a, [1].all(b, true)) && [1].all(a, true)") is True


@pytest.mark.parametrize(
    ("source", "column", "words"),
    [
        ("object.status.later == 1", 15, "there is no later; ask with has(…) first"),
        ("object.nothing.phase == 'a'", 8, "there is no nothing"),
        ("object.status.conditions[7].type == 'a'", 1, "no item of this index"),
    ],
)
def test_what_is_not_there_yet_is_told_apart(source: str, column: int, words: str) -> None:
    with pytest.raises(NoValue) as caught:
        value(source)
    assert (caught.value.column, words in str(caught.value)) == (column, True), str(caught.value)


def test_a_variable_without_a_value_is_not_there_yet() -> None:
    with pytest.raises(NoValue, match="object has no value here"):
        CEL.compile("object.status.phase == 'a'", NAMES).evaluate({})


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("object.status.phase + 1", "string"),
        ("1 / 0 == 1", "division by zero"),
        ("object.status.phase", "a text, but must be true or false"),
        ("object.status", "an object, but must be"),
        ("b'bytes'", "is not JSON"),
        ("'a'.matches('(')", ""),
    ],
)
def test_an_expression_that_does_not_fit_its_values_says_so(source: str, words: str) -> None:
    with pytest.raises(NotEvaluated) as caught:
        CEL.compile(source, NAMES).holds(VARIABLES)
    assert words in str(caught.value)


# Secrets


@pytest.mark.parametrize(
    "source",
    [
        "args.TOKEN == 'a'",
        "args['TOKEN'] == 'a'",
        "size(args.TOKEN) == 18",
        "args.list[1]",
        "has(args.TOKEN) && args.TOKEN.startsWith('c')",
    ],
)
def test_an_expression_that_names_a_secret_is_refused(source: str) -> None:
    with pytest.raises(NotEvaluated, match="is a secret") as caught:
        value(source)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("has(args.TOKEN)", True),
        ("args.ENV", "prod"),
        ("size(args)", 3),
        ("args", {"ENV": "prod", "TOKEN": None, "list": ["a", None]}),
        ("args.map(k, args[k]).size()", 3),
    ],
)
def test_a_secret_is_null_to_every_other_expression(source: str, expected: Any) -> None:
    assert value(source) == expected


@pytest.mark.hypothesis
@given(st.text(alphabet=st.sampled_from("args.TOKENlistENV[]()'\"kmap,=!& 01"), max_size=40))
def test_no_expression_brings_a_secret_out(source: str) -> None:
    try:
        result = repr(value(source))
    except CelError as error:
        result = str(error)
    assert SECRET not in result


# Cost


def test_the_work_of_an_expression_grows_with_lists_and_depth() -> None:
    extent = extent_of({"l": list(range(1000))})
    flat = work(shape("l.all(x, x > 1)"), extent)
    assert work(shape("l.all(x, l.all(y, x > y))"), extent) > 900 * flat
    assert extent_of("x" * 64).values == 3


@pytest.mark.parametrize(
    "source",
    [
        "object.all(x, object.all(y, x == y))",
        "object.all(x, object == object)",
        "object.map(x, object).size() > 0",
        "object.filter(x, x > 1).size() > 0",
        "object.all(x, 'a'.matches('(a|b)*'))",
        pytest.param("[1]" + ".map(y, [y, y])" * 40, id="a chain that doubles a list"),
        pytest.param("['a']" + ".map(y, y + y)" * 40, id="a chain that doubles a text"),
    ],
)
def test_what_would_take_too_long_is_not_begun(source: str) -> None:
    with pytest.raises(NotEvaluated, match="could take too long"):
        CEL.compile(source, NAMES).evaluate({"object": list(range(20_000))})


@pytest.mark.parametrize(
    "source",
    [
        "object.status.conditions.exists(c, c.type == 'Ready' && c.status == 'True')",
        "object.items.all(p, p.conditions.exists(c, c.type == 'Ready' && c.status == 'True'))",
        "object.items.filter(p, p.name.startsWith('a')).map(p, p.name + ':' + p.image).size() > 0",
        "object.items.map(p, p.name).exists(n, n in object.status.names)",
    ],
)
def test_what_people_write_is_well_within_the_limit(source: str) -> None:
    pods = [{"name": f"a{i}", "image": "b:1", "conditions": OBJECT["status"]["conditions"]} for i in range(40)]  # fmt: skip
    live = {"items": pods, "status": {**OBJECT["status"], "names": ["a1"]}}
    assert CEL.compile(source, NAMES).holds({"object": live}) in (True, False)


def test_one_pass_over_a_long_list_is_fine() -> None:
    items = [{"ready": True} for _ in range(2_000)]
    assert CEL.compile("object.all(x, x.ready)", NAMES).holds({"object": items})


def test_what_is_not_read_costs_nothing() -> None:
    huge = {"args": {"ENV": "prod"}, "object": list(range(200_000))}
    assert CEL.compile("args.ENV == 'prod'", NAMES).holds(huge)


@pytest.mark.hypothesis
@given(st.text(max_size=200) | st.text(alphabet="()[]{}.!&|=<>'\"\\ \nab1,?:", max_size=200))
def test_any_text_is_an_expression_or_an_error_for_people(source: str) -> None:
    said: CelError | None = None
    try:
        CEL.compile(source, NAMES).evaluate(VARIABLES)
    except CelError as error:
        said = error
    assert said is None or (str(said).isprintable() and 0 <= (said.offset or 0) <= len(source))
