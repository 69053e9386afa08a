"""A real Git server that fails on command, and certificates for serving https."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from typing_extensions import override

from ebbflow.devcluster.githttp import Exchange
from ebbflow.devcluster.gitrepository import Content, GitRepository
from ebbflow.devcluster.gitserver import GitServer

Fault = Callable[[Exchange], None]

PUSHES = "pushes.log"
# Git runs it in the repository when a push was carried out. The parents are noted at once: the
# history may be rewritten later.
NOTE_PUSHES = f"""\
#!/bin/sh
while read -r old new ref; do
  echo "$old $ref $(git rev-list --parents --max-count=1 "$new")" >> {PUSHES}
done
"""


@dataclass(frozen=True)
class SeenRequest:
    """One request that arrived, in order."""

    repository: str
    service: str
    authorization: str | None
    connection: int  # the client's port: the same for requests on one connection


@dataclass(frozen=True, slots=True)
class Push:
    """A push that the server carried out, with the parents of its commit."""

    old: str
    new: str
    ref: str
    parents: tuple[str, ...]


def pushes_to(repository: GitRepository) -> list[Push]:
    """Return what a FaultyGitServer took for this repository, oldest first.

    What tests commit as people would goes past the server, and is not among it.
    """
    noted = repository.path / PUSHES
    if not noted.exists():
        return []
    lines = (line.split() for line in noted.read_text(encoding="ascii").splitlines())
    return [Push(old, new, ref, tuple(parents)) for old, ref, new, *parents in lines]


@dataclass
class _Planned:
    fault: Fault
    times: int | None  # None: until calm
    service: str | None  # None: any
    repository: str | None = None


@dataclass
class Strike:
    """Something that happens once around one request of a repository; see `strike`."""

    repository: str
    service: str
    skip: int
    after: bool
    function: Callable[[], bool]


class FaultyGitServer(GitServer):
    """A GitServer that also fails: each method says what the next requests meet.

    Faults wait in order: the first that fits a request is used up by it. `times=None` stays until
    `calm`. `service` is one of githttp.SERVICES; None is any.
    """

    def __init__(self, root: Path | None = None, **options: Any) -> None:
        self.seen: list[SeenRequest] = []
        self._planned: list[_Planned] = []
        self._before_receive: list[Callable[[], None]] = []
        self._strikes: list[Strike] = []
        self._released = threading.Event()
        super().__init__(root, **options)

    @override
    def create_repository(
        self, name: str, files: Mapping[str, Content] | None = None, **options: Any
    ) -> str:
        commit = super().create_repository(name, files, **options)
        self.hook(name, "post-receive", NOTE_PUSHES)
        return commit

    def hook(self, repository: str, name: str, script: str | None) -> None:
        """Give a repository one of Git's hooks, or take it away."""
        hook = self.root / f"{repository}.git" / "hooks" / name
        if script is None:
            hook.unlink()
            return
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(script, encoding="utf-8")
        hook.chmod(0o755)

    def fail(
        self,
        status: int,
        *,
        times: int | None = 1,
        service: str | None = None,
        retry_after: str | None = None,
        words: str = "Something is wrong.",
    ) -> None:
        """Answer with an HTTP status."""
        headers = {"Retry-After": retry_after} if retry_after is not None else {}
        self._plan(lambda exchange: exchange.status(status, words, headers), times, service)

    def redirect(self, to: str, *, times: int | None = None, service: str | None = None) -> None:
        """Redirect to the same path and query below another address."""

        def answer(exchange: Exchange) -> None:
            exchange.status(302, "Elsewhere.", {"Location": f"{to}{exchange.handler.path}"})

        self._plan(answer, times, service)

    def moved_to(self, repository: str, new_name: str) -> None:
        """Redirect the listing of a repository to another one on this server, until `calm`."""

        def answer(exchange: Exchange) -> None:
            path = exchange.handler.path.replace(f"/{repository}.git", f"/{new_name}.git")
            exchange.status(301, "Moved.", {"Location": path})

        self._planned.append(_Planned(answer, None, None, repository))

    def say(self, body: bytes, content_type: str, *, times: int | None = 1) -> None:
        """Answer 200 with a body that is not from git."""

        def answer(exchange: Exchange) -> None:
            # Closing with an unread request resets the connection, and the client loses the answer.
            exchange.handler.rfile.read(int(exchange.handler.headers.get("Content-Length") or 0))
            head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\n"
            head += f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            exchange.handler.wfile.write(head.encode() + body)
            exchange.close()

        self._plan(answer, times, None)

    def hang(
        self, *, times: int | None = None, service: str | None = None, pause: float = 1.0
    ) -> None:
        """Accept, and send one byte of an endless answer every `pause` seconds until `calm`."""

        released = self._released

        def answer(exchange: Exchange) -> None:
            exchange.close()
            output = exchange.handler.wfile
            output.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while not released.wait(pause):
                output.write(b"x")
                output.flush()

        self._plan(answer, times, service)

    def drop(self, *, times: int | None = 1, service: str | None = None) -> None:
        """Close the connection in the middle of an answer."""

        self._plan(_half_an_answer, times, service)

    def refuse_connections_after_accept(
        self, *, times: int | None = 1, service: str | None = None
    ) -> None:
        """Close the connection without any answer, and without doing anything."""
        self._plan(lambda exchange: exchange.close(), times, service)

    def lose_answer_of_push(self, *, times: int | None = 1) -> None:
        """Let git take the push, then close the connection before the answer."""
        self._plan(lambda exchange: exchange.run_git_silently(), times, "receive-pack")

    def fail_after_push(self, status: int, *, times: int | None = 1) -> None:
        """Let git take the push, then answer with an HTTP status."""

        def answer(exchange: Exchange) -> None:
            exchange.run_git_silently()
            exchange.status(status, "Something is wrong.")

        self._plan(answer, times, "receive-pack")

    def drop_after_push(self, *, times: int | None = 1) -> None:
        """Let git take the push, then send half of an answer."""

        def answer(exchange: Exchange) -> None:
            exchange.run_git_silently()
            _half_an_answer(exchange)

        self._plan(answer, times, "receive-pack")

    def before_receive(self, callback: Callable[[], None]) -> None:
        """Run this once, right before the next pack is handed to git."""
        self._before_receive.append(callback)

    def strike(
        self,
        repository: str,
        service: str,
        function: Callable[[], bool],
        *,
        skip: int = 0,
        after: bool = False,
    ) -> None:
        """Call a function once, around a request that passed authentication.

        The first `skip` requests for the service pass. Without `after` git has not seen the request
        when the function is called; if that returns True git answers it, else the connection is
        closed. With `after` git has done what was asked, and its answer is lost in any case.
        """
        self._strikes.append(Strike(repository, service, skip, after, function))

    def refuse_pushes(self, repository: str, words: str | None) -> None:
        """Refuse every push by a pre-receive hook that says these words; None: take them again."""
        self.hook(repository, "pre-receive", refusal(words) if words is not None else None)

    def calm(self) -> None:
        """Forget every fault, and let go of connections that hang."""
        self._planned.clear()
        self._strikes.clear()
        self._released.set()
        self._released = threading.Event()

    @override
    def close(self) -> None:
        self.calm()
        super().close()

    @override
    def intercept(self, exchange: Exchange) -> bool:
        handler = exchange.handler
        authorization = handler.headers.get("Authorization")
        port = handler.client_address[1]
        self.seen.append(SeenRequest(exchange.repository, exchange.service, authorization, port))
        fault = self._next_fault(exchange)
        if fault is None:
            return False
        fault(exchange)
        return True

    @override
    def answer(self, exchange: Exchange) -> None:
        if exchange.service == "receive-pack" and self._before_receive:
            self._before_receive.pop(0)()
        strike = self._next_strike(exchange)
        if strike is None:
            super().answer(exchange)
        elif strike.after:
            exchange.run_git_silently()
            strike.function()
        elif strike.function():
            super().answer(exchange)
        else:
            exchange.close()

    def _next_strike(self, exchange: Exchange) -> Strike | None:
        with self._lock:
            for strike in self._strikes:
                if (strike.repository, strike.service) != (exchange.repository, exchange.service):
                    continue
                strike.skip -= 1
                if strike.skip < 0:
                    self._strikes.remove(strike)
                    return strike
        return None

    def _plan(self, fault: Fault, times: int | None, service: str | None) -> None:
        self._planned.append(_Planned(fault, times, service))

    def _next_fault(self, exchange: Exchange) -> Fault | None:
        with self._lock:
            for planned in self._planned:
                fits = planned.service in {None, exchange.service}
                fits = fits and planned.repository in {None, exchange.repository}
                if not fits or planned.times == 0:
                    continue
                if planned.times is not None:
                    planned.times -= 1
                return planned.fault
        return None


def refusal(words: str) -> str:
    """Return the script of a hook that says these words and refuses."""
    return f"#!/bin/sh\ncat >&2 <<'WORDS'\n{words}\nWORDS\nexit 1\n"


def _half_an_answer(exchange: Exchange) -> None:
    name = exchange.service.removeprefix("info-refs ")
    form = "result" if name == exchange.service else "advertisement"
    kind = f"application/x-git-{name}-{form}"
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: 10000\r\n\r\n"
    exchange.handler.wfile.write(head.encode() + b"0032half of a")
    exchange.close()


class Authority:
    """A certificate authority of its own, as a company has; nobody trusts it unless told to."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ebbflow test authority")])
        extension = x509.BasicConstraints(ca=True, path_length=0)
        self._certificate = self._sign(self._name, self._key, extension, critical=True)
        self.pem = self._certificate.public_bytes(serialization.Encoding.PEM).decode()

    def server_context(self, directory: Path, address: str = "127.0.0.1") -> ssl.SSLContext:
        """Return what a server at a loopback address needs to serve https."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName(
            [x509.IPAddress(ipaddress.ip_address(address)), x509.DNSName("localhost")]
        )
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        certificate = self._sign(subject, key, names, critical=False)
        file = directory / "server.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        extension: x509.ExtensionType,
        *,
        critical: bool,
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        builder = x509.CertificateBuilder(
            issuer_name=self._name,
            subject_name=subject,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=now - dt.timedelta(hours=1),
            not_valid_after=now + dt.timedelta(days=1),
        )
        return builder.add_extension(extension, critical=critical).sign(self._key, hashes.SHA256())
