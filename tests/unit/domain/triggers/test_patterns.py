"""Globs of branches, tags and labels."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbflow.domain.triggers.patterns import matches, matches_any

CASES = [
    ("main", "main", True),
    ("main", "maint", False),
    ("main", "xmain", False),
    ("main", "Main", False),
    ("*", "main", True),
    ("*", "a/b/c", True),
    ("*", "", True),
    ("release/*", "release/1.0", True),
    ("release/*", "release/1.0/fix", True),
    ("release/*", "release/", True),
    ("release/*", "release", False),
    ("release/*", "x/release/1.0", False),
    ("*/fix", "team/shop/fix", True),
    ("*/fix", "fix", False),
    ("a*b*c", "abc", True),
    ("a*b*c", "a/x/b/y/c", True),
    ("a*b*c", "acb", False),
    ("a*a", "a", False),
    ("a*a", "aa", True),
    ("*a*", "bab", True),
    ("**", "a/b", True),
    ("v1.*", "v1x2", False),
    ("a.b", "axb", False),
    ("[ab]", "a", False),
    ("[ab]", "[ab]", True),
    ("a?", "ab", False),
    ("#1", "#1", True),
    ("grün", "grün", True),
    ("it's(x);&=+%,!", "it's(x);&=+%,!", True),
]


@pytest.mark.parametrize(
    ("glob", "name", "expected"), CASES, ids=[f"{g} on {n or 'nothing'}" for g, n, _ in CASES]
)
def test_a_glob_matches_whole_names_and_a_star_anything(glob: str, name: str, expected: bool):
    assert matches(glob, name) is expected


@given(st.text("ab/*.", max_size=8), st.text("ab/.", max_size=10))
def test_a_glob_means_what_a_regular_expression_says(glob: str, name: str):
    expression = ".*".join(re.escape(part) for part in glob.split("*"))
    assert matches(glob, name) is (re.fullmatch(expression, name, re.DOTALL) is not None)


def test_none_of_no_globs_matches():
    assert not matches_any((), "main")
    assert matches_any(("dev", "ma*"), "main")


def test_a_glob_of_many_stars_takes_no_time():
    began = time.process_time()
    assert not matches("*a" * 127, "a" * 126 + "b")
    assert not matches("*ab" * 80 + "c", "a" * 5000)
    assert time.process_time() - began < 0.5
