"""Conflicts in a status: values as short texts, and never a secret."""

from __future__ import annotations

from typing import Any

import pytest

from ebbflow.domain.conflicts import HIDDEN, SHOWN_CONFLICTS, shown_conflicts
from ebbflow.domain.merge import ABSENT, MergeConflict

TOKEN = "glpat-" + "a1B2c3D4e5F6g7H8i9J0"


def shown(path: str, base: Any, ours: Any, theirs: Any, **document: Any) -> list[str | None]:
    (one,) = shown_conflicts((MergeConflict(path, base, ours, theirs),), document)
    assert one.path == path
    return [one.base, one.cluster, one.git]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param("two words", "two words", id="text-as-it-is"),
        pytest.param(2, "2", id="a-number"),
        pytest.param(True, "true", id="a-boolean"),
        pytest.param(None, "null", id="null"),
        pytest.param({"a": [1, "x"]}, '{"a":[1,"x"]}', id="compact-json"),
        pytest.param(ABSENT, None, id="not-there"),
        pytest.param("x" * 300, "x" * 255 + "…", id="too-long"),
        pytest.param(TOKEN, HIDDEN, id="a-token"),
        pytest.param({"deep": [TOKEN]}, HIDDEN, id="a-token-inside"),
    ],
)
def test_values_are_texts(value: Any, text: str | None) -> None:
    assert shown("name", value, "a", "b") == [text, "a", "b"]


@pytest.mark.parametrize(
    ("path", "hidden"),
    [
        pytest.param("arguments.KEY", True, id="the-argument"),
        pytest.param("arguments.KEY.part", True, id="inside-it"),
        pytest.param('arguments["A KEY"]', True, id="a-quoted-name"),
        pytest.param("arguments", True, id="all-arguments"),
        pytest.param("arguments.KEYS", False, id="another-argument"),
        pytest.param("name", False, id="another-field"),
    ],
)
def test_sensitive_arguments_are_hidden(path: str, hidden: bool) -> None:
    values = shown(path, "a", "b", ABSENT, sensitiveArguments=["KEY", "A KEY"])
    assert values == ([HIDDEN, HIDDEN, None] if hidden else ["a", "b", None])


def test_only_the_first_are_listed() -> None:
    conflicts = tuple(MergeConflict(f"a{i}", 1, 2, 3) for i in range(50))
    listed = shown_conflicts(conflicts, {})
    assert [conflict.path for conflict in listed] == [f"a{i}" for i in range(SHOWN_CONFLICTS)]
