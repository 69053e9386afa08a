"""Figures: several values of one measurement, and how they are shown and kept."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measurement: what, in which unit, and every value of it."""

    name: str
    unit: str
    values: tuple[float, ...]

    def row(self) -> str:
        """Return the figure as a row of a Markdown table."""
        low, middle, high = min(self.values), median(self.values), max(self.values)
        cells = [_shown(low), _shown(middle), _shown(high)] if len(self.values) > 1 else []
        cells = cells or ["", _shown(middle), ""]
        return f"| {self.name} | {self.unit} | {len(self.values)} | {' | '.join(cells)} |"


def _shown(value: float) -> str:
    return f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def table(figures: Iterable[Figure]) -> str:
    """Return a Markdown table."""
    head = "| measurement | unit | runs | min | median | max |\n|---|---|---|---|---|---|"
    return "\n".join([head, *(figure.row() for figure in figures)])


def keep(figures: Iterable[Figure], name: str) -> Path:
    """Write the figures with date, machine and load; returns the file."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(
        json.dumps(
            {
                "at": datetime.now(UTC).isoformat(timespec="seconds"),
                "cpus": os.cpu_count(),
                "python": platform.python_version(),
                "load": os.getloadavg()[0],
                "figures": [asdict(figure) for figure in figures],
            },
            indent=1,
        )
        + "\n"
    )
    return path
