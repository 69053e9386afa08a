"""The `ssh` program, run for one command on one server, with nothing but what it is given.

It reads no configuration of the machine or the user, uses no agent, asks nobody, forwards nothing,
and trusts only the host keys of the account. ssh(1) and ssh_config(5) describe the options. Every
argument is a fixed text, a number, a path of ours, or was checked by `check_repository_url`; no
shell of this machine sees any of them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, cast

from ebbflow.adapters.git.operation import Operation
from ebbflow.domain.git import SshKey, Unreachable

PROGRAM: Final = "ssh"
MAX_WORDS_BYTES: Final = 4096
CLOSING_SECONDS: Final = 2.0
DEFAULT_PORT: Final = 22

_FIXED_OPTIONS: Final = (
    "AddKeysToAgent=no",
    "BatchMode=yes",
    "CanonicalizeHostname=no",
    "CheckHostIP=no",
    "ClearAllForwardings=yes",
    "ControlMaster=no",
    "ControlPath=none",
    "EscapeChar=none",
    "ForwardAgent=no",
    "ForwardX11=no",
    "GSSAPIAuthentication=no",
    "GlobalKnownHostsFile=/dev/null",
    "HostbasedAuthentication=no",
    "IdentitiesOnly=yes",
    "IdentityAgent=none",
    "KbdInteractiveAuthentication=no",
    "LogLevel=ERROR",
    "PasswordAuthentication=no",
    "PermitLocalCommand=no",
    "PreferredAuthentications=publickey",
    "ProxyCommand=none",
    "RequestTTY=no",
    "ServerAliveCountMax=2",
    "ServerAliveInterval=15",
    "StrictHostKeyChecking=yes",
    "UpdateHostKeys=no",
    "VerifyHostKeyDNS=no",
)


@dataclass(frozen=True, slots=True)
class Destination:
    """Where to: the URL's user, host and port, and the checked address that is connected to."""

    user: str
    host: str
    port: int
    address: str


def arguments(
    destination: Destination, directory: Path, command: str, connect: float, *, version_2: bool
) -> list[str]:
    """Return the program's arguments; `connect`: seconds until a connection must stand."""
    name, port = destination.host, destination.port
    options = [
        *_FIXED_OPTIONS,
        f"ConnectTimeout={max(1, round(connect))}",
        # The host keys are those of the URL's name, the connection goes to the checked address.
        f"HostKeyAlias={name if port == DEFAULT_PORT else f'[{name}]:{port}'}",
        f"HostName={destination.address}",
        f"IdentityFile={directory / 'key'}",
        f"UserKnownHostsFile={directory / 'known_hosts'}",
    ]
    if version_2:
        options.append("SetEnv=GIT_PROTOCOL=version=2")
    return [
        *(PROGRAM, "-T", "-F", os.devnull, "-E", str(directory / "log")),
        *(word for option in options for word in ("-o", option)),
        *("-p", str(port), "-l", destination.user, "--", name, command),
    ]


class SshProcess:
    """One running ssh: bytes to and from a command on the server.

    Its key lies in a directory of its own that only this user can enter, until `close`.
    """

    def __init__(self, operation: Operation, key: SshKey, workspace: Path) -> None:
        self._operation = operation
        self._directory = Path(tempfile.mkdtemp(prefix="ssh-", dir=workspace))
        self._write("key", key.private_key.reveal())
        self._write("known_hosts", key.known_hosts)
        self._process: subprocess.Popen[bytes] | None = None
        self._words = bytearray()
        self._listener: threading.Thread | None = None

    def start(
        self, destination: Destination, command: str, connect: float, *, version_2: bool
    ) -> None:
        """Begin; whether the server was reached shows when its first bytes are read.

        Raises:
            Unreachable: there is no ssh here.
            Expired: the operation's time is over.
        """
        words = arguments(destination, self._directory, command, connect, version_2=version_2)
        try:
            process = subprocess.Popen(  # noqa: S603  # no shell, and see `arguments`
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=self._directory,
                env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
            )
        except FileNotFoundError as error:
            raise Unreachable(
                "The operator has no ssh program, which ssh:// addresses need. Install the package"
                " openssh-client in its image, or use the repository's https address."
            ) from error
        self._process = process
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        self._operation.watch_process(process)

    def read(self, count: int) -> bytes:
        """Return `count` bytes; fewer if the other side ended."""
        data = cast("IO[bytes]", self._running.stdout).read(count)
        self._operation.receive(len(data))
        return data

    def write(self, data: bytes) -> None:
        """Send bytes now.

        Raises:
            BrokenPipeError: the other side ended.
        """
        stdin = cast("IO[bytes]", self._running.stdin)
        stdin.write(data)
        stdin.flush()

    def ended(self) -> int:
        """Wait until the program ends and return its status: 255 if ssh itself failed."""
        return self._running.wait()

    def servers_words(self) -> str:
        """Return the beginning of what the command on the server wrote as errors."""
        if self._listener is not None:
            self._listener.join(CLOSING_SECONDS)
        return bytes(self._words).decode("utf-8", "replace")

    def own_words(self) -> str:
        """Return what ssh itself says went wrong; no server can put words there as its own."""
        with contextlib.suppress(OSError), (self._directory / "log").open("rb") as log:
            return log.read(MAX_WORDS_BYTES).decode("utf-8", "replace")
        return ""

    def close(self) -> None:
        """End the program and remove the key."""
        try:
            if self._process is not None:
                self._end(self._process)
        finally:
            shutil.rmtree(self._directory, ignore_errors=True)

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("ssh was not started")
        return self._process

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        # A server may still run hooks after its answer: let it end by itself, for a while.
        with contextlib.suppress(OSError):
            cast("IO[bytes]", process.stdin).close()
        try:
            process.wait(0 if self._operation.expired else CLOSING_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if self._listener is not None:
            self._listener.join()
        for stream in (process.stdout, process.stderr):
            cast("IO[bytes]", stream).close()

    def _listen(self) -> None:
        """Read the errors to their end, so that writing them never stops the server."""
        stream = cast("IO[bytes]", self._running.stderr)
        while data := stream.read1(MAX_WORDS_BYTES):  # type: ignore[attr-defined]  # a BufferedReader
            self._words.extend(data[: MAX_WORDS_BYTES - len(self._words)])

    def _write(self, name: str, text: str) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with os.fdopen(
            os.open(self._directory / name, flags, 0o600), "w", encoding="utf-8"
        ) as file:
            file.write(text)
