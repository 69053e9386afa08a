"""Files that are no documents: each is refused with its place, and the last good document stays."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.env.conftest import Shared
from tests.support.builders import document
from tests.support.synced import SHOP, Synced, as_json, attach, link

GOOD_JSON = as_json(document({"REPLICAS": "2", "COLOUR": "red"}))
HEAD = b"apiVersion: v1.2\nspec: {kind: Workflow, spec: {type: sequential, steps: []}}\n"
LEVELS = 100_000
BOMB = b"".join(
    [b"a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"]
    + [b"a%d: &a%d [%s]\n" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 10)) for n in range(1, 10)]
)
MERGE_BOMB = b"base: &b {k: v}\nx:\n  <<: [%s]\n" % b", ".join([b"*b"] * 1000)


@dataclass(frozen=True)
class Bad:
    """A file that somebody pushes, and what the object says to it."""

    content: bytes
    words: str
    reason: str = "InvalidDocument"
    ending: str = "yaml"


TABLE = {
    # What is not YAML or JSON at all
    "broken-yaml": Bad(b"apiVersion: v1.2\narguments: [\n", "line 3, column 1: this is not YAML"),
    "broken-json": Bad(
        b'{\n  "apiVersion": "v1.2"\n  "spec": {}\n}\n',
        "line 3, column 3: expected a comma or } here; is a comma missing at the end of line 2?",
        ending="json",
    ),
    "empty": Bad(b"", "the file holds no document"),
    "empty-json": Bad(b"\n", "the file holds no document", ending="json"),
    "not-utf-8": Bad(HEAD + b"name: \xff\n", "line 3, column 7"),
    "binary": Bad(b"\x7fELF\x02\x01\x00\x00" * 64, "line 1, column"),
    "tab-in-yaml": Bad(HEAD + b"arguments:\n\tA: 1\n", "line 4, column 1: a tab cannot indent"),
    "two-documents": Bad(HEAD + b"---\n" + HEAD, "line 3, column 1: a file holds one document"),
    "json-with-comment": Bad(
        b'{"apiVersion": "v1.2", // no\n}', "JSON has no comments", ending="json"
    ),
    # What would cost too much
    "two-mebibytes": Bad(HEAD + b"# " + b"x" * (2 << 20) + b"\n", "576 KiB", reason="FileTooLarge"),
    "over-512-kibibytes": Bad(HEAD + b"# " + b"x" * (520 << 10) + b"\n", "512 KiB"),
    "yaml-bomb": Bad(HEAD + BOMB, "line 3, column 5: anchors are not allowed"),
    "merge-keys": Bad(HEAD + MERGE_BOMB, "line 3, column 7: anchors are not allowed"),
    "alias": Bad(
        HEAD + b"arguments: {A: *nowhere}\n", "line 3, column 16: aliases are not allowed"
    ),
    "merge-key-alone": Bad(
        HEAD + b"arguments:\n  <<: {A: 1}\n", "line 4, column 3: merge keys (<<) are not allowed"
    ),
    "yaml-brackets": Bad(b"[" * LEVELS, "nested deeper than 64 levels"),
    "yaml-closed-brackets": Bad(b"[" * LEVELS + b"]" * LEVELS, "nested deeper than 64 levels"),
    "yaml-braces": Bad(b"{a: " * LEVELS, "nested deeper than 64 levels"),
    "yaml-dashes": Bad(b"- " * LEVELS, "nested deeper than 64 levels"),
    "yaml-brackets-in-a-value": Bad(
        HEAD + b"arguments: {A: " + b"[" * LEVELS + b"}\n", "line 3, column"
    ),
    "json-brackets": Bad(b"[" * LEVELS, "nested deeper than 64 levels", ending="json"),
    "json-braces": Bad(b'{"a":' * LEVELS, "nested deeper than 64 levels", ending="json"),
    # What would be read in two ways, or not as it stands there
    "twice-the-same-key": Bad(
        HEAD + b"arguments:\n  A: 1\n  A: 2\n", 'line 5, column 3: the key "A" is there twice'
    ),
    "twice-in-json": Bad(
        b'{"apiVersion": "v1.2",\n "apiVersion": "v1.2"}',
        'line 2, column 2: the key "apiVersion" is there twice',
        ending="json",
    ),
    "python-tag": Bad(HEAD + b"name: !!python/object/apply:os.system [ls]\n", "line 3, column 7"),
    "thirty-digits": Bad(
        HEAD + b"arguments: {A: 123456789012345678901234567890}\n",
        "line 3, column 16: the integer does not fit into 64 bits",
    ),
    "not-a-number": Bad(b'{"apiVersion": NaN}', "line 1, column 16", ending="json"),
    # What is no document of ours
    "a-list": Bad(b"- one\n- two\n", "a document is an object"),
    "no-version": Bad(HEAD.partition(b"\n")[2], "the key apiVersion is missing"),
    "unknown-key": Bad(HEAD + b"argument: {}\n", "line 3, column 1: argument: unknown key"),
    "unknown-kind": Bad(
        b"apiVersion: v1.2\nspec:\n  kind: Workflow\n  spec:\n    steps:\n    - kind: Manifst\n",
        "did you mean Manifest?",
    ),
    "overrides-in-the-file": Bad(
        HEAD + b"argumentOverrides: {A: 1}\n", "line 3, column 1: argumentOverrides: overrides"
    ),
}


def good(bad: Bad) -> bytes:
    return GOOD_JSON if bad.ending == "json" else SHOP


@pytest.fixture(scope="module")
def shops(shared: Shared) -> dict[str, Synced]:
    """All Templates of the table in step with good files, then with a bad one pushed to each."""
    paths = {name: f"{name}.{bad.ending}" for name, bad in TABLE.items()}
    shared.git.create_repository("bad", {paths[n]: good(bad) for n, bad in TABLE.items()})
    made = {n: attach(shared, n, "bad", path=path, ready=False) for n, path in paths.items()}
    for shop in made.values():
        shop.wait()
    shared.git.commit("bad", {paths[n]: bad.content for n, bad in TABLE.items()}, "Break it all")
    return made


@pytest.mark.parametrize("name", TABLE)
def test_a_bad_file_is_refused_with_its_place_and_the_document_stays(
    shared: Shared, shops: dict[str, Synced], name: str
) -> None:
    message = shops[name].wait_stalled(TABLE[name].reason)
    assert name in message
    assert TABLE[name].words in message
    assert shops[name].arguments() == {"REPLICAS": "2", "COLOUR": "red"}
    assert shops[name].get()["status"]["sync"]["commit"]
    assert shared.operator.running


def test_mended_files_are_taken_again(shared: Shared, shops: dict[str, Synced]) -> None:
    for name in TABLE:
        shops[name].wait("False")
    mended = {shops[name].path: good(bad).replace(b'"2"', b'"3"') for name, bad in TABLE.items()}
    shared.git.commit("bad", mended, "Mend it all")
    for shop in shops.values():
        shop.wait_arguments(REPLICAS="3", COLOUR="red")
        shop.wait()
    assert shops["alias"].subjects() == ["Mend it all", "Break it all", "Begin"]


def test_a_first_file_that_is_bad_leaves_the_objects_document(shared: Shared) -> None:
    own = document({"REPLICAS": "9"})
    shop = link(shared, "bad-at-first", b"apiVersion: [\n", document=own, ready=False)
    message = shop.wait_stalled("InvalidDocument")
    assert "templates/shop.yaml: line 2, column 1" in message
    assert shop.document() == own
    shop.push(SHOP)
    shop.wait_arguments(REPLICAS="2", COLOUR="red")
