"""Whatever stands in a string: reading and evaluating it ends, by a value or by an ExpressionError."""

from __future__ import annotations

import json
import time
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ebbflow.domain.expression import (
    Budget,
    ExpressionError,
    Known,
    Limits,
    Scope,
    check,
    escape,
    parse,
    print_expression,
    print_string,
    references,
    render,
)
from ebbflow.domain.expression.functions import FUNCTIONS, Kind
from ebbflow.domain.expression.syntax import (
    Arrow,
    Call,
    Hole,
    Interpolation,
    Literal,
    Path,
    Regex,
    SecretKey,
    Text,
    Variable,
)
from ebbflow.domain.expression.values import unwrap
from ebbflow.domain.secret import Tainted
from tests.support.expressions import example_scope

SMALL = Limits(expressions=50, steps=2000, output=20_000, matching=2_000_000)
SECONDS = 2.0  # of processor time for one example; most take a thousandth
CANARY = "cAnArY-93417"

# Pieces that mean something to the language, so that random text gets somewhere.
pieces = st.sampled_from(
    ["${", "}", "{", "$", "\\", "$$", "\\${", "${{", "}}", "(", ")", ",", ".", "[", "]", "'", '"', "/", " ", "=>", "\n",
     "args", "args.ENV", "args.HOSTS", "refs.db.status", "secrets.db.values.user", "loop.item", "loop.index", "template.",
     "fn.", "(x) => x", "(x, i) =>", "x", "i", "0", "-1", "1.5", "1e9", "true", "null", "'a'", "'$1'", "/a+/g", "/(/", "é", "🚀", "\ud800"]
    + [f"fn.{function.name}(" for function in FUNCTIONS]
)  # fmt: skip
texts = st.lists(pieces, max_size=25).map("".join) | st.text(max_size=60)


def _sound(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


step = st.text(min_size=1, max_size=6).filter(lambda text: _sound(text) and "." not in text)
plain_text = st.text(max_size=12).filter(_sound)
steps = st.lists(step, min_size=1, max_size=3).map(tuple)
literals = st.one_of(
    plain_text,
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.none(),
).map(Literal)
paths = st.builds(Path, st.sampled_from(["args", "refs", "secrets", "loop"]), steps)
names = st.sampled_from([function.name for function in FUNCTIONS if function.name != "randomSecret"])  # fmt: skip
regexes = st.builds(Regex, st.sampled_from(["a+", "[/]", "\\/", "^x|y$"]), st.sampled_from(["", "g", "im"]))  # fmt: skip


def calls(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    arrow = st.builds(Arrow, st.sampled_from([(), ("x",), ("x", "i")]), inner)
    body = st.builds(Arrow, st.just(("x", "i")), st.builds(Variable, st.sampled_from("xi"), steps))
    arguments = st.lists(inner | regexes | arrow | body, max_size=3).map(tuple)
    return st.builds(Call, names, arguments, st.just(()) | steps)


expressions = st.recursive(literals | paths, calls, max_leaves=8)
holes = st.builds(Hole, expressions, st.integers(0, 2)).filter(
    lambda hole: not (isinstance(hole.expression, Literal) and isinstance(hole.expression.value, str))
)  # fmt: skip
keys = st.builds(SecretKey, step, step)


def interpolation(parts: list[Any]) -> Interpolation:
    """Join neighbouring texts, as the parser does."""
    joined: list[Any] = []
    for part in parts:
        if isinstance(part, Text) and joined and isinstance(joined[-1], Text):
            joined[-1] = Text(joined[-1].value + part.value)
        else:
            joined.append(part)
    return Interpolation(tuple(joined))


text_parts = (st.text("ab$\\{}' ", min_size=1) | plain_text.filter(bool)).map(Text)
strings = st.lists(text_parts | holes | keys, max_size=5).map(interpolation)


@given(strings)
def test_what_is_printed_is_read_back(string: Interpolation) -> None:
    assert parse(print_string(string)) == string


@given(expressions)
def test_an_expression_that_is_printed_is_read_back(expression: Any) -> None:
    (part,) = parse("a${" + print_expression(expression) + "}").parts[1:] or (Text(""),)
    if isinstance(expression, Literal) and isinstance(expression.value, str):
        assert parse("${" + print_expression(expression) + "}") == interpolation(
            [Text(expression.value)] if expression.value else []
        )
    else:
        assert part == Hole(expression)


@given(st.text("ab$\\{}' ") | st.text())
def test_an_escaped_text_is_that_text(text: str) -> None:
    assert render(escape(text), example_scope(), Budget()) == text


def outcome(value: Any, scope: Scope) -> Any:
    """Return what rendering gives: a value, or the ExpressionError."""
    try:
        return render(value, scope, Budget(SMALL))
    except ExpressionError as error:
        return error


def read(text: str) -> Interpolation | ExpressionError:
    try:
        return parse(text)
    except ExpressionError as error:
        return error


@given(texts)
def test_reading_a_string_ends_in_a_tree_or_an_expression_error(text: str) -> None:
    match read(text):
        case ExpressionError(offset=int(offset)):
            assert 0 <= offset <= len(text)
        case Interpolation() as string:
            assert parse(print_string(string)) == string
            references(text)
        case other:
            raise AssertionError(other)


@given(texts)
def test_evaluating_ends_in_a_value_or_an_expression_error(text: str) -> None:
    began = time.process_time()
    outcome({"a": [text, {text: 1}]}, example_scope())
    assert time.process_time() - began < SECONDS


STRINGS = [Path("args", ("KEY",)), Path("args", ("ENV",)), Path("secrets", ("db", "values", "user")), Path("refs", ("made", "list", "0"))]  # fmt: skip
ARRAYS = [Path("args", ("HOSTS",)), Path("refs", ("made", "list"))]
OBJECTS = [Path("args", ("LABELS",)), Path("refs", ("made",)), Path("secrets", ("db",))]
NUMBERS = [Path("args", ("REPLICAS",)), Path("args", ("COUNT",)), Literal(0), Literal(2), Literal(-1.5)]  # fmt: skip
LEAVES: dict[Kind, list[Any]] = {
    Kind.STRING: [*STRINGS, Literal(""), Literal("a.example")],
    Kind.MATCH: [*STRINGS, Literal("a"), Regex("[a-e]|$", ""), Regex("(.)\\.?", "g")],
    Kind.NUMBER: NUMBERS,
    Kind.INTEGER: [number for number in NUMBERS if number != Literal(-1.5)],
    Kind.ARRAY: ARRAYS,
    Kind.OBJECT: OBJECTS,
    Kind.COLLECTION: [*ARRAYS, *OBJECTS],
    Kind.ANY: [*STRINGS, *ARRAYS, *OBJECTS, *NUMBERS, Literal(None), Path("args", ("NO",))],
    Kind.BOOLEAN: [*STRINGS, *NUMBERS, Literal(False), Path("refs", ("made", "no"))],
}


@st.composite
def typed(draw: st.DrawFn, kind: Kind, depth: int, inside: tuple[Any, ...] = ()) -> Any:
    """Draw an expression that fits a parameter, so that most of them have a value."""
    if kind is Kind.CALLBACK:
        body = draw(typed(Kind.ANY, depth - 1, (Variable("x"), Variable("i"))))
        return Arrow(("x", "i"), body)
    makers = [each for each in FUNCTIONS if each.returns is kind or each.returns is Kind.ANY]
    if depth <= 0 or not makers or draw(st.integers(0, 2)) == 0:
        return draw(st.sampled_from([*inside, *LEAVES[kind]] if kind in FREE else LEAVES[kind]))
    function = draw(st.sampled_from(makers))
    count = draw(st.integers(function.fewest, function.most or 3))
    arguments = (
        draw(typed(function.parameter(index).kind, depth - 1, inside)) for index in range(count)
    )
    return Call(function.name, tuple(arguments))


FREE = (Kind.ANY, Kind.BOOLEAN, Kind.STRING)
sensible = st.sampled_from([Kind.STRING, Kind.NUMBER, Kind.ARRAY, Kind.ANY, Kind.BOOLEAN]).flatmap(
    lambda kind: typed(kind, 3)
)


def scope_with(secret: str) -> Scope:
    """Return a scope that has the secret in every place that can hold one."""
    tainted = Tainted(secret)
    return example_scope(
        args={**example_scope().args, "KEY": tainted, "COUNT": Tainted(len(secret))},
        refs={"made": {"kind": "Secret", "list": [tainted, "x"]}},
        secrets=lambda _name: {"user": tainted},
        random_secrets=lambda _request: tainted,
    )


def written(expression: Any) -> str:
    return "${" + print_expression(expression) + "}"


@given(expressions | sensible)
def test_any_expression_ends_in_a_json_value_or_an_expression_error(expression: Any) -> None:
    began = time.process_time()
    value = outcome(written(expression), scope_with("x"))
    if isinstance(value, ExpressionError):
        assert value.offset is not None or value.limit is not None
    else:
        json.dumps(unwrap(value, Budget()).value, allow_nan=False)
    assert time.process_time() - began < SECONDS


@given(sensible)
def test_what_is_not_marked_secret_tells_nothing_of_a_secret(expression: Any) -> None:
    """Two worlds that differ in their secrets only look the same from outside."""
    text = written(expression)
    one, other = (
        outcome({"x": text, "y": "t" + text}, scope_with(secret)) for secret in (CANARY, "a")
    )
    assert CANARY not in repr(one) + str(one)
    if not isinstance(one, ExpressionError) and not isinstance(other, ExpressionError):
        assert repr(one) == repr(other)


@given(texts)
def test_checking_ends_in_a_list(text: str) -> None:
    for problem in check(document_with({text: [text]})):
        assert problem.offset is not None
        assert problem.message


def document_with(spec: Any) -> dict[str, Any]:
    """Return a document of one node; its arguments are those of the example scope."""
    return {
        "apiVersion": "v1.2",
        "arguments": {**example_scope().args, "KEY": "", "COUNT": 3},
        "spec": {"kind": "Workflow", "spec": {"steps": [{"kind": "Manifest", "spec": spec}]}},
    }


@given(sensible)
def test_what_the_check_lets_pass_names_only_what_is_there(expression: Any) -> None:
    """What is left to fail in a run is a value, a Secret or a limit."""
    text = written(expression)
    if check(document_with({"x": text}), Known(refs=["made"])):
        return
    value = outcome(text, scope_with("x"))
    if isinstance(value, ExpressionError):
        for words in ("no argument", "no function", "wrong number", "no loop", "unknown name"):
            assert words not in value.message
