"""`python -m bench [all | NAME ...] [--profile]`: measure, print the figures, keep them.

Each bench is measured on a cluster of its own; one that fails does not stop the next. The figures
are kept in bench/results, and the tables of docs/performance.md written anew from them. With
--profile the operator runs under a sampler, its report is kept below .build/bench, and the figures
are only shown: they are not what the operator does when it is left alone.
"""

from __future__ import annotations

import argparse
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import fidelity, latency, many, pages, runs, sources, triggers, webhook
from bench.figures import HEAD, Figure, keep, load
from bench.operator_process import OPERATOR, ROOT, Launch, profiled

REPORTS = ROOT / ".build" / "bench"

BENCHES: dict[str, Callable[[Launch], Iterator[Figure]]] = {
    "latency": latency.measure,
    "fidelity": fidelity.measure,
    "many": lambda launch: many.measure(1000, 3, 3, launch),
    "sources": lambda launch: sources.measure(200, 3, launch),
    "runs": lambda launch: runs.measure(1000, launch),
    "triggers": lambda launch: triggers.measure(1000, 100, 3, launch),
    "webhook": webhook.measure,
    "most": lambda launch: many.measure(10_000, 1, 1, launch),
}


def main() -> int:
    """Run the named benches, or all of them; returns 1 if one failed."""
    arguments = _arguments()
    named = arguments.names or ["all"]
    names = list(BENCHES) if "all" in named else named
    failed = [name for name in names if not _run(name, profile=arguments.profile)]
    if failed:
        print(f"not measured: {', '.join(failed)}")
    return 1 if failed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(("all", *BENCHES)))
    parser.add_argument("--profile", action="store_true", help="run the operator under a sampler")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - {"all", *BENCHES}:
        parser.error(f"there is no bench {min(unknown)}; there are all, {', '.join(BENCHES)}")
    return arguments


def _run(name: str, *, profile: bool) -> bool:
    print(f"==> {name}, at a load of {load()}", flush=True)
    report = _report(name)
    figures: list[Figure] = []
    print(HEAD)
    try:
        for figure in BENCHES[name](profiled(report) if profile else OPERATOR):
            print(figure.row(), flush=True)
            figures.append(figure)
    except Exception:  # noqa: BLE001 - the others are measured all the same
        traceback.print_exc()
        return False
    if profile:
        print(f"the report is in {report}", flush=True)
    else:
        print(f"kept in {keep(figures, name)}", flush=True)
        pages.put(name)
    return True


def _report(name: str) -> Path:
    REPORTS.mkdir(parents=True, exist_ok=True)
    return REPORTS / f"{name}.txt"


if __name__ == "__main__":
    raise SystemExit(main())
