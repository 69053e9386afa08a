"""Path rules, as gitignore(5) has them."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ebbflow.api.gittrigger import PathRules
from ebbflow.domain.triggers.paths import check_patterns, counting, met

DOCS = ("docs/", "*.md", "!docs/api.md")


def rules(*patterns: str, mode: str = "Ignore") -> PathRules:
    return PathRules.model_validate({"mode": mode, "patterns": patterns})


# What it is, the patterns, the changed files, whether Ignore fires, whether Allow does.
CASES = [
    ("all matched", DOCS, ["docs/a.txt", "x/README.md"], False, True),
    ("some matched", DOCS, ["docs/a.txt", "src/a.py"], True, True),
    ("none matched", DOCS, ["src/a.py"], True, False),
    ("one taken back", DOCS, ["docs/api.md"], True, False),
    ("one taken back among others", DOCS, ["docs/a.md", "docs/api.md"], True, True),
    ("no file at all", DOCS, [], True, False),
    ("a directory is no file of its name", ("docs/",), ["docs"], True, False),
    ("a directory anywhere", ("docs/",), ["a/b/docs/c/d.txt"], False, True),
    ("a directory at the root", ("/docs/",), ["a/docs/b"], True, False),
    ("a slash inside binds to the root", ("a/b",), ["x/a/b"], True, False),
    ("a name anywhere", ("Makefile",), ["a/Makefile"], False, True),
    ("a name as a directory", ("build",), ["build/x/y"], False, True),
    ("a star keeps to its directory", ("/a/*.md",), ["a/b/c.md"], True, False),
    ("two stars cross directories", ("a/**/c",), ["a/x/y/c"], False, True),
    ("two stars before", ("**/c",), ["c"], False, True),
    ("two stars behind", ("a/**",), ["a/b/c"], False, True),
    ("a question mark", ("a?.py",), ["ab.py"], False, True),
    ("a range", ("[a-c].py",), ["b.py"], False, True),
    ("a range turned round", ("[!a-c].py",), ["b.py"], True, False),
    ("a comment matches nothing", ("#a",), ["#a"], True, False),
    ("an escaped comment", (r"\#a",), ["#a"], False, True),
    ("an escaped exclamation mark", (r"\!a",), ["!a"], False, True),
    ("spaces at the end count for nothing", ("a.md  ",), ["a.md"], False, True),
    ("all but one directory", ("*", "!src/", "!src/**"), ["src/a"], True, False),
    ("upper case differs", ("*.MD",), ["a.md"], True, False),
    ("a later pattern wins", ("!a", "a"), ["a"], False, True),
    ("spaces inside", ("my docs/",), ["my docs/a b"], False, True),
    ("other scripts", ("größe/*",), ["größe/日本"], False, True),
    ("a name that is no UTF-8", ("a/",), ["a/\udcff"], False, True),
    ("5,000 files", ("docs/",), [f"docs/{n}" for n in range(5000)], False, True),
    ("5,000 files and another", ("docs/",), [*(f"docs/{n}" for n in range(5000)), "x"], True, True),
]  # fmt: skip


@pytest.mark.parametrize(
    ("patterns", "paths", "ignore", "allow"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_ignore_wants_one_file_left_and_allow_one_matched(
    patterns: tuple[str, ...], paths: list[str], ignore: bool, allow: bool
):
    assert met(rules(*patterns), paths) is ignore
    assert met(rules(*patterns, mode="Allow"), paths) is allow


@pytest.mark.parametrize("mode", ["Ignore", "Allow"])
def test_files_that_nobody_knows_meet_every_rule(mode: str):
    assert met(rules("*", mode=mode), None)


def test_without_rules_everything_fires():
    assert met(None, [])
    assert met(None, ["a"])


def test_the_file_that_fires_is_named():
    assert counting(rules("docs/"), ["docs/a", "x.py", "y.py"]) == "x.py"
    assert counting(rules("*.py", mode="Allow"), ["docs/a", "x.py"]) == "x.py"


@pytest.mark.parametrize("pattern", ["!", "[z-a]"])
def test_a_pattern_that_nobody_can_read_is_named(pattern: str):
    with pytest.raises(ValueError, match=re.escape(repr(pattern))):
        check_patterns(("docs/", pattern))


def test_patterns_that_can_be_read_are_fine():
    check_patterns((*DOCS, "", "/", "#", "[a", r"\#", "**", "a" * 260))


def test_patterns_made_to_be_slow_are_not():
    slow = rules(*("*a" * 130,) * 100, mode="Allow")
    began = time.process_time()
    assert not met(slow, ["a" * 200 + "b"] * 50)
    assert time.process_time() - began < 5


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("ignored")
    subprocess.run(["git", "init", "-q", root], check=True)
    return root


_NAMES = st.sampled_from(["a", "b", "a.md", "docs", "x y"])
_PATHS = st.lists(_NAMES, min_size=1, max_size=3).map("/".join)
_PART = st.sampled_from(["a", "b", "*", "**", "*.md", "docs", "?", "[ab]", "a.md", "x y"])
_PATTERN = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "/"]),
    st.lists(_PART, min_size=1, max_size=3).map("/".join),
    st.sampled_from(["", "/"]),
)


@given(
    patterns=st.lists(_PATTERN, min_size=1, max_size=4),
    paths=st.lists(_PATHS, min_size=1, max_size=8, unique=True),
)
@example(patterns=["docs/", "*.md"], paths=["docs/a", "a.md", "x y/a.md", "docs"])
def test_patterns_match_what_git_ignores(repository: Path, patterns: list[str], paths: list[str]):
    (repository / ".git/info/exclude").write_text("".join(f"{p}\n" for p in patterns))
    asked = subprocess.run(
        ["git", "-C", repository, "check-ignore", "--no-index", "-z", "--stdin"],
        input="".join(f"{path}\0" for path in paths).encode(),
        capture_output=True,
        check=False,
    )
    ignored = {path for path in asked.stdout.decode().split("\0") if path}
    spec = rules(*patterns, mode="Allow")
    assert {path for path in paths if met(spec, [path])} == ignored
