"""File → API server → write-back makes no edit, whatever the API server does to the values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pytest

from tests.env.conftest import Shared
from tests.support.synced import Synced, attach, changed_lines, link

YAML = """\
apiVersion: v1.2
arguments:
  EDITED: before   # the only line that may change
  TRAP: %s
spec: {kind: Workflow, spec: {type: sequential, steps: []}}
"""
JSON = """\
{
  "spec": {"kind": "Workflow", "spec": {"type": "sequential", "steps": []}},
  "arguments": {
    "TRAP": %s,
    "EDITED": "before"
  },
  "apiVersion": "v1.2"
}
"""
LONG = "long words " * 400

YAML_TRAPS = {
    "floats": "[1.0, 1.50, 1e3, 2E0, 6.02e+23, 1e-7, -0.0, .5, 0.1]",
    "whole-float": "1.0",
    "octal-looking": "0755",
    "other-bases": "[0o755, 0xFF, 0b11, 1_000, 12:30:45]",
    "large-integers": "[9223372036854775807, -9223372036854775808, 9007199254740993]",
    "words-of-yaml-1-1": "[yes, no, on, off, Yes, TRUE, ~, null, Null, .inf2]",
    "dates": "[2026-02-03, 2026-02-03T04:05:06Z, 2026-02-03 04:05:06]",
    "nothing": "",
    "nulls": "{a: null, b: [~, null], c: }",
    "quoted": """['007', "true", 'it''s', "", '1.0', "null"]""",
    "unicode": "Grüße an alle in 東京",
    "emoji": "🚀 to the 🌕",
    "escapes": r'"tab\t quote\" back\\slash \u00e9 \U0001F680 nul-free"',
    "long-plain": LONG.strip(),
    "folded": ">-\n    one\n    line\n\n    and another",
    "literal": "|\n    #!/bin/sh\n    echo 'hi'  # not a comment\n",
    "literal-kept": "|+\n    text\n\n\n",
    "empty": "[{}, [], '']",
    "nested-lists": "[[1, [2, []]], [[]], [{a: [1.0]}]]",
    "block-lists": "\n  - - 1\n    - - 2\n  - a: 1\n    b: [x, y]",
    "unsorted-keys": "{z: 1, a: 2, m: {y: 1, b: 2}}",
    "keys-with-dots-and-slashes": "{a.b/c: 1, 'd e': 2, \"f~g\": 3, 0755: 4, yes: 5, 1.0: 6}",
    "expressions": "'${args.NAME} $$ ${{secrets.x}}'",
    "windows-path": r"C:\temp\new",
    "flow-over-lines": "[\n    1.50,   # a comment\n    2e0\n  ]",
}
JSON_TRAPS = {
    "numbers": "[1.0, 1.5000, 1E3, 1e-7, -0, -0.0]",
    "whole-float": "1.0",
    "large-integers": "[9223372036854775807, -9223372036854775808, 9007199254740993]",
    "words": '["007", null, true, "", "null"]',
    "unicode": r'["Grüße 🚀", "Gr\u00fc\u00dfe \ud83d\ude80 \/ \b", "\u2028 \u2029"]',
    "html": r'"<a href=\"x\">&amp;</a>"',
    "long": f'"{LONG}"',
    "empty": "[{ }, [ ]]",
    "nested-lists": '[[1, [2, []]], [[]], [{"a": [1.0]}]]',
    "unsorted-keys": '{"z": 1, "a": 2, "m": {"y": 1, "b": 2}}',
    "keys-with-dots-and-slashes": '{"a.b/c": 1, "d e": 2, "f~g": 3, "": 4}',
    "nulls": '{"a": null, "b": [null]}',
    "odd-spaces": "[ 1 ,2,\t3 ]",
}
FILES = {
    **{f"yaml-{name}": (f"yaml/{name}.yaml", YAML % trap) for name, trap in YAML_TRAPS.items()},
    **{f"json-{name}": (f"json/{name}.json", JSON % trap) for name, trap in JSON_TRAPS.items()},
}


@dataclass(frozen=True)
class Journey:
    """What became of all the files: their texts, and the commits and changed lines of each."""

    commits_before_the_edits: int
    texts: dict[str, str]
    changed: dict[str, list[list[str]]]


@pytest.fixture(scope="module")
def journey(shared: Shared) -> Journey:
    """All files of the table synced, looked at again, edited, and looked at again, side by side."""
    first = {path: text.encode() for path, text in FILES.values()}
    shared.git.create_repository("traps", first)
    traps = {
        name: attach(shared, name, "traps", path=path, ready=False)
        for name, (path, _) in FILES.items()
    }
    look_at_all(traps.values())
    before = len(shared.git.log("traps"))
    for trap in traps.values():
        trap.edit(EDITED="behind")
    for trap in traps.values():
        trap.wait()
    look_at_all(traps.values())
    changed: dict[str, list[list[str]]] = {name: [] for name in FILES}
    for commit in shared.git.log("traps")[:-before]:
        name = commit.message.strip().rpartition("/")[2]
        changed[name].append(changed_lines(shared.git.diff("traps", commit.sha)))
    texts = {name: trap.file().decode() for name, trap in traps.items()}
    return Journey(before, texts, changed)


def look_at_all(traps: Iterable[Synced]) -> None:
    """Force a pass over each, and wait until they are all in step."""
    tokens = {trap: trap.ask_for_a_look() for trap in traps}
    for trap, token in tokens.items():
        trap.wait_look(token)
        trap.wait(reason="InStep")


def test_a_file_that_only_went_through_the_api_server_is_not_edited(journey: Journey) -> None:
    assert journey.commits_before_the_edits == 1


def test_an_edited_scalar_changes_its_line_and_no_other(journey: Journey) -> None:
    lines = {
        "yaml": "  EDITED: {}   # the only line that may change",
        "json": '    "EDITED": "{}"',
    }
    expected = {
        name: [["-" + line.format("before"), "+" + line.format("behind")]]
        for name in FILES
        for line in [lines[name[:4]]]
    }
    assert journey.changed == expected


def test_the_rest_of_the_file_stays_as_people_wrote_it(journey: Journey) -> None:
    edited = {name: text.replace("before", "behind") for name, (_, text) in FILES.items()}
    assert journey.texts == edited


def test_windows_line_ends_and_a_byte_order_mark_stay(shared: Shared) -> None:
    text = b"\xef\xbb\xbf" + (YAML % "1.0").replace("\n", "\r\n").encode()
    shop = link(shared, "windows", text)
    shop.look_now()
    assert shop.subjects() == ["Begin"]
    shop.edit(EDITED="behind")
    shop.wait_file(text.replace(b"before", b"behind"))


def test_a_last_line_without_an_end_stays_without_one(shared: Shared) -> None:
    text = (YAML % "1.0").rstrip("\n").encode()
    shop = link(shared, "last-line", text)
    shop.edit(EDITED="behind")
    shop.wait_file(text.replace(b"before", b"behind"))
