"""`python -m bench [latency|many ...]`: measure, print a table, keep the figures."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

from bench import latency, many
from bench.figures import Figure, keep, table

BENCHES: dict[str, Callable[[], Iterator[Figure]]] = {
    "latency": latency.measure,
    "many": lambda: many.measure(1000),
}


def main() -> int:
    """Run the named benches, or all of them."""
    names = sys.argv[1:] or list(BENCHES)
    if unknown := [name for name in names if name not in BENCHES]:
        print(f"there is no bench {unknown[0]}; there are {', '.join(BENCHES)}")
        return 2
    for name in names:
        print(f"==> {name}", flush=True)
        figures = list(BENCHES[name]())
        print(table(figures))
        print(f"kept in {keep(figures, name)}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
