"""`python -m bench.sampler REPORT operator ...`: the operator, with its stacks counted meanwhile.

A signal comes two hundred times for each second of CPU time that the process uses, and the stack of
the main thread is counted then: what waits does not count. The report shows where the time went, by
function alone and with all that it called; with PYTHONTRACEMALLOC=1 also which lines hold memory at
the end.
"""

from __future__ import annotations

import runpy
import signal
import sys
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

PERIOD = 0.005  # seconds of CPU time
SHOWN = 100


class Sampler:
    """Counts stacks of the main thread."""

    def __init__(self) -> None:
        self.samples = 0
        self.alone: Counter[str] = Counter()
        self.whole: Counter[str] = Counter()

    def start(self) -> None:
        """Take samples from now on."""
        # Not a thread that looks at the others: it would get its turn only where they let go.
        signal.signal(signal.SIGPROF, self._sample)
        signal.setitimer(signal.ITIMER_PROF, PERIOD, PERIOD)

    def stop(self) -> None:
        """Take no more samples."""
        signal.setitimer(signal.ITIMER_PROF, 0)

    def _sample(self, _number: int, frame: FrameType | None) -> None:
        names = list(_names(frame))
        self.samples += 1
        self.alone.update(names[:1])
        self.whole.update(set(names))

    def report(self) -> str:
        """Return the figures as text."""
        lines = [f"{time.process_time():.1f} s of CPU time, {self.samples} samples, in percent"]
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
    sampler = Sampler()
    sampler.start()
    try:
        runpy.run_module("ebbflow", run_name="__main__", alter_sys=True)
    finally:
        sampler.stop()
        report.write_text(sampler.report(), encoding="utf-8")


if __name__ == "__main__":
    main()
