"""Strings with expressions: what they mean, and where a fault is."""

from __future__ import annotations

import pytest

from ebbflow.domain.expression import ExpressionError, parse, print_string
from ebbflow.domain.expression.limits import MAX_LENGTH, MAX_NESTING
from ebbflow.domain.expression.syntax import (
    Arrow,
    Call,
    Hole,
    Literal,
    Path,
    Regex,
    SecretKey,
    Text,
    Variable,
)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        pytest.param("", [], id="empty"),
        pytest.param("plain $5 {x} $ \\", [Text("plain $5 {x} $ \\")], id="other-dollars-are-text"),
        pytest.param("\\${args.X}", [Text("${args.X}")], id="escaped-by-backslash"),
        pytest.param("$${args.X}", [Text("${args.X}")], id="escaped-by-dollar"),
        pytest.param("\\\\${x}", [Text("\\${x}")], id="only-the-last-backslash-escapes"),
        pytest.param("\\${{ github.sha }}", [Text("${{ github.sha }}")], id="escaped-double-braces"),
        pytest.param("${args.X}", [Hole(Path("args", ("X",)))], id="one-expression"),
        pytest.param("a${args.X}b", [Text("a"), Hole(Path("args", ("X",))), Text("b")], id="inside-of-text"),
        pytest.param("${ args.X }", [Hole(Path("args", ("X",)))], id="spaces"),
        pytest.param("${refs.my-svc.ports.0.dns}", [Hole(Path("refs", ("my-svc", "ports", "0", "dns")))], id="index-by-number"),
        pytest.param("${refs.a['b/c'][0]}", [Hole(Path("refs", ("a", "b/c", "0")))], id="brackets"),
        pytest.param("${loop.item}", [Hole(Path("loop", ("item",)))], id="loop"),
        pytest.param("${secrets.a.values.b}", [Hole(Path("secrets", ("a", "values", "b")))], id="secret"),
        pytest.param("${{secrets.a.values.b}}", [SecretKey("a", "b")], id="secret-key"),
        pytest.param("${{ secrets.a.values.tls.crt }}", [SecretKey("a", "tls.crt")], id="secret-key-with-a-point"),
        pytest.param("${{secrets.a.files.cert.data}}", [SecretKey("a", "cert")], id="secret-file"),
        pytest.param("${template.args.X}", [Hole(Path("args", ("X",)), 1)], id="outside-of-a-nested-document"),
        pytest.param("${template.fn.not(template.args.X)}", [Hole(Call("not", (Path("args", ("X",)),)), 1)], id="template-again-inside"),
        pytest.param("${3}", [Hole(Literal(3))], id="number"),
        pytest.param("${'a'}${\"b\"}", [Text("ab")], id="strings-become-text"),
        pytest.param("${fn.f(1.5, -2, true, null, 'it\\'s', \"\\u00e9\\x41\\ud83d\\ude80\")}", [Hole(Call("f", (Literal(1.5), Literal(-2), Literal(True), Literal(None), Literal("it's"), Literal("éA🚀"))))], id="literals"),
        pytest.param("${fn.f('}')}", [Hole(Call("f", (Literal("}"),)))], id="brace-in-a-string"),
        pytest.param("${fn.f(/[/}]\\/{2}/gi)}", [Hole(Call("f", (Regex("[/}]\\/{2}", "gi"),)))], id="regex"),
        pytest.param("${fn.f((x, i) => fn.g(x.a, i))}", [Hole(Call("f", (Arrow(("x", "i"), Call("g", (Variable("x", ("a",)), Variable("i")))),)))], id="arrow"),
        pytest.param("${fn.f(x => x, () => 1)}", [Hole(Call("f", (Arrow(("x",), Variable("x")), Arrow((), Literal(1)))))], id="arrow-without-parentheses-or-parameters"),
        pytest.param("${fn.f().a.0}", [Hole(Call("f", (), ("a", "0")))], id="field-of-a-result"),
        pytest.param("${fn.f(fn.randomSecret(1), fn.randomSecret(1))}", [Hole(Call("f", (Call("randomSecret", (Literal(1),)), Call("randomSecret", (Literal(1),), ordinal=1))))], id="random-secrets-are-numbered"),
    ],
)  # fmt: skip
def test_a_string_is_read_as_text_and_expressions(text: str, parts: list[object]) -> None:
    assert list(parse(text).parts) == parts
    assert parse(print_string(parse(text))) == parse(text)


@pytest.mark.parametrize(
    ("text", "offset", "words"),
    [
        pytest.param("a${", 3, "the string ends here", id="cut-off"),
        pytest.param("${args.X", 8, "expected }", id="no-closing-brace"),
        pytest.param("${}", 2, "expected a value", id="nothing"),
        pytest.param("${HOME}", 2, 'unknown name "HOME"', id="shell-variable"),
        pytest.param("${HOME}", 2, "a literal ${ is written \\${", id="shell-variable-told-how-to-write"),
        pytest.param("${argz.X}", 2, "did you mean args?", id="misspelled-root"),
        pytest.param("${args}", 2, "args needs a name", id="root-alone"),
        pytest.param("${args.}", 7, "expected a name behind the point", id="no-name"),
        pytest.param("${args.é}", 7, "expected a name behind the point", id="letters-of-other-scripts"),
        pytest.param("${args.A + 1}", 9, "no operator +; write fn.add", id="operator"),
        pytest.param("${args.A == 'x'}", 9, "no operator ==; write fn.eq", id="comparison"),
        pytest.param("${args.A ? 1 : 2}", 9, "fn.if", id="ternary"),
        pytest.param("${!args.A}", 2, "fn.not", id="negation"),
        pytest.param("${fn.}", 5, "the name of a function", id="no-function-name"),
        pytest.param("${fn.slug}", 9, "expected ( behind fn.slug", id="no-parentheses"),
        pytest.param("${fn.slug(args.A}", 16, "a comma or )", id="parenthesis-missing"),
        pytest.param("${fn.slug(args.A args.B)}", 17, "a comma or )", id="comma-missing"),
        pytest.param("${fn.slug(args.A,)}", 17, "expected a value", id="comma-too-many"),
        pytest.param("${fn.slug('a)}", 10, "the string has no end", id="string-without-end"),
        pytest.param("${fn.slug('a\\d')}", 12, "unknown escape", id="unknown-escape"),
        pytest.param("${fn.slug('\\ud800')}", 10, "surrogate", id="half-a-character"),
        pytest.param("${fn.slug('\\u0000')}", 10, "NUL", id="nul"),
        pytest.param("${fn.slug(01)}", 10, "expected a number", id="leading-zero"),
        pytest.param("${fn.slug(9223372036854775808)}", 10, "64 bits", id="integer-too-large"),
        pytest.param("${fn.slug(1e999)}", 10, "too large", id="number-too-large"),
        pytest.param("${fn.search(args.A, /a)}", 20, "a closing / is missing", id="regex-without-end"),
        pytest.param("${fn.search(args.A, /(?=a)/)}", 20, "lookaround", id="lookahead"),
        pytest.param("${fn.search(args.A, /(a)\\1/)}", 20, "backreferences", id="backreference"),
        pytest.param("${fn.search(args.A, /a/y)}", 20, "flags", id="regex-flag"),
        pytest.param("${/a/}", 2, "argument of a function", id="regex-alone"),
        pytest.param("${(x) => x}", 2, "argument of a function", id="arrow-alone"),
        pytest.param("${fn.map(args.A, (a, b, c) => a)}", 17, "at most two parameters", id="three-parameters"),
        pytest.param("${fn.map(args.A, (a, a) => a)}", 17, "different names", id="parameter-twice"),
        pytest.param("${fn.map(args.A, (args) => 1)}", 18, "cannot be the name", id="reserved-parameter"),
        pytest.param("${fn.map(args.A, (a) => b)}", 24, 'unknown name "b"', id="unknown-variable"),
        pytest.param("${fn.map(fn.map(args.A, (a) => a), (b) => a)}", 42, 'unknown name "a"', id="variable-out-of-its-function"),
        pytest.param("${refs.a[-1]}", 9, "from 0 on", id="negative-index"),
        pytest.param("${{ github.sha }}", 4, "only secrets.NAME.values.KEY", id="other-double-braces"),
        pytest.param("${{secrets.a}}", 3, "expected secrets.NAME.values.KEY", id="secret-key-incomplete"),
        pytest.param("${{secrets.a.values.b}", 21, "expected }}", id="secret-key-without-end"),
        pytest.param("${fn.not(template.args.A)}", 9, "in front of the whole expression", id="template-inside"),
        pytest.param("${template.template.fn.not(template.args.A)}", 27, "as often as in front", id="template-once-too-few"),
    ],
)  # fmt: skip
def test_a_fault_is_reported_with_its_place(text: str, offset: int, words: str) -> None:
    with pytest.raises(ExpressionError) as error:
        parse(text)
    assert words in error.value.message
    assert error.value.offset == offset


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        pytest.param("${" + "fn.not(" * (MAX_NESTING + 1) + "1" + ")" * (MAX_NESTING + 1) + "}", "nesting", id="nesting"),
        pytest.param("${" + "fn.not(" * 100_000, "nesting", id="nesting-without-end"),
        pytest.param("${" + "fn.map(1,(x)=>" * 100_000, "nesting", id="arrows"),
        pytest.param("${fn.slug('" + "a" * MAX_LENGTH + "')}", "length", id="length"),
        pytest.param("${" + "template." * 9 + "args.A}", "levels", id="levels"),
        pytest.param("${fn.search('a', /" + "a" * 1001 + "/)}", "pattern", id="pattern"),
    ],
)  # fmt: skip
def test_an_expression_that_is_too_large_is_refused_by_its_limit(text: str, limit: str) -> None:
    with pytest.raises(ExpressionError) as error:
        parse(text)
    assert error.value.limit == limit


def test_a_long_text_around_an_expression_is_no_long_expression() -> None:
    assert len(parse("x" * 100_000 + "${args.A}" + "x" * 100_000).parts) == 3
