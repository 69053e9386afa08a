"""A real OpenSSH server on the loopback interface, with repositories behind it.

It runs as the user of the test, with configuration, host keys and authorized keys of its own, and
lets a key do nothing but run Git's services below its root.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import hmac
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from ebbflow.devcluster.gitrepository import GitRepository, git_environment
from ebbflow.domain.git import SshKey
from ebbflow.domain.secret import Tainted
from tests.support.tools import need
from tests.support.waiting import eventually

SSHD = "/usr/sbin/sshd"  # often not on the PATH of those who are not root
PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

# What a key may do: the command that the client asked for, if it is one of Git's services.
_FORCED = """#!/bin/sh
{environment}
echo run >> {root}/connections
case "$SSH_ORIGINAL_COMMAND" in
  "git-upload-pack '"*|"git-receive-pack '"*) ;;
  *) echo "only git" >&2; exit 1 ;;
esac
{before}
exec {git_shell} -c "$(printf %s "$SSH_ORIGINAL_COMMAND" | sed "s#'/#'{root}/#")"
"""
_CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {directory}/host_key
AuthorizedKeysFile {directory}/authorized_keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PubkeyAuthentication yes
PermitRootLogin yes
PermitUserEnvironment no
MaxStartups 100
LogLevel ERROR
{accept}
"""


def new_key(kind: str = "ed25519") -> PrivateKey:
    """Make a private key: ed25519, ecdsa or rsa."""
    match kind:
        case "ecdsa":
            return ec.generate_private_key(ec.SECP256R1())
        case "rsa":
            return rsa.generate_private_key(65537, 3072)
        case _:
            return ed25519.Ed25519PrivateKey.generate()


@functools.cache  # each time it would be written with other random bytes: another credential
def private_text(key: PrivateKey) -> str:
    """Return a private key as ssh-keygen writes it."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    ).decode()


def protected_text() -> str:
    """Return a new private key with a passphrase, made by ssh-keygen itself."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "key"
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "a passphrase", "-f", file], check=True
        )
        return file.read_text("utf-8")


def public_text(key: PrivateKey) -> str:
    """Return the public part of a key as it stands in authorized_keys."""
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        .decode()
    )


class SshServer:
    """sshd over one directory of bare repositories; `accept_env`: let clients ask for version 2."""

    def __init__(self, *, accept_env: bool = True) -> None:
        self.program = need(
            SSHD if Path(SSHD).exists() else "sshd", "Debian: apt-get install openssh-server"
        )
        self.directory = Path(tempfile.mkdtemp(prefix="ebbflow-ssh-"))
        self.root = self.directory / "repositories"
        self.root.mkdir()
        self.key = new_key()
        self.host_key = new_key()
        self.port = _free_port()
        self._accept_env = accept_env
        self._process: subprocess.Popen[bytes] | None = None
        self.show_host_key(self.host_key)
        self.let_in(self.key)
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def start(self) -> None:
        """Listen, on the same port each time."""
        if self._process is not None:
            return
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # where sshd of root locks its helper in
        accept = "AcceptEnv GIT_PROTOCOL" if self._accept_env else ""
        config = self.directory / "sshd_config"
        config.write_text(
            _CONFIG.format(port=self.port, directory=self.directory, accept=accept), "utf-8"
        )
        log = (self.directory / "log").open("ab")
        with log:
            self._process = subprocess.Popen(
                [self.program, "-D", "-e", "-f", config],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        eventually(self._answers, 20, "sshd to listen")

    def stop(self) -> None:
        """Stop listening, and end every connection."""
        process, self._process = self._process, None
        if process is None:
            return
        children = _children(process.pid)
        process.terminate()
        process.wait()
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)

    def show_host_key(self, key: PrivateKey) -> None:
        """Have this host key from the next start on."""
        self.host_key = key
        _write_private(self.directory / "host_key", private_text(key))

    def let_in(self, *keys: PrivateKey, before: str = "") -> None:
        """Let these keys in and no others; `before`: shell lines that run before each service."""
        script = self.directory / "forced"
        variables = git_environment(self.directory)
        script.write_text(
            _FORCED.format(
                environment="\n".join(f"export {k}='{v}'" for k, v in variables.items()),
                root=self.root,
                git_shell=shutil.which("git-shell"),
                before=before,
            ),
            "utf-8",
        )
        script.chmod(0o700)
        lines = [f'restrict,command="{script}" {public_text(key)}\n' for key in keys]
        (self.directory / "authorized_keys").write_text("".join(lines), "utf-8")

    def repository(self, name: str) -> GitRepository:
        """Return a repository as its files lie on disk."""
        return GitRepository(self.root / f"{name}.git")

    def url_of(self, name: str, user: str | None = None) -> str:
        """Return the address of a repository, whether it exists or not."""
        return f"ssh://{user or _user()}@127.0.0.1:{self.port}/{name}.git"

    def known_hosts(self, key: PrivateKey | None = None, *, name: str = "127.0.0.1") -> str:
        """Return the line that trusts a host key (the server's own where none is given)."""
        return f"[{name}]:{self.port} {public_text(key or self.host_key)}\n"

    def hashed_known_hosts(self) -> str:
        """Return the same line as `ssh-keygen -H` makes it: without the name in plain."""
        salt = b"0123456789abcdefghij"
        name = f"[127.0.0.1]:{self.port}".encode()
        words = [base64.b64encode(part).decode() for part in (salt, _sha1_mac(salt, name))]
        return f"|1|{words[0]}|{words[1]} {public_text(self.host_key)}\n"

    def credential(self, key: PrivateKey | None = None, known_hosts: str | None = None) -> SshKey:
        """Return what lets a client in, with this key or these known hosts in place of the right ones."""
        return SshKey(
            Tainted(private_text(key or self.key)),
            self.known_hosts() if known_hosts is None else known_hosts,
        )

    @property
    def connections(self) -> int:
        """How many times a service was asked for."""
        log = self.root / "connections"
        return len(log.read_text("utf-8").splitlines()) if log.exists() else 0

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False


def _sha1_mac(salt: bytes, name: bytes) -> bytes:
    return hmac.new(salt, name, hashlib.sha1).digest()


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        file.write(text)


def _user() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(path.read_text().rpartition(")")[2].split()[1]) == pid:
                child = int(path.parent.name)
                found += [child, *_children(child)]
    return found
