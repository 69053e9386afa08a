"""Rendering values: types, text, keys, nested documents, errors with their places, secrets."""

from __future__ import annotations

from typing import Any

import pytest

from ebbflow.domain.expression import Budget, ExpressionError, SecretKey, SecretNotFound, render
from ebbflow.domain.secret import Tainted
from tests.support.expressions import example_scope

PASSWORD = "hunter2"


def rendered(value: Any, **changes: Any) -> Any:
    return render(value, example_scope(**changes), Budget())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("no expression", "no expression", id="text"),
        pytest.param("${args.REPLICAS}", "3", id="a-string-stays-one"),
        pytest.param("${refs.db.status.ports.0.port}", 5432, id="a-number-stays-one"),
        pytest.param("${refs.db.status.ports}", [{"name": "sql", "port": 5432}], id="an-array-stays-one"),
        pytest.param("${fn.eq(1, 1)}", True, id="a-boolean-stays-one"),
        pytest.param("${null}", None, id="null-stays-null"),
        pytest.param(" ${refs.db.status.ports.0.port}", " 5432", id="a-space-makes-it-text"),
        pytest.param("${refs.db.status.phase}:${refs.db.status.ports.0.port}", "Ready:5432", id="two-make-text"),
        pytest.param("x=${fn.eq(1, 1)} ${fn.not(1)} ${null}", "x=true false null", id="words-in-text"),
        pytest.param("x=${1.5} ${fn.add(0.5, 0.5)} ${1e21} ${0.0000001}", "x=1.5 1 1e+21 1e-7", id="numbers-in-text"),
        pytest.param("x=${refs.db.status.ports}", 'x=[{"name":"sql","port":5432}]', id="arrays-in-text-are-json"),
        pytest.param("x=${args.LABELS}", 'x={"team":"shop","tier":"web"}', id="objects-in-text-are-json"),
        pytest.param("$${args.ENV} \\${args.ENV} $5 $", "${args.ENV} ${args.ENV} $5 $", id="escapes"),
        pytest.param("${loop.index}: ${loop.item.name}", "1: blue", id="loop"),
        pytest.param("${''}", "", id="empty"),
    ],
)  # fmt: skip
def test_a_string_becomes_a_value_or_a_text(text: str, expected: Any) -> None:
    value = rendered({"a": [text]})["a"][0]
    assert (value, type(value)) == (expected, type(expected))


def test_what_holds_no_expression_is_not_copied() -> None:
    document = {"a": [{"b": "x", "c": 1}], "d": {"e": "${args.ENV}"}}
    value = rendered(document)
    assert value == {"a": [{"b": "x", "c": 1}], "d": {"e": "prod"}}
    assert value["a"] is document["a"]
    assert rendered(document["a"]) is document["a"]
    assert document["d"] == {"e": "${args.ENV}"}


def test_keys_are_rendered_as_text_and_keep_their_order() -> None:
    value = rendered({"${args.ENV}-${loop.index}": "${args.ENV}", "b": 1, "\\${c": 2})
    assert list(value.items()) == [("prod-1", "prod"), ("b", 1), ("${c", 2)]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        pytest.param({"prod": 1, "${args.ENV}": 2}, '"prod" is there twice', id="twice"),
        pytest.param({"${secrets.db.values.user}": 1}, "secret cannot be a key", id="secret"),
        pytest.param({"${{secrets.db.values.user}}": 1}, "secret cannot be a key", id="secret-key"),
    ],
)
def test_a_key_that_cannot_be_one_is_refused(value: Any, words: str) -> None:
    with pytest.raises(ExpressionError, match=words) as error:
        rendered({"a": value})
    assert error.value.steps == ("a", list(value)[-1])


@pytest.mark.parametrize(
    ("text", "offset", "words"),
    [
        pytest.param("${args.ENVV}", 2, 'no argument "ENVV"; did you mean ENV?', id="argument"),
        pytest.param("${refs.db2.x}", 2, 'no ref "db2"; did you mean db?', id="ref"),
        pytest.param("a ${refs.db.status.phas}", 4, 'refs.db.status is an object without "phas"; did you mean phase?', id="field"),
        pytest.param("${refs.db.status.ports.1}", 2, 'refs.db.status.ports is an array without "1"', id="item"),
        pytest.param("${refs.db.status.ports.name}", 2, 'is an array without "name"', id="field-of-an-array"),
        pytest.param("${args.ENV.x}", 2, 'args.ENV is a string without "x"', id="field-of-a-string"),
        pytest.param("${loop.item.size}", 2, 'loop.item is an object without "size"', id="field-of-a-loop"),
        pytest.param("${loop.count}", 2, 'loop has no "count"', id="loop"),
        pytest.param("${secrets.db.values.pass}", 2, 'has no key "pass"', id="secret-without-the-key"),
        pytest.param("${fn.slugg('a')}", 2, "did you mean slug?", id="function"),
        pytest.param("${fn.slug()}", 2, "it is fn.slug(string)", id="number-of-arguments"),
        pytest.param("${fn.not(fn.slug(null))}", 17, "the argument string must be a string, not null", id="type"),
        pytest.param("${fn.get(args.HOSTS, '9')}", 2, "fn.get gave nothing", id="nothing"),
        pytest.param("${fn.if(false, 1)}", 2, "there is no third argument", id="if-without-else"),
        pytest.param("x${{secrets.db.values.user}}", 1, "must be the whole string", id="secret-key-in-text"),
        pytest.param("${template.args.ENV}", 0, "in a document inside", id="template"),
        pytest.param("${x", 2, "unknown name", id="syntax"),
    ],
)  # fmt: skip
def test_what_does_not_exist_is_an_error_with_its_place(text: str, offset: int, words: str) -> None:
    with pytest.raises(ExpressionError) as error:
        rendered({"spec": [{"name": text}]})
    assert words in error.value.message
    assert (error.value.steps, error.value.offset) == (("spec", 0, "name"), offset)
    assert str(error.value).startswith("spec[0].name: ")


def test_outside_of_a_loop_there_is_no_item() -> None:
    with pytest.raises(ExpressionError, match="no loop around this"):
        rendered("${loop.item}", loop=None)


def test_a_secret_that_was_not_read_is_named() -> None:
    with pytest.raises(SecretNotFound) as error:
        rendered({"a": "${fn.get(fn.fetchSecret('other'), 'values.x')}"})
    assert error.value.name == "other"
    assert error.value.steps == ("a",)


@pytest.mark.parametrize(
    ("text", "expected", "sources"),
    [
        pytest.param("${secrets.db.values.password}", PASSWORD, {"secrets.db.values.password"}, id="itself"),
        pytest.param("${secrets.db.files.password.data}", PASSWORD, {"secrets.db.values.password"}, id="as-a-file"),
        pytest.param("pg://${secrets.db.values.user}:${secrets.db.values.password}@${args.ENV}", f"pg://app:{PASSWORD}@prod", {"secrets.db.values.user", "secrets.db.values.password"}, id="in-a-text"),
        pytest.param("${fn.toBase64(secrets.db.values.user)}", "YXBw", {"secrets.db.values.user"}, id="encoded"),
        pytest.param("${fn.length(secrets.db.values.password)}", 7, {"secrets.db.values.password"}, id="its-length"),
        pytest.param("${fn.eq(secrets.db.values.user, 'x')}", False, {"secrets.db.values.user"}, id="compared"),
        pytest.param("${fn.if(fn.eq(secrets.db.values.user, 'app'), 1, 2)}", 1, {"secrets.db.values.user"}, id="decided-by"),
        pytest.param("${fn.map(args.HOSTS, (h) => fn.eq(h, secrets.db.values.user))}", [False, False], {"secrets.db.values.user"}, id="within-a-function"),
        pytest.param("${fn.split(secrets.db.values.user, '')}", ["a", "p", "p"], {"secrets.db.values.user"}, id="taken-apart"),
        pytest.param("${args.KEY}", "k", {"args.KEY"}, id="an-argument"),
        pytest.param("${refs.made.data.token}", "t", {"refs.made"}, id="an-output"),
        pytest.param("${fn.length(refs.whole.data.token)}", 1, {"refs.whole"}, id="a-field-of-a-secret-object"),
        pytest.param("x${refs.made}", 'x{"data":{"token":"t"}}', set(), id="an-object-with-a-secret-in-a-text"),
        pytest.param("${fn.stringifyJSON(refs.made)}", '{"data":{"token":"t"}}', set(), id="an-object-with-a-secret-as-json"),
        pytest.param("${fn.eq(fn.values(refs.made.data), fn.split('t', ','))}", True, set(), id="deep-in-a-comparison"),
        pytest.param("${fn.join(fn.values(refs.made.data))}", "t", set(), id="in-an-array"),
        pytest.param("${fn.randomSecret(4)}", "a[0]", {"fn.randomSecret"}, id="random"),
    ],
)  # fmt: skip
def test_what_a_secret_went_into_is_secret(text: str, expected: Any, sources: set[str]) -> None:
    scope = example_scope()
    args = {**scope.args, "KEY": Tainted("k")}
    refs = {"made": {"data": {"token": Tainted("t")}}, "whole": Tainted({"data": {"token": "t"}})}
    value = rendered({"a": [text]}, args=args, refs=refs)["a"][0]
    assert isinstance(value, Tainted)
    assert value.reveal() == expected
    assert value.sources == sources
    assert PASSWORD not in repr(value)


def test_only_what_is_secret_in_an_object_is() -> None:
    refs = {"made": {"kind": "Secret", "data": {"token": Tainted("t")}}}
    assert rendered("${refs.made}", refs=refs) == refs["made"]
    assert rendered("${refs.made.kind}", refs=refs) == "Secret"


def test_no_error_shows_a_value() -> None:
    expressions = [
        "fn.add(secrets.db.values.password, 1)",
        "fn.fromBase64(secrets.db.values.password)",
        "fn.get(secrets.db, 'values.x')",
        "fn.map(secrets.db.values.password, (x) => x)",
        "fn.date(fn.parseJSON(secrets.db.values.password), 1)",
        "secrets.db.values.password.x",
        "fn.if(false, secrets.db.values.password)",
        "fn.fetchSecret(secrets.db.values.password)",
    ]
    for expression in expressions[:-1]:
        with pytest.raises(ExpressionError) as error:
            rendered("${" + expression + "}")
        assert PASSWORD not in str(error.value) + repr(error.value)


def test_a_secret_key_is_left_for_the_node_that_makes_the_object() -> None:
    value = rendered({"env": [{"name": "P", "value": "${{secrets.db.values.password}}"}]})
    assert value["env"][0]["value"] == SecretKey("db", "password")


def nested(text: str) -> Any:
    """Put a string into the document inside of a Pipeline node."""
    flow = {"kind": "ReleaseFlow", "spec": {"apiVersion": "v1.2", "description": text}}
    node = {"kind": "Pipeline", "spec": {"name": "${args.ENV}", "stages": [{"releaseFlow": flow}]}}
    value = rendered(node, args={**example_scope().args, "RAW": "${args.X} \\ $"})
    assert value["spec"]["name"] == "prod"
    return value["spec"]["stages"][0]["releaseFlow"]["spec"]["description"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("${args.X} ${{secrets.a.values.b}} \\${", "${args.X} ${{secrets.a.values.b}} \\${", id="left-alone"),
        pytest.param("${template.args.ENV}", "prod", id="resolved-outside"),
        pytest.param("${template.args.HOSTS}", ["a.example", "b.example"], id="keeps-its-type"),
        pytest.param("${template.fn.if(fn.eq(args.ENV, 'prod'), template.args.ENV)}", "prod", id="function"),
        pytest.param("${template.args.ENV}-${args.X}\\${", "prod-${args.X}\\${", id="among-others"),
        pytest.param("${template.args.RAW}", "\\${args.X} \\ $", id="what-comes-in-is-text-inside"),
        pytest.param("${template.args.RAW}${args.X}", "\\${args.X} \\ ${'$'}${args.X}", id="what-comes-in-escapes-nothing"),
    ],
)  # fmt: skip
def test_a_document_inside_keeps_its_expressions(text: str, expected: Any) -> None:
    assert nested(text) == expected


def test_what_a_secret_went_into_is_secret_inside_too() -> None:
    value = nested("${template.secrets.db.values.password} ${args.X}")
    assert isinstance(value, Tainted)
    assert value.reveal() == PASSWORD + " ${args.X}"


def test_a_document_in_a_document_counts_its_own_levels() -> None:
    inner = {
        "kind": "Template",
        "spec": {
            "document": {
                "description": "${args.A} ${template.args.B} ${template.template.args.ENV}"
            }
        },
    }
    outer = {
        "kind": "Template",
        "spec": {"document": {"spec": {"kind": "Workflow", "spec": {"steps": [inner]}}}},
    }
    value = rendered(outer)["spec"]["document"]["spec"]["spec"]["steps"][0]
    assert value["spec"]["document"]["description"] == "${args.A} ${template.args.B} prod"


def test_outside_of_a_nested_document_template_is_the_outer_scope() -> None:
    assert rendered("${template.args.X}", outer=example_scope(args={"X": "outer"})) == "outer"


@pytest.mark.parametrize("kind", ["Manifest", "RunTemplate", "Job"])
def test_other_kinds_hold_no_documents(kind: str) -> None:
    value = rendered({"kind": kind, "spec": {"document": "${args.ENV}", "spec": "${args.ENV}"}})
    assert value["spec"] == {"document": "prod", "spec": "prod"}
