"""Figures: the values of one measurement, with the load that they were taken under."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from ebbflow import __version__
from ebbflow.devcluster.binaries import locate

RESULTS = Path(__file__).parent / "results"
LIBRARIES = ("kopf", "aiohttp", "pydantic", "dulwich", "pyyaml", "prometheus-client")
NOTHING = "-"
HEAD = "| measurement | unit | runs | min | median | max | load |\n|---|---|---|---|---|---|---|"
"""Of a Markdown table of figures."""


def load() -> float:
    """Return the mean number of processes that wanted a CPU in the last minute."""
    return round(os.getloadavg()[0], 1)


@dataclass(frozen=True, slots=True)
class Figure:
    """One measurement: what, in which unit, every value of it, and the load when it ended."""

    name: str
    unit: str
    values: tuple[float, ...]
    load: float = field(default_factory=load)

    def row(self) -> str:
        """Return the figure as a row of a Markdown table."""
        low, middle, high = min(self.values), median(self.values), max(self.values)
        several = len(self.values) > 1
        ends = (_shown(low), _shown(high)) if several else (NOTHING, NOTHING)
        cells = (self.name, self.unit, str(len(self.values)), ends[0], _shown(middle), ends[1])
        return f"| {' | '.join(cells)} | {self.load:.1f} |"


def _shown(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def keep(figures: Sequence[Figure], name: str) -> Path:
    """Write the figures with the date, the machine, its load and the versions; returns the file."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    kept = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "load": load(),
        "versions": versions(),
        "figures": [_rounded(figure) for figure in figures],
    }
    path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def read(path: Path) -> tuple[str, list[Figure]]:
    """Return when figures were kept, and the figures."""
    kept = json.loads(path.read_text(encoding="utf-8"))
    figures = [
        Figure(each["name"], each["unit"], tuple(each["values"]), each["load"])
        for each in kept["figures"]
    ]
    return kept["at"], figures


def _rounded(figure: Figure) -> dict[str, Any]:
    return asdict(figure) | {"values": [round(value, 4) for value in figure.values]}


def machine() -> dict[str, Any]:
    """Return what the figures were measured on."""
    processors = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    models = {line.partition(":")[2].strip() for line in processors if "model name" in line}
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "cpus": os.cpu_count(),
        "model": ", ".join(sorted(models)),
        "memory_gib": round(pages / 2**30, 1),
        "system": platform.platform(),
    }


def versions() -> dict[str, str]:
    """Return the versions of what was measured, and of what it ran against."""
    found = {"ebbflow": __version__, "commit": _said("git", "rev-parse", "--short", "HEAD")}
    found |= {"python": platform.python_version(), "git": _said("git", "version").split()[-1]}
    found["kubernetes"] = _said(str(locate().path("kube-apiserver")), "--version").split()[-1]
    return found | {name: version(name) for name in LIBRARIES}


def _said(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip()
