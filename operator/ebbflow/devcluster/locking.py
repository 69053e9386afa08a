"""One at a time, across processes: a lock that ends with its holder."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

POLL_SECONDS: Final = 0.1


@contextmanager
def exclusive(file: Path, while_waiting: Callable[[float], None]) -> Iterator[None]:
    """Hold the lock of `file`; call `while_waiting(seconds waited)` again and again until then.

    The kernel gives the lock back when the holder ends, however it ends. The file stays: removing
    it would let two holders in.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    began = time.monotonic()
    with file.open("a") as held:
        while True:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                while_waiting(time.monotonic() - began)
                time.sleep(POLL_SECONDS)
        yield
