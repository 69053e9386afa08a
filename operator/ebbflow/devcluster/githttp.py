"""HTTP in front of git's http-backend: the CGI protocol (RFC 3875), streamed with bounded memory."""

from __future__ import annotations

import base64
import binascii
import contextlib
import io
import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import IO, TYPE_CHECKING, cast
from urllib.parse import parse_qs, unquote, urlsplit

from typing_extensions import override

from ebbflow.devcluster.gitrepository import git_environment

if TYPE_CHECKING:
    from ebbflow.devcluster.gitserver import GitServer

SERVICES = (
    "info-refs upload-pack",
    "upload-pack",
    "info-refs receive-pack",
    "receive-pack",
)
CHUNK = 64 * 1024
SMALL = 32 * 1024  # bytes, less than a pipe holds
MAX_HEADER_LINE = 8 * 1024
IDLE_SECONDS = 60
_ROUTE = re.compile(
    r"/(?P<repository>\w[\w.-]*(?:/\w[\w.-]*)*)/(?P<tail>info/refs|git-(?:upload|receive)-pack)"
)


@dataclass(slots=True)
class Exchange:
    """One request for a repository, and the means to answer it."""

    handler: GitRequestHandler
    repository: str
    service: str
    user: str | None

    def run_git(self) -> None:
        """Run git http-backend on the request and send what it answers."""
        self.handler.run_backend(self)

    def run_git_silently(self) -> None:
        """Let git act on the request, then close the connection without any answer."""
        with self.handler.backend(self) as process:
            while cast("IO[bytes]", process.stdout).read(CHUNK):
                pass
        self.close()

    def status(self, status: int, text: str, headers: dict[str, str] | None = None) -> None:
        """Answer with a status and a plain text, and close the connection."""
        self.handler.plain(status, text, headers or {})

    def close(self) -> None:
        """Close the connection without an answer."""
        self.handler.close_connection = True


class GitRequestHandler(BaseHTTPRequestHandler):
    """Routes requests to the server that owns the handler; everything but Git's four is 404."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = CHUNK
    timeout = IDLE_SECONDS

    @property
    def owner(self) -> GitServer:
        """The server that this connection belongs to."""
        return cast("GitServer", self.server.owner)  # type: ignore[attr-defined]  # set at start

    def do_GET(self) -> None:
        """Answer the advertisement of references."""
        self._route("GET")

    def do_POST(self) -> None:
        """Answer a call of upload-pack or receive-pack."""
        self._route("POST")

    @override
    def log_message(self, format: str, *args: object) -> None:
        return  # the terminal belongs to the demo and the tests

    def _route(self, method: str) -> None:
        target = urlsplit(self.path)
        match = _ROUTE.fullmatch(unquote(target.path))
        service = _service(match["tail"], target.query) if match else None
        if match is None or service is None or (method == "GET") != service.startswith("info"):
            self.plain(HTTPStatus.NOT_FOUND, "No such page.", {})
            return
        repository = match["repository"].removesuffix(".git")
        exchange = Exchange(self, repository, service, self._user())
        self.owner.count(repository, service)
        if self.owner.intercept(exchange):
            return
        if exchange.user is None and self.owner.needs_authentication:
            wanted = {"WWW-Authenticate": 'Basic realm="git"'}
            self.plain(HTTPStatus.UNAUTHORIZED, "Give a user and a password.", wanted)
        elif not (self.owner.root / f"{repository}.git").is_dir():
            self.plain(HTTPStatus.NOT_FOUND, "Repository not found.", {})
        else:
            self.owner.answer(exchange)

    def _user(self) -> str | None:
        scheme, _, value = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            username, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        known = not self.owner.needs_authentication or self.owner.is_known(username, password)
        return username if known else None

    def plain(self, status: int, text: str, headers: dict[str, str]) -> None:
        """Answer with a text and close: the body of the request may not have been read."""
        body = f"{text}\n".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    @contextlib.contextmanager
    def backend(self, exchange: Exchange) -> Iterator[subprocess.Popen[bytes]]:
        """Start git http-backend on the request; its output is to be read by the caller."""
        process = subprocess.Popen(
            ["git", "http-backend"],  # noqa: S607  # whichever git the person has
            env=self._environment(exchange),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        # A thread of its own: git may answer before it has read everything.
        feeder = threading.Thread(target=self._feed, args=(process.stdin,), daemon=True)
        try:
            with process:
                if int(self.headers.get("Content-Length", CHUNK)) < SMALL:
                    self._feed(process.stdin)  # fits into the pipe
                else:
                    feeder.start()
                yield process
        finally:
            process.kill()
            self._end(feeder)

    def run_backend(self, exchange: Exchange) -> None:
        """Run git http-backend on the request and send what it answers."""
        with self.backend(exchange) as process:
            output = cast("io.BufferedReader", process.stdout)
            headers = _read_headers(output)
            status = int(headers.get("Status", "200").split()[0])
            del headers["Status"]
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            while chunk := output.read1(CHUNK):
                self.owner.count_bytes(sent=len(chunk))
                self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")

    def _environment(self, exchange: Exchange) -> dict[str, str]:
        target = urlsplit(self.path)
        tail = "/info/refs" if exchange.service.startswith("info") else f"/git-{exchange.service}"
        environment = git_environment(self.owner.root) | {
            "GIT_PROJECT_ROOT": str(self.owner.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": f"/{exchange.repository}.git{tail}",
            "QUERY_STRING": target.query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "REMOTE_ADDR": self.client_address[0],
        }
        # A remote user is what makes git allow pushes where its configuration says nothing.
        if exchange.user is not None or self.owner.anonymous_push:
            environment["REMOTE_USER"] = exchange.user or "anonymous"
        if "Content-Encoding" in self.headers:
            environment["HTTP_CONTENT_ENCODING"] = self.headers["Content-Encoding"]
        if "Content-Length" in self.headers:
            environment["CONTENT_LENGTH"] = self.headers["Content-Length"]
        if "Git-Protocol" in self.headers and self.owner.protocol_v2:
            environment["GIT_PROTOCOL"] = self.headers["Git-Protocol"]
        return environment

    def _feed(self, stdin: IO[bytes] | None) -> None:
        """Pass the body on to git; a git that ends early, or a client that goes, is no error."""
        self.close_connection = True  # unless the body is read to its end
        with contextlib.suppress(OSError, ValueError), cast("IO[bytes]", stdin) as pipe:
            for chunk in self._body():
                self.owner.count_bytes(received=len(chunk))
                pipe.write(chunk)
            self.close_connection = self.headers.get("Connection", "").lower() == "close"

    def _end(self, feeder: threading.Thread) -> None:
        if not feeder.is_alive():
            return
        # Only now may it still wait for a client that sends no more.
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RD)
        feeder.join()

    def _body(self) -> Iterator[bytes]:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline(MAX_HEADER_LINE).split(b";")[0], 16):
                yield from self._read(size)
                self.rfile.readline(MAX_HEADER_LINE)
            while self.rfile.readline(MAX_HEADER_LINE).strip():
                pass  # trailers
        else:
            yield from self._read(int(self.headers.get("Content-Length", 0)))

    def _read(self, size: int) -> Iterator[bytes]:
        while size > 0:
            chunk = self.rfile.read(min(size, CHUNK))
            if not chunk:
                raise ConnectionResetError("the body ended early")
            size -= len(chunk)
            yield chunk


def _service(tail: str, query: str) -> str | None:
    if tail != "info/refs":
        return tail.removeprefix("git-")
    asked = parse_qs(query).get("service", [""])[0].removeprefix("git-")
    service = f"info-refs {asked}"
    return service if service in SERVICES else None


def _read_headers(stdout: IO[bytes]) -> Message:
    headers = Message()
    while line := stdout.readline(MAX_HEADER_LINE).strip():
        name, _, value = line.decode("latin-1").partition(":")
        headers[name] = value.strip()
    return headers
