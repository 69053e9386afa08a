"""Path rules: which changed files count, in the syntax of gitignore(5)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import re2
from pathspec import GitIgnoreSpec
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

from ebbflow.api.gittrigger import PathRules

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False


def _pattern(line: str) -> GitIgnoreSpecPattern:
    """Read one pattern. RE2 matches it in time linear in the path, which tenants cannot stretch."""
    # At the end, Git's `**/` means the directories below; the package would take files too.
    pattern = GitIgnoreSpecPattern(f"{line}*/" if line.endswith("/**/") else line)
    if pattern.regex is not None:
        pattern.regex = re2.compile(pattern.regex.pattern, _OPTIONS)
    return pattern


@lru_cache(maxsize=512)
def _compiled(patterns: tuple[str, ...]) -> GitIgnoreSpec:
    # One by one: a set of RE2 that runs out of memory matches nothing, and does not say so.
    return GitIgnoreSpec.from_lines(patterns, _pattern, backend="simple")


def check_patterns(patterns: tuple[str, ...]) -> None:
    """Raise ValueError, with the pattern, if one cannot be read."""
    for pattern in patterns:
        try:
            _pattern(pattern)
        except (ValueError, re.error, re2.error) as error:
            raise ValueError(f"{pattern!r} is no pattern as .gitignore takes it") from error


def counting(rules: PathRules, paths: Sequence[str]) -> str | None:
    """Return the first changed file for which the rules fire; None if there is none.

    Ignore: a file that no pattern matches. Allow: one that a pattern matches. The patterns must
    be readable (`check_patterns`).
    """
    spec = _compiled(rules.patterns)
    wanted = rules.mode == "Allow"
    return next((path for path in paths if spec.match_file(_plain(path)) is wanted), None)


def met(rules: PathRules | None, paths: Sequence[str] | None) -> bool:
    """Tell whether a change of these files fires; None stands for any, and is met.

    A change of no files (an empty commit, a branch put back) is made on purpose and has nothing
    that could be ignored: it fires in mode Ignore. In mode Allow no file of it matches.
    """
    if rules is None or paths is None:
        return True
    if not paths:
        return rules.mode == "Ignore"
    return counting(rules, paths) is not None


def _plain(path: str) -> str:
    # Bytes that are no UTF-8 reach us as lone surrogates, which RE2 does not take.
    return path.encode(errors="replace").decode()
