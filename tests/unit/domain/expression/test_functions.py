"""The 48 functions: the example of each, and what they do at their edges."""

from __future__ import annotations

from typing import Any

import pytest

from ebbflow.domain.expression import Budget, ExpressionError, RandomRequest, render
from ebbflow.domain.expression.functions import FUNCTIONS, Function
from ebbflow.domain.secret import Tainted
from tests.support.expressions import example_scope, plain, value_of

# As the design lists them, in its order.
NAMES = [
    "randomSecret",
    "date",
    "fetchSecret",
    "toBase64",
    "fromBase64",
    "slug",
    "indexOf",
    "search",
    "replace",
    "replaceAll",
    "slice",
    "length",
    "toUpper",
    "toLower",
    "split",
    "join",
    "not",
    "or",
    "and",
    "if",
    "eq",
    "neq",
    "gt",
    "lt",
    "gte",
    "lte",
    "add",
    "subtract",
    "multiply",
    "divide",
    "remainder",
    "exp",
    "floor",
    "ceil",
    "get",
    "stringifyJSON",
    "parseJSON",
    "entries",
    "values",
    "keys",
    "find",
    "concat",
    "some",
    "every",
    "filter",
    "map",
    "arrSlice",
    "arrLength",
]


def test_all_48_functions_are_there() -> None:
    assert [function.name for function in FUNCTIONS] == NAMES
    assert len(NAMES) == 48


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
def test_the_example_of_the_reference_is_true(function: Function) -> None:
    expression, expected = function.example
    value = plain(value_of(expression))
    assert f"fn.{function.name}(" in expression
    assert (value, type(value)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        pytest.param("fn.date()", "2025-05-14T22:00:00.000Z", id="date-iso"),
        pytest.param("fn.toBase64(8080)", "ODA4MA==", id="numbers-are-text"),
        pytest.param("fn.fromBase64('_-8')", None, id="not-utf-8"),
        pytest.param("fn.fromBase64('aGk')", "hi", id="padding-may-be-missing"),
        pytest.param("fn.fromBase64('a')", None, id="not-base64-by-length"),
        pytest.param("fn.fromBase64('a*')", None, id="not-base64-by-letter"),
        pytest.param("fn.slug('  --Ünïcode  __ Ða 7 ')", "unicode-a-7", id="slug-keeps-letters-and-digits"),
        pytest.param("fn.slug('')", "", id="slug-of-nothing"),
        pytest.param("fn.indexOf('abc', 'd')", -1, id="index-of-absent"),
        pytest.param("fn.indexOf('🚀a', 'a')", 1, id="index-counts-characters"),
        pytest.param("fn.search('a.b', '.')", 1, id="search-for-a-string-is-literal"),
        pytest.param("fn.search('🚀é7', /\\d/)", 2, id="search-counts-characters"),
        pytest.param("fn.search('abc', /B/)", -1, id="search-absent"),
        pytest.param("fn.search('abc', /B/i)", 1, id="search-ignores-case"),
        pytest.param("fn.search('a\nb', /^b/m)", 2, id="search-by-lines"),
        pytest.param("fn.search('é', /\\u00e9/)", 0, id="javascript-escapes"),
        pytest.param("fn.search('é', /\\u{e9}/u)", 0, id="javascript-escapes-of-any-length"),
        pytest.param("fn.replace('a-b-c', '-', '$$')", "a$b-c", id="replace-first"),
        pytest.param("fn.replace('a-b-c', /-/g, '+')", "a+b+c", id="replace-all-by-flag"),
        pytest.param("fn.replace('abc', 'd', 'x')", "abc", id="replace-nothing"),
        pytest.param("fn.replace('John Smith', /(\\w+) (\\w+)/, '$2, $1 $3 $& $0')", "Smith, John $3 John Smith $0", id="replace-by-groups"),
        pytest.param("fn.replace('v1.8', /v(?<major>\\d)/, 'V$<major>')", "V1.8", id="replace-by-name"),
        pytest.param("fn.replace('abc', 'b', \"[$`|$'|$5]\")", "a[a|c|$5]c", id="replace-by-what-is-around"),
        pytest.param("fn.replaceAll('aaa', 'a', 'aa')", "aaaaaa", id="replace-all"),
        pytest.param("fn.replaceAll('ab', '', '-')", "-a-b-", id="replace-between-characters"),
        pytest.param("fn.replaceAll('éé', /x*/, '-')", "-é-é-", id="replace-empty-matches"),
        pytest.param("fn.slice('abc', -2)", "bc", id="slice-from-the-end"),
        pytest.param("fn.slice('abc', 1, -1)", "b", id="slice-up-to-the-end"),
        pytest.param("fn.slice('abc', 2, 1)", "", id="slice-backwards"),
        pytest.param("fn.length('')", 0, id="length-of-nothing"),
        pytest.param("fn.length(args.HOSTS)", None, id="length-of-an-array"),
        pytest.param("fn.split('abc', '')", ["a", "b", "c"], id="split-into-characters"),
        pytest.param("fn.split('', '')", [], id="split-nothing-into-characters"),
        pytest.param("fn.split('', ',')", [""], id="split-nothing"),
        pytest.param("fn.split('a,,b', ',')", ["a", "", "b"], id="split-keeps-empty-parts"),
        pytest.param("fn.split('a1b22c', /[0-9]+/)", ["a", "b", "c"], id="split-by-regex"),
        pytest.param("fn.split('a,b', ',', 0)", [], id="split-limit-0"),
        pytest.param("fn.split('a,b', ',', -1)", None, id="split-limit-below-0"),
        pytest.param("fn.join(args.HOSTS)", "a.exampleb.example", id="join-without-separator"),
        pytest.param("fn.join(refs.db.status.ports)", None, id="join-objects"),
        pytest.param("fn.not(args.HOSTS)", False, id="an-array-is-true"),
        pytest.param("fn.not('false')", False, id="a-string-is-true"),
        pytest.param("fn.not(0)", True, id="zero-is-false"),
        pytest.param("fn.not(null)", True, id="null-is-false"),
        pytest.param("fn.not(args.NO)", True, id="nothing-is-false"),
        pytest.param("fn.not(refs.db.status.no.such)", True, id="nothing-deep-is-false"),
        pytest.param("fn.or(0, '', null, args.NO)", False, id="or-of-none"),
        pytest.param("fn.or(1, fn.divide(1, 0))", True, id="or-stops-at-the-first-true"),
        pytest.param("fn.and(1, 'a')", True, id="and"),
        pytest.param("fn.and(0, fn.divide(1, 0))", False, id="and-stops-at-the-first-false"),
        pytest.param("fn.if(true, 'a', fn.divide(1, 0))", "a", id="if-evaluates-one"),
        pytest.param("fn.if(args.NO, 1)", None, id="if-without-else"),
        pytest.param("fn.length(fn.if(args.NO, 'a', 'bc'))", 2, id="if-as-an-argument"),
        pytest.param("fn.eq('3', 3)", False, id="no-string-equals-a-number"),
        pytest.param("fn.eq(true, 1)", False, id="no-boolean-equals-a-number"),
        pytest.param("fn.eq(1, 1.0)", True, id="numbers-are-equal-as-numbers"),
        pytest.param("fn.eq(args.NO, null)", True, id="nothing-is-null"),
        pytest.param("fn.eq(fn.parseJSON('{\"a\":[1,{\"b\":true}]}'), fn.parseJSON('{\"a\":[1.0,{\"b\":true}]}'))", True, id="deeply-equal"),
        pytest.param("fn.eq(fn.parseJSON('[1]'), fn.parseJSON('[1,2]'))", False, id="arrays-of-other-length"),
        pytest.param("fn.eq(fn.parseJSON('{\"a\":1}'), fn.parseJSON('{\"b\":1}'))", False, id="objects-of-other-keys"),
        pytest.param("fn.eq(fn.parseJSON('[true]'), fn.parseJSON('[1]'))", False, id="deep-booleans"),
        pytest.param("fn.eq(1, 1, 1)", True, id="eq-of-many"),
        pytest.param("fn.neq(1, 1)", False, id="neq"),
        pytest.param("fn.gt('10', '9')", True, id="strings-that-spell-numbers"),
        pytest.param("fn.gt('a', 1)", None, id="strings-that-do-not"),
        pytest.param("fn.gt(true, 0)", None, id="booleans-are-no-numbers"),
        pytest.param("fn.gt(args.NO, 0)", None, id="nothing-is-no-number"),
        pytest.param("fn.add(0.5, 0.5)", 1, id="whole-results-are-integers"),
        pytest.param("fn.add(9223372036854775807, 1)", None, id="sum-past-64-bits"),
        pytest.param("fn.multiply(1e300, 1e300)", None, id="product-past-all-bounds"),
        pytest.param("fn.multiply(3037000500, 3037000500)", None, id="product-past-64-bits"),
        pytest.param("fn.divide(6, 3)", 2, id="division-without-rest"),
        pytest.param("fn.divide(1, 0)", None, id="division-by-zero"),
        pytest.param("fn.divide(9007199254740993, 1)", 9007199254740993, id="integers-stay-exact"),
        pytest.param("fn.remainder(7, -3)", 1, id="remainder-has-the-sign-of-the-first"),
        pytest.param("fn.remainder(5.5, 2)", 1.5, id="remainder-of-fractions"),
        pytest.param("fn.remainder(1, 0)", None, id="remainder-by-zero"),
        pytest.param("fn.exp(2, -1)", 0.5, id="negative-power"),
        pytest.param("fn.exp(2, 64)", None, id="power-past-64-bits"),
        pytest.param("fn.exp(10, 1000000000)", None, id="power-past-all-bounds"),
        pytest.param("fn.exp(-8, 0.5)", None, id="root-of-a-negative-number"),
        pytest.param("fn.exp(1, 1000000000)", 1, id="power-of-one"),
        pytest.param("fn.floor('2.7')", 2, id="floor-of-a-string"),
        pytest.param("fn.floor(1e300)", None, id="floor-past-64-bits"),
        pytest.param("fn.get(args.HOSTS, 1)", "b.example", id="get-by-number"),
        pytest.param("fn.get(args.HOSTS, '7')", None, id="get-past-the-end"),
        pytest.param("fn.get('abc', 'length')", None, id="get-of-a-string"),
        pytest.param("fn.get(fn.parseJSON('{\"a.b\":1}'), 'a.b')", 1, id="get-prefers-the-whole-key"),
        pytest.param("fn.stringifyJSON('é\"')", '"é\\""', id="json-of-a-string"),
        pytest.param("fn.stringifyJSON(null)", "null", id="json-of-null"),
        pytest.param("fn.parseJSON('{')", "", id="not-json"),
        pytest.param("fn.parseJSON('NaN')", "", id="json-has-no-nan"),
        pytest.param("fn.parseJSON('1e999')", "", id="json-number-past-all-bounds"),
        pytest.param("fn.parseJSON('\"\\\\ud800\"')", "", id="json-with-half-a-character"),
        pytest.param("fn.parseJSON('36893488147419103232')", 36893488147419103232.0, id="json-integer-past-64-bits"),
        pytest.param("fn.entries(args.HOSTS)", None, id="entries-of-an-array"),
        pytest.param("fn.find(args.HOSTS, (h) => false)", None, id="find-nothing"),
        pytest.param("fn.if(fn.find(args.HOSTS, (h) => false), 1, 2)", 2, id="find-nothing-is-false"),
        pytest.param("fn.some(fn.split('', ''), (x) => true)", False, id="some-of-none"),
        pytest.param("fn.every(fn.split('', ''), (x) => false)", True, id="every-of-none"),
        pytest.param("fn.map(args.HOSTS, (h, i) => fn.if(fn.eq(i, 0), h))", ["a.example", None], id="map-to-nothing-is-null"),
        pytest.param("fn.map(args.HOSTS, (h) => fn.map(fn.split(h, '.'), (p) => fn.eq(p, h)))", [[False, False], [False, False]], id="functions-see-those-around"),
        pytest.param("fn.arrSlice(args.HOSTS, 0, 1)", ["a.example"], id="slice-of-an-array"),
        pytest.param("fn.concat(args.HOSTS, 'c')", None, id="concat-a-string"),
    ],
)  # fmt: skip
def test_what_functions_do_at_their_edges(expression: str, expected: Any) -> None:
    if expected is None:
        with pytest.raises(ExpressionError) as error:
            value_of(expression)
        assert error.value.offset is not None
        return
    value = value_of(expression)
    assert (value, type(value)) == (expected, type(expected))


@pytest.mark.parametrize(
    "expression", ["fn.randomSecret(0)", "fn.randomSecret(5000)", "fn.randomSecret(8, 'utf8')"]
)
def test_a_random_secret_that_makes_no_sense_is_refused(expression: str) -> None:
    with pytest.raises(ExpressionError, match="randomSecret"):
        value_of(expression)


def test_random_secrets_are_asked_for_by_their_place() -> None:
    asked: list[RandomRequest] = []

    def provider(request: RandomRequest) -> Tainted:
        asked.append(request)
        return Tainted("x")

    scope = example_scope(random_secrets=provider)
    document = {
        "a": ["${fn.randomSecret(8)}-${fn.randomSecret(9, 'hex')}"],
        "b": "${fn.map(args.HOSTS, (h) => fn.randomSecret(4))}",
    }
    rendered = render(document, scope, Budget(), ("spec",))
    assert asked == [
        RandomRequest("spec.a[0]#0", 8, "base64"),
        RandomRequest("spec.a[0]#1", 9, "hex"),
        RandomRequest("spec.b#0", 4, "base64"),
        RandomRequest("spec.b#0.1", 4, "base64"),
    ]
    assert isinstance(rendered["a"][0], Tainted)
    assert isinstance(rendered["b"], Tainted)


@pytest.mark.parametrize("expression", ["fn.date()", "fn.randomSecret(8)"])
def test_what_was_not_given_cannot_be_used(expression: str) -> None:
    with pytest.raises(ExpressionError, match="here"):
        value_of(expression, now=None, random_secrets=None)
