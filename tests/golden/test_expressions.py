"""The check of expressions, pair by pair: a document, and what is wrong with it and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from ebbflow.domain.document import parse
from ebbflow.domain.expression import check

CASES = sorted(path for path in (Path(__file__).parent / "expressions").iterdir() if path.is_dir())


def problems(given: Path) -> str:
    """Return the problems of a file, one a line."""
    parsed = parse(given.read_bytes(), given.name)
    found = check(parsed.value, parsed=parsed)
    assert all(problem.exact for problem in found)
    return "".join(f"{problem}\n" for problem in found)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_problems_are_as_expected(case: Path) -> None:
    (given,) = case.glob("document.*")
    assert problems(given) == (case / "problems.txt").read_text()


def test_there_are_cases() -> None:
    assert len(CASES) >= 6
