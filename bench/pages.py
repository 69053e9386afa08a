"""The tables of docs/performance.md, written anew from what was measured."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from bench.figures import HEAD, RESULTS, Figure, read

PAGE = Path(__file__).resolve().parents[1] / "docs" / "performance.md"


def put(name: str, page: Path = PAGE, results: Path = RESULTS) -> None:
    """Replace the table of a bench in the page by one of its kept figures.

    The place is between `<!-- figures: NAME -->` and `<!-- end -->`; without it nothing is done.
    """
    text = page.read_text(encoding="utf-8")
    begin, end = f"<!-- figures: {name} -->\n", "<!-- end -->"
    place = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    at, figures = read(results / f"{name}.json")
    filled = f"{begin}{_table(at, figures)}\n{end}"
    page.write_text(place.sub(lambda _: filled, text), encoding="utf-8")


def _table(at: str, figures: Sequence[Figure]) -> str:
    rows = "\n".join(figure.row() for figure in figures)
    return f"{HEAD}\n{rows}\n\nMeasured on {at[:10]}."
