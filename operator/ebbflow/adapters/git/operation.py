"""One operation on a server: where it may connect, what it may receive, and when it ends."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
from typing import Final

from ebbflow.domain.git import TooLarge


class Expired(Exception):
    """The operation's time is over."""


class Operation:
    """The budget of one operation. It runs in a thread, and is ended from the event loop.

    A blocking read can only be ended from outside by shutting its socket down. For that the
    operation keeps a duplicate of each socket it uses: the duplicate stays valid while TLS wraps
    the original, and no other connection can be hit after the original was closed.
    """

    def __init__(self, addresses: tuple[str, ...], max_bytes: int) -> None:
        self.addresses: Final = addresses
        self.connections_opened = 0
        self._bytes_left = max_bytes
        self._max_bytes = max_bytes
        self._guards: list[socket.socket] = []
        self._processes: list[subprocess.Popen[bytes]] = []
        self._lock = threading.Lock()
        self._expired = False
        self._closed = False

    @property
    def expired(self) -> bool:
        """Whether the operation was ended from outside."""
        return self._expired

    def watch(self, sock: socket.socket) -> None:
        """End this socket too when the operation expires.

        Raises:
            Expired: it has expired already.
        """
        with self._lock:
            if self._expired or self._closed:
                raise Expired
            self._guards.append(socket.fromfd(sock.fileno(), sock.family, sock.type))

    def watch_process(self, process: subprocess.Popen[bytes]) -> None:
        """Kill this process when the operation expires.

        Raises:
            Expired: it has expired already; the process was killed.
        """
        with self._lock:
            if self._expired or self._closed:
                process.kill()
                raise Expired
            self._processes.append(process)

    def receive(self, count: int) -> None:
        """Note bytes that came.

        Raises:
            TooLarge: they were more than the operation may receive.
        """
        self._bytes_left -= count
        if self._bytes_left < 0:
            raise TooLarge(
                f"The Git server sent more than {self._max_bytes // 1024} KiB for one request."
                " Use a smaller repository."
            )

    def expire(self) -> None:
        """End every read and write of the operation; callable from any thread."""
        with self._lock:
            self._expired = True
            for process in self._processes:
                process.kill()
            for guard in self._guards:
                # Not connected any more: the other side was quicker.
                with contextlib.suppress(OSError):
                    guard.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let the sockets go; the connections stay open for the next operation."""
        with self._lock:
            self._closed = True
            for guard in self._guards:
                guard.close()
            self._guards.clear()
            self._processes.clear()
