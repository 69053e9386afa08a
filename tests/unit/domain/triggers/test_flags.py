"""Ignore flags in commit messages."""

from __future__ import annotations

import pytest

from ebbflow.api.gittrigger import DEFAULT_FLAGS, IgnoreFlags
from ebbflow.domain.triggers.change import Commit
from ebbflow.domain.triggers.flags import flagged

ON = IgnoreFlags(enabled=True)


@pytest.mark.parametrize(
    ("message", "found"),
    [
        *[pytest.param(f"Fix a thing {flag}\n", True, id=flag) for flag in DEFAULT_FLAGS],
        pytest.param("Fix\n\nbecause of it [skip ci]", True, id="in the body"),
        pytest.param("x[skip ci]y", True, id="within a word"),
        pytest.param("[Skip CI]", False, id="in upper case"),
        pytest.param("[skip  ci]", False, id="with two spaces"),
        pytest.param("skip ci", False, id="without brackets"),
        pytest.param("", False, id="no message"),
    ],
)
def test_a_flag_is_a_plain_part_of_the_message(message: str, found: bool):
    assert (flagged(ON, [Commit("c1", message)]) is not None) is found


def test_flags_count_only_where_they_are_enabled():
    assert flagged(IgnoreFlags(), [Commit("c1", "[skip ci]")]) is None


def test_flags_of_ones_own_replace_the_usual_ones():
    own = IgnoreFlags(enabled=True, flags=("WIP",))
    assert flagged(own, [Commit("c1", "[skip ci]")]) is None
    assert flagged(own, [Commit("c1", "x"), Commit("c2", "a WIP")]) == (
        Commit("c2", "a WIP"),
        "WIP",
    )


def test_no_commits_hold_no_flag():
    assert flagged(ON, []) is None
