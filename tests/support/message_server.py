"""A server of messages on loopback, in the place of Slack's and others'."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from typing_extensions import override


@dataclass(frozen=True, slots=True)
class Received:
    """What came: the path, the headers and the body of a request."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class MessageServer:
    """Where it listens, and what came, the oldest first."""

    port: int
    received: list[Received]

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        """Return an address; what is below /none is refused with no_service."""
        return f"http://{host}:{self.port}{path}"


class _Handler(BaseHTTPRequestHandler):
    received: list[Received]

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append(Received(self.path, dict(self.headers), body))
        refused = self.path.startswith("/none")
        self.send_response(404 if refused else 200)
        self.end_headers()
        self.wfile.write(b"no_service" if refused else b"ok")


@contextmanager
def message_server() -> Iterator[MessageServer]:
    """Yield a server; it ends with the block."""
    received: list[Received] = []
    handler = type("Noting", (_Handler,), {"received": received})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield MessageServer(server.server_port, received)
        server.shutdown()
        thread.join()
