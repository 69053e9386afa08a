"""`python -m bench.sampler REPORT operator ...`: the operator, with its stacks counted meanwhile.

A thread looks at every other thread's stack two hundred times a second. What waits does not count.
The report shows where the time went, by function alone and with all that it called; with
PYTHONTRACEMALLOC set also which lines hold memory at the end.
"""

from __future__ import annotations

import runpy
import sys
import threading
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

PERIOD = 0.005
SHOWN = 60
WAITING = ("select", "wait", "_worker", "accept", "poll", "recv_into", "read", "readinto")
"""Functions that are left out while they are the innermost: they wait, or another library does."""


class Sampler(threading.Thread):
    """Counts stacks until it is stopped."""

    def __init__(self) -> None:
        super().__init__(name="sampler", daemon=True)
        self.stopped = threading.Event()
        self.samples = 0
        self.alone: Counter[str] = Counter()
        self.whole: Counter[str] = Counter()

    def run(self) -> None:
        """Take samples."""
        own = threading.get_ident()
        while not self.stopped.wait(PERIOD):
            self.samples += 1
            for thread, frame in sys._current_frames().items():  # noqa: SLF001 - made for this
                if thread != own and frame.f_code.co_name not in WAITING:
                    self._count(frame)

    def _count(self, frame: FrameType) -> None:
        names = list(_names(frame))
        self.alone[names[0]] += 1
        self.whole.update(set(names))

    def report(self, seconds: float) -> str:
        """Return the figures as text."""
        lines = [f"{self.samples} samples in {seconds:.1f} s; percent of the samples"]
        for title, counts in (("alone", self.alone), ("with all it called", self.whole)):
            lines.append(f"\n{title}")
            for name, count in counts.most_common(SHOWN):
                lines.append(f"{100 * count / max(1, self.samples):6.1f}  {name}")
        return "\n".join([*lines, *_memory()]) + "\n"


def _names(frame: FrameType | None) -> Iterator[str]:
    while frame is not None:
        code = frame.f_code
        place = "/".join(Path(code.co_filename).parts[-3:])
        yield f"{code.co_qualname} ({place})"
        frame = frame.f_back


def _memory() -> Iterator[str]:
    if not tracemalloc.is_tracing():
        return
    yield "\nmemory at the end, KiB and blocks"
    for entry in tracemalloc.take_snapshot().statistics("lineno")[:SHOWN]:
        place = entry.traceback[0]
        yield f"{entry.size / 1024:9.0f} {entry.count:8}  {place.filename}:{place.lineno}"


def main() -> None:
    """Run ebbflow with the remaining arguments."""
    report = Path(sys.argv[1])
    sys.argv = ["ebbflow", *sys.argv[2:]]
    sampler, began = Sampler(), time.monotonic()
    sampler.start()
    try:
        runpy.run_module("ebbflow", run_name="__main__", alter_sys=True)
    finally:
        sampler.stopped.set()
        sampler.join()
        report.write_text(sampler.report(time.monotonic() - began), encoding="utf-8")


if __name__ == "__main__":
    main()
