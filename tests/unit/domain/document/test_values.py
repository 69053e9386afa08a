"""What a file's values are, and what the API server makes of them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbflow.domain.document import (
    InvalidDocument,
    document_hash,
    normalise,
    parse,
    read,
    same,
    validate,
)
from ebbflow.domain.document.syntax import node_at

NORTHFLANK = Path(__file__).parent / "northflank"


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("yes", True), ("On", True), ("y", True), ("TRUE", True), ("no", False), ("OFF", False), ("n", False),
        ("tRUE", "tRUE"), ("~", None), ("", None), ("Null", None), ("nULL", "nULL"),
        ("0755", 493), ("0o17", 15), ("0x1F", 31), ("0b101", 5), ("-0b11", -3), ("08", 8), ("1_000", 1000), ("+5", 5),
        ("9223372036854775807", 2**63 - 1), ("-9223372036854775808", -(2**63)),
        ("1e3", 1000), ("1.0", 1), ("-0", 0), ("-0.0", 0), (".5", 0.5), ("1.", 1), ("1e400", "1e400"), ("1e19", 1e19),
        ("2001-01-01", "2001-01-01"), ("2001-12-14t21:59:43.10-05:00", "2001-12-14t21:59:43.10-05:00"),
        ("1:30", "1:30"), ("1.2.3", "1.2.3"), ("_1", "_1"), ("0x", "0x"), ("=", "="), ("<<", "<<"),
        ('"yes"', "yes"), ("'0755'", "0755"), ("!!str 5", "5"), ('!!int "5"', 5), ("!!float 1", 1), ("!!bool yes", True),
        ('!!null ""', None), ("|\n  x\n  y\n", "x\ny\n"), (">-\n  x\n  y\n", "x y"),
    ],
)  # fmt: skip
def test_a_plain_scalar_means_what_kubectl_takes_it_for(written: str, value: Any) -> None:
    found = normalise(read(f"a: {written}\nb: 0\n".encode(), "a.yaml").value["a"])
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize(
    "key", ["on", "yes", "1", "0755", "1.0", "null", "~", "2001-01-01", "true"]
)
def test_a_key_is_the_text_that_was_written(key: str) -> None:
    assert list(read(f"{key}: 1\n".encode(), "a.yaml").value) == [key]


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        pytest.param(1.0, 1, id="whole-float"),
        pytest.param(-0.0, 0, id="minus-zero"),
        pytest.param(1.5, 1.5, id="fraction"),
        pytest.param(1e18, 10**18, id="whole-float-within-64-bits"),
        pytest.param(1e19, 1e19, id="float-past-64-bits"),
        pytest.param(10**19, 1e19, id="as-python-reads-what-the-server-sends-for-1e19"),
        pytest.param(1e21, 1e21, id="exponent"),
        # Go writes the shortest digits, filled up with zeros, and reads that text as an integer.
        pytest.param(9223372036854774784.0, 9223372036854775000, id="shortest-digits"),
        pytest.param(True, True, id="true-is-no-number"),
        pytest.param({"a": [1.0, {"b": None}]}, {"a": [1, {"b": None}]}, id="nested"),
    ],
)
def test_numbers_are_normalised_as_the_api_server_stores_them(value: Any, stored: Any) -> None:
    assert json.dumps(normalise(value)) == json.dumps(stored)
    assert normalise(normalise(value)) == normalise(value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        pytest.param({"a": [math.nan]}, "a[0]: JSON has no NaN and no infinity", id="nan"),
        pytest.param({"a": {1: 2}}, "a: a key must be a string", id="key"),
        pytest.param({"a b": {1}}, '["a b"]: set is no JSON value', id="type"),
        pytest.param(10**400, "the number is too large", id="huge"),
    ],
)
def test_what_is_no_json_is_refused_with_its_field(value: Any, message: str) -> None:
    with pytest.raises(InvalidDocument) as caught:
        normalise(value)
    assert str(caught.value) == message


def test_what_is_nested_too_deep_is_refused_without_a_crash() -> None:
    deep: Any = 1
    for _ in range(5000):
        deep = {"a": deep}
    for check in (normalise, document_hash, validate):
        with pytest.raises(InvalidDocument, match="deeper than 64"):
            check(deep)


def test_equal_documents_have_one_hash_whatever_their_order_and_spelling() -> None:
    yaml = read(b"b: 1.0\na: {y: 0x10, x: yes}\n", "a.yaml").value
    stored = json.loads('{"a":{"x":true,"y":16},"b":1}')
    assert same(yaml, stored)
    assert document_hash(yaml) == document_hash(stored)
    assert len(document_hash(yaml)) == 64


@pytest.mark.parametrize(
    ("a", "b"), [(1, True), (0, False), (1, "1"), (None, {}), ([], {}), ({"a": None}, {})]
)
def test_values_of_different_types_are_not_the_same(a: Any, b: Any) -> None:
    assert not same(a, b)
    assert document_hash(a) != document_hash(b)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(json_values, json_values)
def test_values_are_the_same_exactly_if_their_hashes_are(a: Any, b: Any) -> None:
    assert same(a, a)
    assert same(a, b) == (document_hash(a) == document_hash(b))


@given(json_values)
def test_normalising_twice_changes_nothing(value: Any) -> None:
    assert json.dumps(normalise(normalise(value))) == json.dumps(normalise(value))


def test_positions_are_known_for_every_field() -> None:
    text = "# c\napiVersion: v1.2\nspec:\n  kind: Workflow\n  spec:\n    steps:\n    - kind: Job\n      é: [🚀, 'x']\n"
    document = read(text.encode(), "a.yaml")

    def position(*steps: str | int) -> tuple[int, int]:
        return document.source.position(node_at(document.root, steps).start)

    assert position("apiVersion") == (2, 13)
    assert position("spec", "spec", "steps") == (7, 5)
    assert position("spec", "spec", "steps", 0, "kind") == (7, 13)
    assert position("spec", "spec", "steps", 0, "é", 1) == (8, 14)


@pytest.mark.parametrize(
    ("path", "is_json"),
    [("a.json", True), ("a", True), ("a.txt", True), ("a.yaml", False), ("a.YML", False)],
)
def test_the_ending_of_the_name_tells_the_format(path: str, is_json: bool) -> None:
    if is_json:
        with pytest.raises(InvalidDocument):
            read(b"a: 1", path)
    else:
        assert read(b"a: 1", path).value == {"a": 1}


def test_a_real_northflank_file_is_read_unchanged() -> None:
    data = (NORTHFLANK / "demo-service.json").read_bytes()
    assert parse(data, "demo.json").value == json.loads(data)


def document(**fields: Any) -> dict[str, Any]:
    return {"apiVersion": "v1.2", "spec": {"kind": "Workflow", "spec": {"steps": []}}, **fields}


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"apiVersion": "ebbflow.dev/v1"}, id="our-version"),
        pytest.param({"$schema": "https://api.northflank.com/v1/schemas/template"}, id="schema"),
        pytest.param({"gitops": {"anything": 1}, "triggers": [], "richInputs": {}}, id="free-fields"),
        pytest.param({"options": {"concurrencyPolicy": "Queue", "runOnUpdate": True}}, id="options"),
        pytest.param({"sensitiveArguments": ["API_KEY"], "arguments": {"API_KEY": {"any": None}}}, id="arguments"),
        pytest.param(
            {"spec": {"kind": "Workflow", "spec": {"steps": [
                {"kind": "LoopWorkflow", "spec": {"iterations": "${args.X}", "parallelism": "2", "steps": [{"kind": "LoopData", "spec": {}}]}},
                {"kind": "Manifest", "ref": "a", "when": "true", "onFailure": "continue", "timeoutDuration": 600, "timeout": "10m",
                 "settings": {"maxAttempts": 3, "backoff": {"type": "fixed", "delay": 10}}, "skipNodeExecution": "true", "runNodeOnce": True,
                 "spec": {"kind": "NotANode", "steps": "free"}},
            ]}}},
            id="nodes",
        ),
    ],
)  # fmt: skip
def test_a_sound_document_is_valid_from_either_side(fields: dict[str, Any]) -> None:
    value = document(**fields)
    validate(value)
    assert parse(json.dumps(value).encode(), "a.json").value == value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        pytest.param(document(arguments=[]), "arguments: must be an object, not an array", id="type"),
        pytest.param(document(argumentOverrides={}), "argumentOverrides: overrides do not belong in a document", id="overrides"),
        pytest.param(document(arguments={"a": "\0"}), "a: a string holds a NUL character", id="nul"),
        pytest.param(document(arguments={"a": "\ud800"}), "a: a string holds half of a surrogate pair", id="surrogate"),
        pytest.param(document(arguments={"a": "x" * 600_000}), "the document has ", id="size"),
        pytest.param(document(arguments={"a": [0] * 100_000}), "more than 100000 values", id="count"),
        pytest.param([], "a document is an object", id="no-object"),
        pytest.param(None, "a document is an object", id="null"),
    ],
)  # fmt: skip
def test_a_bad_document_from_the_cluster_is_refused_with_its_field(
    value: Any, message: str
) -> None:
    with pytest.raises(InvalidDocument) as caught:
        validate(value)
    assert str(caught.value).startswith(message)
    assert caught.value.line is None


def test_a_document_may_have_nothing_to_run() -> None:
    assert parse(b"apiVersion: v1.2\n", "a.yaml").value == {"apiVersion": "v1.2"}
