"""What is wrong with a file is said with its line and column, in words, and at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbflow.domain.document import InvalidDocument, parse, read
from ebbflow.domain.document.limits import MAX_BYTES

HEAD = b"apiVersion: v1.2\n"
TAIL = b"spec: {kind: Workflow, spec: {steps: []}}\n"
NORTHFLANK = Path(__file__).parent / "northflank"


def fault(data: bytes, path: str = "a.yaml") -> InvalidDocument:
    with pytest.raises(InvalidDocument) as caught:
        parse(data, path)
    return caught.value


@pytest.mark.parametrize(
    ("data", "line", "column", "words"),
    [
        pytest.param(b"a: [1\nb: 2\n", 2, 2, "not YAML", id="bracket-not-closed"),
        pytest.param(b"a: 1\n\tb: 2\n", 2, 1, "tab cannot indent", id="tab"),
        pytest.param(b"a: 1\nb: 2\na: 3\n", 3, 1, 'key "a" is there twice', id="duplicate-key"),
        pytest.param(b"a: {x: 1, 'x': 2}\n", 1, 11, "is there twice", id="duplicate-key-in-flow"),
        pytest.param(b"a: &x 1\n", 1, 4, "anchors are not allowed", id="anchor"),
        pytest.param(b"a: *x\n", 1, 4, "aliases are not allowed", id="alias"),
        pytest.param(b"a: 1\n<<: {b: 1}\n", 2, 1, "merge keys", id="merge-key"),
        pytest.param(b"a: !x 1\n", 1, 4, "only the tags", id="own-tag"),
        pytest.param(b"a: !!python/name:os.system x\n", 1, 4, "only the tags", id="python-tag"),
        pytest.param(b"a: !!set {x}\n", 1, 4, "may not be used", id="tag-of-a-collection"),
        pytest.param(b"a: !!binary eA==\n", 1, 4, "only the tags", id="binary"),
        pytest.param(b"a: !!int x\n", 1, 4, "does not fit its tag", id="tag-that-does-not-fit"),
        pytest.param(b"a: 1\n---\nb: 2\n", 2, 1, "one document", id="two-documents"),
        pytest.param(b"", 1, 1, "no document", id="empty"),
        pytest.param(b"# only a comment\n", 1, 1, "no document", id="only-a-comment"),
        pytest.param(b"- a\n", 1, 1, "is an object", id="a-list"),
        pytest.param(b"just text\n", 1, 1, "is an object", id="text"),
        pytest.param(b"a: .nan\n", 1, 4, "no value in JSON", id="nan"),
        pytest.param(b"a: -.Inf\n", 1, 4, "no value in JSON", id="infinity"),
        pytest.param(b"a: 9223372036854775808\n", 1, 4, "64 bits", id="integer-past-64-bits"),
        pytest.param(b"a: 0x8000000000000000\n", 1, 4, "64 bits", id="hexadecimal-past-64-bits"),
        pytest.param(b"a: 123456789012345678901234567890\n", 1, 4, "64 bits", id="thirty-digits"),
        pytest.param(b"? [x]\n: 1\n", 1, 3, "key must be a string", id="a-list-as-key"),
        pytest.param(b"? {x: 1}\n: 1\n", 1, 3, "key must be a string", id="an-object-as-key"),
        pytest.param(b"?\n: 1\n", 1, 2, "key is missing", id="no-key"),
        pytest.param(b"!!int 1: 1\n", 1, 1, "without a tag", id="key-with-a-tag"),
        pytest.param(b'a: "\\0"\n', 1, 4, "NUL", id="escaped-nul"),
        pytest.param(b"a: x\x00\n", 1, 5, "U+0000", id="raw-nul"),
        pytest.param(b"a: x\x1b\n", 1, 5, "U+001B", id="control-character"),
        pytest.param(b"a: 1\nb: caf\xe9\n", 2, 7, "not UTF-8", id="latin-1"),
        pytest.param("a: 1\n".encode("utf-16"), 1, 1, "not UTF-8", id="utf-16"),
        pytest.param(b"\xef\xbb\xbfa: 1\nb: {\n", 3, 1, "not YAML", id="after-a-byte-order-mark"),
        pytest.param(b"a: 1\r\nb: *x\r\n", 2, 4, "aliases", id="crlf"),
        pytest.param("é: 🚀\nü: *x\n".encode(), 2, 4, "aliases", id="columns-are-characters"),
        pytest.param(b"a: " + b"[" * 100_000, 1, 67, "deeper than 64", id="brackets"),
        pytest.param(b"- " * 100_000, 1, 129, "deeper than 64", id="dashes"),
        pytest.param(b"a: [" + b"1," * 200_000, 1, 199_999, "100000 values", id="many-values"),
    ],
)  # fmt: skip
def test_broken_yaml_is_refused_with_its_place(
    data: bytes, line: int, column: int, words: str
) -> None:
    error = fault(data)
    assert (error.line, error.column) == (line, column)
    assert words in error.message
    assert str(error).startswith(f"line {line}, column {column}: ")


@pytest.mark.parametrize(
    ("data", "line", "column", "words"),
    [
        pytest.param(b'{"a": 1\n "b": 2}', 2, 2, "missing at the end of line 1", id="missing-comma"),
        pytest.param(b'{"a": 1,\n}', 2, 1, "no comma before the end", id="comma-before-the-end"),
        pytest.param(b'{"a" 1}', 1, 6, "colon", id="missing-colon"),
        pytest.param(b"{a: 1}", 1, 2, "key in double quotes", id="key-without-quotes"),
        pytest.param(b"{'a': 1}", 1, 2, "key in double quotes", id="single-quotes"),
        pytest.param(b'{"a": x}', 1, 7, 'not "x}"', id="a-word"),
        pytest.param(b'{"a": NaN}', 1, 7, "no NaN", id="nan"),
        pytest.param(b'{"a": -Infinity}', 1, 7, "no Infinity", id="infinity"),
        pytest.param(b'{"a": 1e400}', 1, 7, "too large", id="float-past-64-bits"),
        pytest.param(b'{"a": 9223372036854775808}', 1, 7, "64 bits", id="integer-past-64-bits"),
        pytest.param(b'{"a": 01}', 1, 7, "expected a value", id="leading-zero"),
        pytest.param(b'{"a": 1.}', 1, 7, "expected a value", id="point-without-digits"),
        pytest.param(b'{"a": "x\ny"}', 1, 7, "no end, or a line break", id="line-break-in-a-string"),
        pytest.param(b'{"a": "\\x"}', 1, 7, "wrong escape", id="wrong-escape"),
        pytest.param(b'{"a": "\\ud800"}', 1, 7, "surrogate", id="lone-surrogate"),
        pytest.param(b'{"a": "\\u0000"}', 1, 7, "NUL", id="nul"),
        pytest.param(b'{"a": 1, "a": 2}', 1, 10, "is there twice", id="duplicate-key"),
        pytest.param(b'{"a": 1} {"b": 2}', 1, 10, "more after its end", id="two-documents"),
        pytest.param(b'{"a": 1', 1, 8, "expected a comma or }", id="cut-off"),
        pytest.param(b'{"a":', 1, 6, "ends too early", id="cut-off-before-a-value"),
        pytest.param(b'// x\n{"a": 1}', 1, 1, "no comments", id="comment"),
        pytest.param(b'{"a": 1]', 1, 8, "expected a comma or }", id="wrong-bracket"),
        pytest.param(b"", 1, 1, "no document", id="empty"),
        pytest.param(b"[]", 1, 1, "is an object", id="a-list"),
        pytest.param(b"[" * 100_000, 1, 65, "deeper than 64", id="brackets"),
        pytest.param(b'{"a":' * 100_000, 1, 321, "deeper than 64", id="braces"),
        pytest.param(b"[" + b"1," * 200_000, 1, 200_001, "100000 values", id="many-values"),
        pytest.param(b'{"a": "\xff"}', 1, 8, "not UTF-8", id="not-utf-8"),
    ],
)  # fmt: skip
def test_broken_json_is_refused_with_its_place(
    data: bytes, line: int, column: int, words: str
) -> None:
    error = fault(data, "a.json")
    assert (error.line, error.column) == (line, column)
    assert words in error.message


@pytest.mark.parametrize(
    ("data", "line", "column", "path", "words"),
    [
        pytest.param(TAIL, 1, 1, "", "apiVersion is missing", id="no-api-version"),
        pytest.param(b"apiVersion: v1\n" + TAIL, 1, 13, "apiVersion", "v1.2 or ebbflow.dev/v1", id="v1"),
        pytest.param(HEAD + b"argument: {}\n" + TAIL, 2, 1, "argument", "mean arguments?", id="unknown-key"),
        pytest.param(HEAD + b"argumentOverrides: {}\n" + TAIL, 2, 1, "argumentOverrides", "custom resource", id="overrides"),
        pytest.param(HEAD + b"options: {autorun: 1}\n" + TAIL, 2, 20, "options.autorun", "true or false", id="option-type"),
        pytest.param(HEAD + b"options: {autorum: on}\n" + TAIL, 2, 11, "options.autorum", "mean autorun?", id="unknown-option"),
        pytest.param(HEAD + b"options: {concurrencyPolicy: no}\n" + TAIL, 2, 30, "options.concurrencyPolicy", "allow or queue", id="policy"),
        pytest.param(HEAD + b"spec: {kind: Manifest}\n", 2, 14, "spec.kind", "kind Workflow", id="outermost-kind"),
        pytest.param(HEAD + b"spec: []\n", 2, 7, "spec", "must be an object", id="spec-type"),
        pytest.param(HEAD + b"spec: {kind: Workflow, spec: {}}\n", 2, 30, "spec.spec", "steps is missing", id="no-steps"),
        pytest.param(HEAD + b"spec:\n  kind: Workflow\n  spec:\n    type: random\n    steps: []\n", 5, 11, "spec.spec.type", "sequential or parallel", id="type"),
        pytest.param(HEAD + b"spec:\n  kind: Workflow\n  spec:\n    steps:\n    - kind: Manifets\n", 6, 13, "spec.spec.steps[0].kind", "mean Manifest?", id="unknown-kind"),
        pytest.param(HEAD + b"spec:\n  kind: Workflow\n  spec:\n    steps:\n    - reff: x\n      kind: Job\n", 6, 7, "spec.spec.steps[0].reff", "mean ref?", id="unknown-node-key"),
        pytest.param(HEAD + b"spec:\n  kind: Workflow\n  spec:\n    steps:\n    - {kind: Job, ref: a}\n    - {kind: Job, ref: a}\n", 7, 24, "spec.spec.steps[1].ref", '"a" is there twice', id="ref-twice"),
        pytest.param(HEAD + b"spec:\n  kind: Workflow\n  spec:\n    steps: [{kind: LoopWorkflow, spec: {steps: []}}]\n", 5, 40, "spec.spec.steps[0].spec", "iterations is missing", id="loop-without-iterations"),
        pytest.param(HEAD + b"spec:\n  kind: Workflow\n  spec:\n    steps: [{kind: Job, condition: maybe}]\n", 5, 36, "spec.spec.steps[0].condition", "success or running or none", id="condition"),
        pytest.param(HEAD + TAIL + b"teardownSpec: {failurePolicy: ignore}\n", 3, 15, "teardownSpec", "spec is missing", id="teardown-without-spec"),
        pytest.param(HEAD + TAIL + b"teardownSpec: {failurePolicy: stop, spec: {kind: Workflow, spec: {steps: []}}}\n", 3, 31, "teardownSpec.failurePolicy", "ignore or block", id="failure-policy"),
    ],
)  # fmt: skip
def test_a_wrong_structure_is_refused_with_its_place_and_field(
    data: bytes, line: int, column: int, path: str, words: str
) -> None:
    error = fault(data)
    assert (error.line, error.column, error.path or "") == (line, column, path)
    assert words in error.message


def test_a_file_that_is_too_large_is_refused_before_it_is_read() -> None:
    assert "512 KiB" in str(fault(b"{" * (2 * 1024 * 1024), "a.json"))
    assert "512 KiB" in str(fault(HEAD + b"#" * MAX_BYTES + TAIL))


def test_a_document_that_grows_too_large_as_json_is_refused() -> None:
    # A tab is one byte in YAML and two in JSON.
    error = fault(HEAD + TAIL + b'arguments: {tabs: "' + b"\t" * 300_000 + b'"}\n')
    assert "bytes as JSON" in error.message


def test_the_missing_comma_of_a_real_file_is_found() -> None:
    data = (NORTHFLANK / "demo-service-missing-comma.json").read_bytes()
    error = fault(data, "demo.json")
    assert (error.line, error.column) == (11, 5)
    assert "missing at the end of line 10" in error.message


def test_messages_hold_no_values_and_only_the_beginning_of_long_keys() -> None:
    error = fault(HEAD + b"k" * 5000 + b": {password: hunter2}\n" + TAIL)
    assert len(str(error)) < 400
    assert "hunter2" not in str(fault(HEAD + b"options: {autorun: {password: hunter2}}\n" + TAIL))


# Bytes that mean something to one of the readers, so that random files get somewhere.
pieces = st.sampled_from(
    [b"a", b"b: ", b"- ", b"\n", b"\n  ", b"\r\n", b"{", b"}", b"[", b"]", b",", b":", b'"', b"'", b"|", b">-\n", b"# c",
     b"1", b"-0.5e3", b"0755", b"null", b"true", b"~", b"&x", b"*x", b"!!str ", b"!t", b"<<: ", b"? ", b"---\n", b"...",
     b"%YAML 1.1\n", b"\t", b"\\u0000", b"\\ud800", b"\\n", b"\xef\xbb\xbf", b"\xf0\x9f\x9a\x80", b"\xff", b"\x00", b"\xc2\x85",
     b"\xe2\x80\xa8", b"@", b"`", b"%", HEAD, TAIL, b"steps", b"kind: Workflow"]
)  # fmt: skip


@given(
    st.lists(pieces, max_size=30).map(b"".join) | st.binary(max_size=80),
    st.sampled_from(["a.yaml", "a.json"]),
)
def test_nothing_but_invalid_document_is_ever_raised(data: bytes, path: str) -> None:
    for check in (read, parse):
        try:
            parsed = check(data, path)
        except InvalidDocument:
            continue
        assert parsed.source.position(parsed.root.start) >= (1, 1)
