"""What is special about ssh, against a real sshd: keys, host keys, processes, and what stays on disk."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ebbflow.adapters.git import HostPolicy, Limits, Timeouts
from ebbflow.domain.git import (
    AddressNotAllowed,
    AuthenticationFailed,
    BasicCredential,
    CommitGone,
    GitError,
    HostKeyNotTrusted,
    Pushed,
    Remote,
    RepositoryNotFound,
    SshKey,
    TooLarge,
    Unreachable,
)
from ebbflow.domain.secret import Tainted
from tests.support.gitworld import COMMIT_HEADER, QUICK, MakeBackend, noise
from tests.support.ssh_processes import below, children_named, look_at_running_ssh, release
from tests.support.sshserver import SshServer, new_key, private_text, protected_text, public_text
from tests.support.sshworld import SshWorld

FILES = {"a": b"a\n"}


@pytest.fixture(scope="module")
def running() -> Iterator[SshServer]:
    with SshServer() as server:
        yield server


@pytest.fixture
def server(running: SshServer) -> Iterator[SshServer]:
    running.start()
    yield running
    running.let_in(running.key)


@pytest.fixture
async def world(make: MakeBackend, server: SshServer) -> SshWorld:
    return SshWorld(server, await make())


class TestHostKeys:
    async def test_an_unknown_host_key_is_refused_with_how_to_add_it(self, world: SshWorld) -> None:
        world.create(FILES)
        other = world.server.known_hosts(name="other.example")
        remote = Remote(world.remote().url, world.server.credential(known_hosts=other))
        before = world.server.connections
        with pytest.raises(HostKeyNotTrusted, match=r"ssh-keyscan -p \d+ 127\.0\.0\.1") as caught:
            await world.git.ls_heads(remote, ["main"])
        assert not caught.value.transient
        assert world.server.connections == before

    async def test_a_changed_host_key_is_refused_with_its_fingerprint(
        self, world: SshWorld
    ) -> None:
        world.create(FILES)
        changed = world.server.known_hosts(new_key())
        remote = Remote(world.remote().url, world.server.credential(known_hosts=changed))
        before = world.server.connections
        with pytest.raises(HostKeyNotTrusted, match=r"another host key.*SHA256:\S{43}"):
            await world.git.ls_heads(remote, ["main"])
        assert world.server.connections == before

    async def test_a_revoked_host_key_is_refused(self, world: SshWorld) -> None:
        world.create(FILES)
        lines = world.server.known_hosts() + "@revoked " + world.server.known_hosts()
        remote = Remote(world.remote().url, world.server.credential(known_hosts=lines))
        with pytest.raises(HostKeyNotTrusted):
            await world.git.ls_heads(remote, ["main"])

    async def test_names_in_known_hosts_may_be_hashed(self, world: SshWorld) -> None:
        head = world.create(FILES)
        hashed = world.server.hashed_known_hosts()
        assert "127.0.0.1" not in hashed
        remote = Remote(world.remote().url, world.server.credential(known_hosts=hashed))
        assert await world.git.ls_heads(remote, ["main"]) == {"main": head}

    async def test_a_refused_host_key_is_never_learnt(self, world: SshWorld) -> None:
        world.create(FILES)
        remote = Remote(world.remote().url, world.server.credential(known_hosts="x ssh-rsa AAAA\n"))
        for _ in range(2):
            with pytest.raises(HostKeyNotTrusted):
                await world.git.ls_heads(remote, ["main"])

    async def test_the_host_key_is_that_of_the_name_and_the_connection_goes_to_the_checked_address(
        self, make: MakeBackend, server: SshServer
    ) -> None:
        git = await make(look_up=lambda *_: ("127.0.0.1",))
        world = SshWorld(server, git)
        head = world.create(FILES)
        url = world.remote().url.replace("127.0.0.1", "git.does-not-exist.invalid")
        trusted = server.known_hosts(name="git.does-not-exist.invalid")
        named = Remote(url, server.credential(known_hosts=trusted))
        assert await git.ls_heads(named, ["main"]) == {"main": head}
        with pytest.raises(HostKeyNotTrusted, match=r"git\.does-not-exist\.invalid"):
            await git.ls_heads(Remote(url, server.credential()), ["main"])


class TestKeys:
    @pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
    async def test_every_usual_kind_of_key_lets_in(self, world: SshWorld, kind: str) -> None:
        head = world.create(FILES)
        key = new_key(kind)
        world.server.let_in(key)
        remote = Remote(world.remote().url, world.server.credential(key))
        assert await world.git.ls_heads(remote, ["main"]) == {"main": head}

    async def test_a_refused_key_says_where_to_add_it(self, world: SshWorld) -> None:
        world.create(FILES)
        with pytest.raises(AuthenticationFailed, match="refused the key") as caught:
            await world.git.ls_heads(world.remote(password="another"), ["main"])
        assert "PRIVATE KEY" not in str(caught.value)

    @pytest.mark.parametrize(
        "text",
        [
            pytest.param(protected_text(), id="with a passphrase"),
            pytest.param("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n", id="cut off"),
            pytest.param(public_text(new_key()) + "\n", id="public"),
        ],
    )
    async def test_a_key_that_cannot_be_used_is_said_and_asks_nobody(
        self, world: SshWorld, text: str
    ) -> None:
        world.create(FILES)
        key = SshKey(Tainted(text), world.server.known_hosts())
        with pytest.raises(AuthenticationFailed) as caught:
            await world.git.ls_heads(Remote(world.remote().url, key), ["main"])
        assert "privateKey" in str(caught.value)

    @pytest.mark.parametrize(
        "credential", [None, BasicCredential("git", Tainted("s3cret-token"))], ids=["none", "token"]
    )
    async def test_an_ssh_address_wants_a_key(
        self, world: SshWorld, credential: BasicCredential | None
    ) -> None:
        with pytest.raises(AuthenticationFailed, match="privateKey and knownHosts"):
            await world.git.ls_heads(Remote(world.remote().url, credential), ["main"])

    async def test_a_key_is_never_used_over_http(
        self, make: MakeBackend, server: SshServer
    ) -> None:
        git = await make()
        with pytest.raises(AuthenticationFailed, match="a token"):
            await git.ls_heads(Remote("http://127.0.0.1:1/a/b", server.credential()), ["main"])

    async def test_configuration_and_agent_of_the_user_change_nothing(
        self, world: SshWorld, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        head = world.create(FILES)
        trap = tmp_path / "trap"
        (tmp_path / ".ssh").mkdir()
        (tmp_path / ".ssh" / "config").write_text(f"Host *\n  ProxyCommand touch {trap}\n")
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
        monkeypatch.setenv("GIT_SSH_COMMAND", f"touch {trap}")
        with socket.socket(socket.AF_UNIX) as agent:
            agent.bind(str(tmp_path / "agent"))
            agent.listen()
            agent.setblocking(False)
            assert await world.git.ls_heads(world.remote(), ["main"]) == {"main": head}
            with pytest.raises(BlockingIOError):
                agent.accept()
        assert not trap.exists()


class TestWhatStays:
    async def test_no_process_and_no_key_stays_after_an_operation(
        self, world: SshWorld, tmp_path: Path
    ) -> None:
        head = world.create(FILES)
        await world.git.ls_heads(world.remote(), ["main"])
        made = await world.git.prepare_commit(
            world.remote(), "main", head, "a", b"b\n", COMMIT_HEADER
        )
        assert await world.git.push(world.remote(), "main", made) == Pushed()
        with pytest.raises(GitError):
            await world.git.ls_heads(world.remote(password="another"), ["main"])
        assert children_named("ssh") == []
        assert below(tmp_path, "ssh-*") == []
        assert below(tmp_path, "key") == []

    async def test_the_key_is_for_this_user_alone_while_ssh_runs(
        self, make: MakeBackend, server: SshServer, tmp_path: Path
    ) -> None:
        world = SshWorld(server, await make(timeouts=Timeouts(operation=20, connect=5, read=5)))
        head = world.create(FILES)
        server.let_in(server.key, before=f"while [ ! -e {tmp_path}/go ]; do sleep 0.02; done")
        asked = asyncio.create_task(world.git.ls_heads(world.remote(), ["main"]))
        seen = await asyncio.to_thread(look_at_running_ssh, tmp_path)
        release(tmp_path / "go")
        assert (seen.key_mode, seen.directory_mode) == (0o600, 0o700)
        assert b"PRIVATE" not in seen.command_line
        assert b"SSH_AUTH_SOCK" not in seen.environment
        assert await asked == {"main": head}


class TestTrouble:
    async def test_a_command_that_hangs_is_killed_by_the_deadline(
        self, make: MakeBackend, server: SshServer
    ) -> None:
        world = SshWorld(server, await make(timeouts=QUICK, limits=Limits(network_threads=1)))
        head = world.create(FILES)
        server.let_in(server.key, before="exec sleep 30")
        begun = time.monotonic()
        with pytest.raises(Unreachable, match="did not finish its answer"):
            await world.git.ls_heads(world.remote(), ["main"])
        assert time.monotonic() - begun < 4
        assert children_named("ssh") == []
        server.let_in(server.key)
        patient = SshWorld(server, await make())
        patient.name = world.name
        assert await patient.git.ls_heads(patient.remote(), ["main"]) == {"main": head}

    async def test_a_server_that_never_speaks_ends_by_the_deadline(self, make: MakeBackend) -> None:
        git = await make(timeouts=dataclasses.replace(QUICK, connect=30))
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = silent.getsockname()[1]
            key = SshKey(Tainted(private_text(new_key())), "x ssh-ed25519 AAAA\n")
            with pytest.raises(Unreachable, match="did not finish"):
                await git.ls_heads(Remote(f"ssh://git@127.0.0.1:{port}/a/b", key), ["main"])
        assert children_named("ssh") == []

    async def test_an_endless_greeting_is_refused(self, make: MakeBackend) -> None:
        git = await make(timeouts=dataclasses.replace(QUICK, operation=5))
        with socket.create_server(("127.0.0.1", 0)) as babbler:

            def babble() -> None:
                with contextlib.suppress(OSError), babbler.accept()[0] as client:
                    while True:
                        client.sendall(b"no ssh here\r\n" * 100)

            threading.Thread(target=babble, daemon=True).start()
            port = babbler.getsockname()[1]
            key = SshKey(Tainted(private_text(new_key())), "x ssh-ed25519 AAAA\n")
            with pytest.raises(Unreachable):
                await git.ls_heads(Remote(f"ssh://git@127.0.0.1:{port}/a/b", key), ["main"])

    async def test_a_command_that_floods_is_cut_off(
        self, make: MakeBackend, server: SshServer
    ) -> None:
        world = SshWorld(server, await make(limits=Limits(listing_bytes=200_000)))
        world.create(FILES)
        flood = "printf '000eversion 2\\n'; while :; do printf fff0; head -c 65516 /dev/zero; done"
        server.let_in(server.key, before=flood)
        with pytest.raises(TooLarge):
            await world.git.ls_heads(world.remote(), ["main"])
        assert children_named("ssh") == []

    async def test_a_flood_of_errors_stops_nobody(self, world: SshWorld) -> None:
        head = world.create(FILES)
        world.server.let_in(world.server.key, before="head -c 1000000 /dev/zero >&2")
        assert await world.git.ls_heads(world.remote(), ["main"]) == {"main": head}

    @pytest.mark.parametrize(
        ("words", "error"),
        [
            pytest.param("ERROR: Repository not found.", RepositoryNotFound, id="not found"),
            pytest.param(
                "ERROR: The key you are authenticating with has been marked as read only.",
                AuthenticationFailed,
                id="read only",
            ),
            pytest.param("Host key verification failed.", Unreachable, id="not ssh's own words"),
        ],
    )
    async def test_the_servers_words_are_passed_on_and_never_taken_for_those_of_ssh(
        self, world: SshWorld, words: str, error: type[GitError]
    ) -> None:
        world.create(FILES)
        world.server.let_in(world.server.key, before=f"echo '{words}' >&2; exit 1")
        with pytest.raises(GitError, match=words.rstrip(".")) as caught:
            await world.git.ls_heads(world.remote(), ["main"])
        assert type(caught.value) is error

    async def test_a_refused_connection_is_unreachable(self, make: MakeBackend) -> None:
        git = await make()
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            port = closed.getsockname()[1]
            key = SshKey(Tainted(private_text(new_key())), "x ssh-ed25519 AAAA\n")
            with pytest.raises(Unreachable, match="connection refused"):
                await git.ls_heads(Remote(f"ssh://git@127.0.0.1:{port}/a/b", key), ["main"])

    async def test_another_address_of_the_name_is_tried(
        self, make: MakeBackend, server: SshServer
    ) -> None:
        git = await make(look_up=lambda *_: ("127.0.0.2", "127.0.0.1"))
        world = SshWorld(server, git)
        head = world.create(FILES)
        url = world.remote().url.replace("127.0.0.1", "git.test")
        trusted = server.credential(known_hosts=server.known_hosts(name="git.test"))
        assert await git.ls_heads(Remote(url, trusted), ["main"]) == {"main": head}

    async def test_names_that_lead_to_forbidden_addresses_are_refused(
        self, make: MakeBackend, server: SshServer
    ) -> None:
        git = await make(HostPolicy(), look_up=lambda *_: ("169.254.169.254",))
        with pytest.raises(AddressNotAllowed, match=r"169\.254\.169\.254"):
            await git.ls_heads(Remote("ssh://git@git.test/a/b", server.credential()), ["main"])

    async def test_without_the_program_it_says_what_to_install(
        self, world: SshWorld, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        world.create(FILES)
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(Unreachable, match="openssh-client"):
            await world.git.ls_heads(world.remote(), ["main"])

    @pytest.mark.parametrize("name", ["it's", "a!b", "two%20words", "dollar$HOME", "semi;id"])
    async def test_any_name_of_a_repository_reaches_it_and_no_shell(
        self, world: SshWorld, name: str
    ) -> None:
        with pytest.raises(RepositoryNotFound):
            await world.git.ls_heads(world.remote(repository=f"team/{name}"), ["main"])


class TestOldServers:
    async def test_a_server_that_does_not_take_the_version_is_used_in_version_0(
        self, make: MakeBackend
    ) -> None:
        with SshServer(accept_env=False) as old:
            world = SshWorld(old, await make())
            head = world.create(FILES)
            remote = world.remote()
            assert await world.git.ls_heads(remote, ["main", "none"]) == {"main": head}
            found = await world.git.read_file(remote, "main", head, "a")
            assert found is not None
            made = await world.git.prepare_commit(remote, "main", head, "a", b"b\n", COMMIT_HEADER)
            assert await world.git.push(remote, "main", made) == Pushed()
            world.repository.configure("uploadpack.allowAnySHA1InWant", "false")
            with pytest.raises(CommitGone):
                await world.git.read_file(remote, "main", "1" * 40, "a")

    async def test_a_server_without_filters_sends_everything(self, world: SshWorld) -> None:
        head = world.create({"a": b"a\n", "big": noise(700 * 1024)})
        world.repository.configure("uploadpack.allowFilter", "false")
        found = await world.git.read_file(world.remote(), "main", head, "a")
        assert found is not None
        with pytest.raises(TooLarge):
            await world.git.read_file(world.remote(), "main", head, "big")


async def test_an_operation_is_one_connection(world: SshWorld) -> None:
    head = world.create(FILES)
    counts = []
    for operation in (
        lambda: world.git.ls_heads(world.remote(), ["main"]),
        lambda: world.git.read_file(world.remote(), "main", head, "a"),
        lambda: world.git.read_file(world.remote(), "main", head, "a"),
    ):
        before = world.server.connections
        await operation()
        counts.append(world.server.connections - before)
    assert counts == [1, 1, 0]
