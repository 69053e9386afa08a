"""A real Git server on the loopback interface: git's own http-backend behind a small HTTP server.

For `make demo` and for tests. It needs the `git` program and nothing else, reads no configuration
of the machine or the user, and ends with its process.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import tempfile
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from typing_extensions import override

from ebbflow.devcluster.githttp import Exchange, GitRequestHandler
from ebbflow.devcluster.gitrepository import Content, GitRepository, LoggedCommit

DEFAULT_BRANCH = "main"
DEFAULT_AUTHOR = "Ann Example <ann@example.com>"


class UnknownRepository(KeyError):
    """The server has no repository of this name."""

    @override
    def __str__(self) -> str:
        return f"the Git server has no repository {self.args[0]!r}; create_repository makes one"


@dataclass(slots=True)
class Counts:
    """Requests that arrived, by repository and service, and bytes of bodies."""

    requests: Counter[tuple[str, str]] = field(default_factory=Counter)
    bytes_in: int = 0
    bytes_out: int = 0

    def total(self, service: str | None = None, repository: str | None = None) -> int:
        """Return how many requests came for a service and a repository (None: for any)."""
        return sum(
            count
            for (name, asked), count in self.requests.items()
            if service in {None, asked} and repository in {None, name}
        )

    def by_service(self) -> dict[str, int]:
        """Return how many requests came for each service; services without any are missing."""
        found: Counter[str] = Counter()
        for (_, service), count in self.requests.items():
            found[service] += count
        return dict(found)


class _HTTPServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], owner: GitServer) -> None:
        super().__init__(address, GitRequestHandler)
        self.owner = owner
        self._open: set[socket.socket] = set()

    @override
    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    @override
    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """End connections that clients keep open: a stopped server answers nobody."""
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        # A client that went away is no event for the people at the terminal.
        return


class GitServer:
    """Serves bare repositories over HTTP, with Basic authentication where a user is given.

    username, password: the one account of the server; None lets everyone read.
    token: also accepted as the password of any user name.
    anonymous_push: let everyone push, where no account is given.
    protocol_v2: pass the client's wish for protocol version 2 on to git.
    tls: serve https with this context.
    """

    def __init__(
        self,
        root: Path | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        username: str | None = None,
        password: str | None = None,
        token: str | None = None,
        anonymous_push: bool = False,
        protocol_v2: bool = True,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._own_root = root is None
        self.root = Path(tempfile.mkdtemp(prefix="ebbflow-git-")) if root is None else root
        self.username = username
        self.password = password
        self.token = token
        self.anonymous_push = anonymous_push
        self.protocol_v2 = protocol_v2
        self.counts = Counts()
        self._host = host
        self._port = port
        self._tls = tls
        self._http: _HTTPServer | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self.start()

    def __enter__(self) -> Self:
        """Return the running server."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the server and remove its repositories."""
        self.close()

    @property
    def port(self) -> int:
        """The port that the server listens on; it stays the same over stop and start."""
        return self._port

    @property
    def url(self) -> str:
        """The server's address, without a slash at the end."""
        return f"{'https' if self._tls else 'http'}://{self._host}:{self._port}"

    def url_of(self, repository: str) -> str:
        """Return the address of a repository, whether it exists or not."""
        return f"{self.url}/{repository}.git"

    def start(self) -> None:
        """Listen; the first start takes a free port, later ones the same."""
        if self._http is not None:
            return
        http = _HTTPServer((self._host, self._port), self)
        if self._tls is not None:
            # The handshake is left to the thread of the connection: a client that never speaks
            # must not keep others waiting.
            http.socket = self._tls.wrap_socket(
                http.socket, server_side=True, do_handshake_on_connect=False
            )
        self._port = http.server_address[1]
        self._http = http
        self._thread = threading.Thread(
            target=http.serve_forever,
            kwargs={"poll_interval": 0.02},
            name="git-server",
            daemon=True,
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop listening; the repositories stay."""
        http, self._http = self._http, None
        if http is None or self._thread is None:
            return
        http.shutdown()
        self._thread.join()
        http.close_connections()
        http.server_close()

    def close(self) -> None:
        """Stop the server; remove the repositories if it made the directory for them."""
        self.stop()
        if self._own_root:
            shutil.rmtree(self.root, ignore_errors=True)

    def create_repository(
        self,
        name: str,
        files: Mapping[str, Content] | None = None,
        *,
        branch: str = DEFAULT_BRANCH,
        message: str = "Begin",
        author: str = DEFAULT_AUTHOR,
    ) -> str:
        """Make a repository with a first commit of `files` and return the commit's id.

        Without files the repository stays empty and the answer is an empty text.
        """
        repository = GitRepository.create(self.root / f"{name}.git", branch)
        if not files:
            return ""
        return repository.commit(files, message=message, author=author, branch=branch)

    def repository(self, name: str) -> GitRepository:
        """Return a repository as its files lie on disk, for what people do without the server."""
        path = self.root / f"{name}.git"
        if not path.is_dir():
            raise UnknownRepository(name)
        return GitRepository(path)

    def commit(
        self,
        repository: str,
        files: Mapping[str, Content],
        message: str = "Edit by hand",
        author: str = DEFAULT_AUTHOR,
        *,
        branch: str = DEFAULT_BRANCH,
    ) -> str:
        """Commit as a person would (None as content removes a file); return the commit's id.

        The commit does not go through the HTTP server, so it is not counted.
        """
        return self.repository(repository).commit(
            files, message=message, author=author, branch=branch
        )

    def head(self, repository: str, branch: str = DEFAULT_BRANCH) -> str | None:
        """Return the commit that the branch points at; None if there is no such branch."""
        return self.repository(repository).head(branch)

    def show(self, repository: str, revision: str, path: str) -> bytes:
        """Return the bytes of a file at a revision."""
        return self.repository(repository).show(revision, path)

    def log(self, repository: str, branch: str = DEFAULT_BRANCH) -> list[LoggedCommit]:
        """Return the commits of a branch, newest first."""
        return self.repository(repository).log(branch)

    def diff(self, repository: str, revision: str) -> str:
        """Return the whole diff text of one commit against its parent."""
        return self.repository(repository).diff(revision)

    # What the request handler asks

    def intercept(self, exchange: Exchange) -> bool:
        """Answer a request in another way than git would and return True; else return False."""
        del exchange
        return False

    def answer(self, exchange: Exchange) -> None:
        """Let git answer a request that passed authentication."""
        exchange.run_git()

    def is_known(self, username: str, password: str) -> bool:
        """Tell whether a user and password (or any user and the token) are right."""
        if self.token is not None and password == self.token:
            return True
        return self.username == username and self.password == password

    @property
    def needs_authentication(self) -> bool:
        """Whether anonymous requests are refused."""
        return self.password is not None or self.token is not None

    def count(self, repository: str, service: str) -> None:
        """Note one request; `service` is one of githttp.SERVICES."""
        with self._lock:
            self.counts.requests[repository, service] += 1

    def count_bytes(self, *, received: int = 0, sent: int = 0) -> None:
        """Note bytes of a request's or an answer's body."""
        with self._lock:
            self.counts.bytes_in += received
            self.counts.bytes_out += sent

    def reset_counts(self) -> Counts:
        """Begin to count anew, and return what was counted so far."""
        with self._lock:
            counts, self.counts = self.counts, Counts()
        return counts
