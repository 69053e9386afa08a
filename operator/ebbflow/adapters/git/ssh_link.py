"""Git over ssh: `git-upload-pack` and `git-receive-pack`, run on the server by the `ssh` program.

As git itself does it (connect.c): the path of the URL is decoded, quoted for the server's shell,
and `/~user` stands for a home directory. An operation is one connection, or two where the server
speaks version 0 only.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final
from urllib.parse import unquote, urlsplit

from dulwich.client import TraditionalGitClient
from dulwich.protocol import Protocol
from typing_extensions import override

from ebbflow.adapters.git import errors
from ebbflow.adapters.git.errors import ServerSaid
from ebbflow.adapters.git.limits import Timeouts
from ebbflow.adapters.git.link import UPLOAD_PACK, Link, Read
from ebbflow.adapters.git.operation import Operation
from ebbflow.adapters.git.ssh_errors import NotConnected, for_ssh
from ebbflow.adapters.git.ssh_process import Destination, SshProcess
from ebbflow.adapters.git.transport import origin_of
from ebbflow.domain.git import Remote, SshKey

DEFAULT_USER: Final = "git"
SSH_FAILED: Final = 255


def server_command(service: str, url: str) -> str:
    """Return the command line for the server: a service and the quoted path of an address."""
    path = unquote(urlsplit(url).path)
    if path.startswith("/~"):
        path = path.removeprefix("/")
    quoted = path.replace("'", "'\\''").replace("!", "'\\!'")
    return f"{service} '{quoted}'"


class SshLink(Link):
    """Connections to one repository by ssh, closed at the end of the operation."""

    # Every connection begins with the server's capabilities, so there is nothing to spare.
    spares_discovery = False

    def __init__(
        self, remote: Remote, operation: Operation, timeouts: Timeouts, workspace: Path
    ) -> None:
        if not isinstance(remote.credential, SshKey):
            raise errors.wrong_kind(remote)
        self._remote = remote
        self._operation = operation
        self._timeouts = timeouts
        self._workspace = workspace
        self._key = remote.credential
        self._session: _Session | None = None

    @property
    @override
    def remote(self) -> Remote:
        return self._remote

    @property
    @override
    def operation(self) -> Operation:
        return self._operation

    @override
    @contextmanager
    def advertisement(self) -> Iterator[tuple[Read, str]]:
        yield self.open(UPLOAD_PACK, version_2=True).read, ""

    @override
    @contextmanager
    def command(self, base: str, body: bytes) -> Iterator[Read]:
        session = self._session
        if session is None:
            raise RuntimeError("no capabilities were asked for in this operation")
        session.write(body)
        yield session.read

    @override
    def client(self) -> TraditionalGitClient:
        return _Client(self)

    @override
    def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def open(self, service: str, *, version_2: bool = False) -> _Session:
        """Run a service on the server, in place of what ran before.

        Raises:
            GitError, ServerSaid: none of the host's addresses lets us in.
        """
        *others, last = self._operation.addresses
        for address in others:
            with contextlib.suppress(NotConnected):
                return self._open(service, address, version_2=version_2)
        return self._open(service, last, version_2=version_2)

    def _open(self, service: str, address: str, *, version_2: bool) -> _Session:
        self.close()
        _, host, port = origin_of(self._remote.url)
        user = urlsplit(self._remote.url).username or DEFAULT_USER
        process = SshProcess(self._operation, self._key, self._workspace)
        session = self._session = _Session(process, self._remote, host, port)
        process.start(
            Destination(user, host, port, address),
            server_command(service, self._remote.url),
            self._timeouts.connect,
            version_2=version_2,
        )
        self._operation.connections_opened += 1
        session.wait_for_first_byte()
        return session


class _Session:
    """Bytes of one service; where they end too early, the reason is found out and raised."""

    def __init__(self, process: SshProcess, remote: Remote, host: str, port: int) -> None:
        self._process = process
        self._remote = remote
        self._host = host
        self._port = port
        self._first = b""

    def wait_for_first_byte(self) -> None:
        self._first = self.read(1)

    def read(self, count: int) -> bytes:
        data, self._first = self._first[:count], self._first[count:]
        if len(data) < count:
            data += self._process.read(count - len(data))
        if len(data) < count:
            raise self._failure()
        return data

    def write(self, data: bytes) -> None:
        try:
            self._process.write(data)
        except OSError as error:
            raise self._failure() from error

    def close(self) -> None:
        self._process.close()

    def _failure(self) -> Exception:
        status = self._process.ended()
        if status == SSH_FAILED:
            return for_ssh(self._remote, self._host, self._port, self._process.own_words())
        if words := self._process.servers_words().strip():
            return ServerSaid(words)
        return EOFError("the other side ended early")


class _Client(TraditionalGitClient):
    """dulwich's client; only how a service is reached is ours."""

    def __init__(self, link: SshLink) -> None:
        super().__init__(quiet=True, thin_packs=False)
        self._link = link

    @override
    def _connect(
        self, cmd: bytes, path: str | bytes, protocol_version: int | None = None
    ) -> tuple[Protocol, Callable[[], bool], IO[bytes] | None]:
        session = self._link.open(f"git-{cmd.decode()}")
        return Protocol(session.read, session.write, self._link.close), lambda: False, None
