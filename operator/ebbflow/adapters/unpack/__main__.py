"""The process that unpacks one large pack: `python -m ebbflow.adapters.unpack ORDER`, pack on stdin.

It may use so much memory, time and disk, and no more; it ends with its parent; what it found is
one line of JSON on its output. It gets no credential and opens no connection.
"""

from __future__ import annotations

import ctypes
import errno
import json
import mmap
import os
import resource
import signal
import sys
import zlib
from typing import Final

from dulwich.errors import ApplyDeltaError, ChecksumMismatch, FileFormatException
from dulwich.object_store import DiskObjectStore
from dulwich.pack import UnresolvedDeltas

from ebbflow.adapters.unpack.order import Broken, Failed, Order, Refused, Result, Unpacked
from ebbflow.adapters.unpack.scan import MIB, BrokenPack, PackFacts, TooMuch, scan

_SET_PARENT_DEATH_SIGNAL: Final = 1  # prctl(2): PR_SET_PDEATHSIG


def main(text: str) -> int:
    """Carry out an order; the exit status is 0 whenever a result was written."""
    order = Order.from_text(text)
    _end_with(order.parent)
    _bound(order)
    print(_result(order).to_text(), flush=True)  # noqa: T201  # this is how the parent hears of it
    return 0


def _result(order: Order) -> Result:
    try:
        facts = _look(order)
        _take(order.directory)
    except TooMuch as error:
        return Refused(str(error))
    except MemoryError:
        return _no_memory(order)
    except (
        ApplyDeltaError,
        AssertionError,
        BrokenPack,
        ChecksumMismatch,
        FileFormatException,
        LookupError,
        UnresolvedDeltas,
        ValueError,
        zlib.error,
    ) as error:
        return Broken(type(error).__name__)
    except OSError as error:
        return _of_system(order, error)
    return Unpacked(facts.largest)


def _of_system(order: Order, error: OSError) -> Refused | Failed:
    match error.errno:
        case errno.ENOMEM:
            return _no_memory(order)
        case errno.EFBIG:
            return Refused(f"more than {order.file_bytes // MIB} MiB in one file")
        case _:
            return Failed(error.strerror or "an error of the disk")


def _no_memory(order: Order) -> Refused:
    return Refused(f"more than {order.memory_bytes // MIB} MiB of memory to unpack it")


def _look(order: Order) -> PackFacts:
    with mmap.mmap(0, 0, prot=mmap.PROT_READ) as mapped, memoryview(mapped) as view:
        return scan(view, order.bounds)


def _take(directory: str) -> None:
    store = DiskObjectStore(directory)
    try:
        with os.fdopen(os.dup(0), "rb") as pack:
            pack.seek(0)
            store.add_thin_pack(pack.read, None)
    finally:
        store.close()


def _bound(order: Order) -> None:
    for kind, value in (
        (resource.RLIMIT_AS, order.memory_bytes),
        (resource.RLIMIT_CPU, order.cpu_seconds),
        (resource.RLIMIT_FSIZE, order.file_bytes),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (bound, bound))


def _end_with(parent: int) -> None:
    ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before the line above
        sys.exit(json.dumps({"outcome": "orphan"}))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
