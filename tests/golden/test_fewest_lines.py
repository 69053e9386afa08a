"""Edits in which other tools touch more than they must: ours touch no line besides.

What must change is counted by hand: a changed line is one that comes and one that goes.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any

import jsonpatch
import pytest

from ebbflow.domain.document import InvalidDocument, read, same
from ebbflow.domain.writeback import edit

SETTINGS = """\
# Settings of the shop
apiVersion: v1
kind: ConfigMap
metadata:
    name: shop        # as everywhere
    labels:
        app: shop     # and this

data:
    # How many; see the wiki.
    REPLICAS: "2"     # per region
    COLOUR: red       # of the door
    NOTE: >-
        These words are folded
        over two lines.
    # Only for the old door:
    HINGES: left
    HANDLE: right
    SCRIPT: |
        set -eu
        echo one
        echo two

    EMOJI: "\\u2615 and 🚀"   # a cup
    NAME: "caf\\u00e9"
"""

ROLE = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: reader
rules:
  # config
  - apiGroups: [""]
    resources: ["configmaps"]
    verbs: ["get"]

  # just these
  - apiGroups: ["batch"]
    resources: ["jobs"]   # no cron jobs
    verbs: ["get"]
"""

FLOW = """\
{apiVersion: v1,   kind: ConfigMap, # all in flow
 metadata: {name: flow},
 data: {REPLICAS: "2", COLOUR: red}}
"""

RULE = {
    "apiGroups": ["apps"],
    "resources": ["deployments"],
    "verbs": ["get"],
}


@dataclass(frozen=True)
class Case:
    """A file, an edit as a JSON patch, and how many lines must come and go."""

    text: str
    patch: list[dict[str, Any]]
    come: int
    go: int


def put(path: str, value: Any) -> dict[str, Any]:
    return {"op": "replace", "path": path, "value": value}


def add(path: str, value: Any) -> dict[str, Any]:
    return {"op": "add", "path": path, "value": value}


CASES = {
    "scalar-in-a-commented-file": Case(SETTINGS, [put("/data/REPLICAS", "5")], 1, 1),
    "new-key": Case(SETTINGS, [add("/data/ZONE", "a")], 1, 0),
    "key-removed-with-its-own-comment": Case(
        SETTINGS, [{"op": "remove", "path": "/data/HINGES"}], 0, 2
    ),
    "one-line-of-a-literal": Case(
        SETTINGS, [put("/data/SCRIPT", "set -eu\necho 1\necho two\n")], 1, 1
    ),
    "list-item-between-commented-ones": Case(ROLE, [add("/rules/1", RULE)], 3, 0),
    "strings-that-look-like-something-else": Case(
        SETTINGS, [put("/data/REPLICAS", "1e3"), put("/data/COLOUR", "yes")], 2, 2
    ),
    "line-breaks-of-another-system": Case(
        SETTINGS.replace("\n", "\r\n"), [put("/data/COLOUR", "blue")], 1, 1
    ),
    "flow-style": Case(FLOW, [put("/data/REPLICAS", "5")], 1, 1),
    "emoji-and-escapes-beside": Case(SETTINGS, [put("/metadata/labels/app", "door")], 1, 1),
    "no-final-line-break": Case(SETTINGS.rstrip("\n"), [put("/data/COLOUR", "blue")], 1, 1),
    "a-document-with-its-marker": Case("---\n" + SETTINGS, [put("/data/COLOUR", "blue")], 1, 1),
    "flow-style-new-key": Case(FLOW, [add("/data/ZONE", "a")], 1, 1),
    "a-line-of-a-literal-gains-a-blank": Case(
        SETTINGS, [put("/data/SCRIPT", "set -eu\necho one \necho two\n")], 1, 1
    ),
}
PEER_COUNTED = 10  # the first ten, where 78 lines were touched and 25 had to change


def lines_touched(before: str, after: str) -> tuple[int, int]:
    """Count the lines that came and went."""
    # Without junk heuristics, and with the breaks: a changed break is a changed line.
    matcher = difflib.SequenceMatcher(
        None, before.splitlines(keepends=True), after.splitlines(keepends=True), autojunk=False
    )
    changed = [code for code in matcher.get_opcodes() if code[0] != "equal"]
    return sum(j2 - j1 for *_, j1, j2 in changed), sum(i2 - i1 for _, i1, i2, *_ in changed)


def edited(case: Case) -> str:
    wanted = jsonpatch.apply_patch(read(case.text.encode(), "a.yaml").value, case.patch)
    data = edit(case.text.encode(), "a.yaml", wanted)
    assert same(read(data, "a.yaml").value, wanted)
    return data.decode()


@pytest.mark.parametrize("name", CASES)
def test_no_line_is_touched_that_need_not_be(name: str) -> None:
    case = CASES[name]
    assert lines_touched(case.text, edited(case)) == (case.come, case.go)


def comments_of(text: str) -> list[str]:
    return ["#" + line.partition("#")[2] for line in text.splitlines() if "#" in line]


@pytest.mark.parametrize("name", CASES)
def test_every_comment_stays_but_that_of_a_removed_key(name: str) -> None:
    case = CASES[name]
    gone = ["# Only for the old door:"] if "removed" in name else []
    assert comments_of(edited(case)) == [c for c in comments_of(case.text) if c not in gone]


def test_ten_edits_touch_what_had_to_change_and_nothing_else() -> None:
    first = list(CASES.values())[:PEER_COUNTED]
    touched = [lines_touched(case.text, edited(case)) for case in first]
    assert sum(come + go for come, go in touched) == sum(case.come + case.go for case in first)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("a: &x 1\nb: *x\n", "line 1, column 4", id="anchor-and-alias"),
        pytest.param(f"{SETTINGS}---\n{SETTINGS}", "one document", id="several-documents"),
    ],
)
def test_what_cannot_be_edited_safely_is_refused_with_its_place(text: str, words: str) -> None:
    with pytest.raises(InvalidDocument, match=words):
        read(text.encode(), "a.yaml")
