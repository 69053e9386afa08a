"""Unpacking what a server sent: small packs in the thread, large ones in a process that can be killed.

The interpreter cannot end a thread, and a thread that unpacks shares its lock and its memory with
everything else. So what is large, in bytes, in objects, or when unpacked, goes to a process with
bounds of its own. Which of the two it is shows before anything is unpacked.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Final

import ebbflow
from ebbflow.adapters.git.limits import Limits
from ebbflow.adapters.git.operation import Expired, Operation
from ebbflow.adapters.unpack.order import (
    Broken,
    Failed,
    Order,
    Refused,
    Result,
    Unpacked,
    read_result,
)
from ebbflow.adapters.unpack.scan import (
    HEADER_BYTES,
    BrokenPack,
    TooMuch,
    check_count,
    count_objects,
    scan,
)
from ebbflow.domain.git import TooLarge, Unreachable

MAX_RESULT_BYTES: Final = 4096
WAIT_SECONDS: Final = 0.1
_SOURCES: Final = Path(ebbflow.__file__).resolve().parent.parent

# One at a time: their memory adds up, and more would only share the same disk and processors.
_one_at_a_time = threading.Lock()


class PackFile:
    """A pack on its way into a file; it is refused by its first bytes if it says to be too much."""

    def __init__(self, file: IO[bytes], limits: Limits) -> None:
        self.file: Final = file
        self._limits = limits
        self._checked = False

    def restart(self) -> None:
        """Begin anew, with nothing."""
        self.file.seek(0)
        self.file.truncate()
        self._checked = False

    def write(self, data: bytes) -> None:
        """Take the next bytes.

        Raises:
            TooLarge: the pack says to have more objects than it may.
        """
        self.file.write(data)
        if not self._checked and self.size >= HEADER_BYTES:
            self._checked = True
            self.file.seek(0)
            self._check(self.file.read(HEADER_BYTES))
            self.file.seek(0, os.SEEK_END)

    @property
    def size(self) -> int:
        """How many bytes have come."""
        return self.file.tell()

    def _check(self, header: bytes) -> None:
        try:
            check_count(count_objects(header), self._limits.pack)
        except TooMuch as error:
            raise too_much(str(error)) from None
        except BrokenPack:
            return  # said where it is unpacked


def is_small(pack: PackFile, limits: Limits) -> bool:
    """Tell whether a pack may be unpacked in a thread.

    Raises:
        BrokenPack: it cannot be unpacked anywhere.
    """
    if pack.size > limits.thread_pack_bytes:
        return False
    pack.file.seek(0)
    data = pack.file.read()
    try:
        scan(memoryview(data), limits.thread_pack)
    except TooMuch:
        return False
    return True


def unpack_apart(pack: PackFile, directory: Path, limits: Limits, operation: Operation) -> Unpacked:
    """Unpack into an object directory in a process of its own, until the operation expires.

    Raises:
        TooLarge: the pack would become more than it may.
        BrokenPack: it cannot be unpacked.
        Unreachable: this machine cannot do it now.
        Expired: the operation's time is over.
    """
    while not _one_at_a_time.acquire(timeout=WAIT_SECONDS):
        if operation.expired:
            raise Expired
    try:
        text = _run(pack, _order(directory, limits), operation)
    finally:
        _one_at_a_time.release()
        _remove_remains(directory)
    if operation.expired:
        raise Expired
    return _judge(read_result(text))


def _judge(result: Result | None) -> Unpacked:
    match result:
        case Unpacked() as done:
            return done
        case Refused(words):
            raise too_much(words)
        case Broken(kind):
            raise BrokenPack(kind)
        case Failed(words):
            raise Unreachable(
                f"What the Git server sent could not be unpacked ({words}). The operator tries"
                " again; look at the disk of its cache."
            )
        case None:
            raise too_much("more memory or processor time to unpack it than one repository may use")


def too_much(words: str) -> TooLarge:
    """Return the error for a pack that would become more than it may."""
    return TooLarge(
        f"The repository is too large for the operator: {words}. Use a smaller repository, or a Git"
        " server that can leave out large files (partial clone: uploadpack.allowFilter)."
    )


def _order(directory: Path, limits: Limits) -> Order:
    return Order(
        str(directory),
        os.getpid(),
        limits.pack,
        limits.process_memory_bytes,
        limits.process_cpu_seconds,
        limits.process_file_bytes,
    )


def _run(pack: PackFile, order: Order, operation: Operation) -> str:
    pack.file.seek(0)
    program = [sys.executable, "-P", "-s", "-B", "-m", "ebbflow.adapters.unpack", order.to_text()]
    with subprocess.Popen(  # noqa: S603  # our own program, with an argument that we wrote
        program,
        stdin=pack.file,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=order.directory,
        env={"PYTHONPATH": str(_SOURCES), "LC_ALL": "C.UTF-8"},
    ) as process:
        operation.watch_process(process)
        if process.stdout is None:
            return ""
        return process.stdout.read(MAX_RESULT_BYTES).decode("utf-8", "replace")


def _remove_remains(directory: Path) -> None:
    # What a process that was killed was writing; nobody else writes such files here meanwhile.
    for path in directory.glob("tmp_pack_*"):
        path.unlink(missing_ok=True)
