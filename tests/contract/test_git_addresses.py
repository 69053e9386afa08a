"""Where connections go: redirects, other origins, TLS, and addresses that are never connected to."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path

import pytest

from ebbflow.adapters.git import HostPolicy
from ebbflow.domain.git import (
    AddressNotAllowed,
    InvalidRequest,
    Pushed,
    Remote,
    Unreachable,
)
from tests.support.gitserver import Authority, FaultyGitServer
from tests.support.gitworld import (
    COMMIT_HEADER,
    HTTP,
    PASSWORD,
    QUICK,
    USER,
    MakeBackend,
    RealWorld,
)


class TestWhereConnectionsGo:
    async def test_a_redirect_to_another_origin_is_refused_and_never_asked(
        self, world: RealWorld, server: FaultyGitServer, tmp_path: Path
    ) -> None:
        head = world.create({"a": b"a\n"})
        with FaultyGitServer(tmp_path / "b", username=USER, password=PASSWORD) as elsewhere:
            server.redirect(elsewhere.url)
            with pytest.raises(
                AddressNotAllowed, match=r"redirects .* to another origin"
            ) as caught:
                await world.git.ls_heads(world.remote(), ["main"])
            server.calm()
            await world.git.ls_heads(world.remote(), ["main"])
            server.redirect(elsewhere.url, service="upload-pack")
            with pytest.raises(AddressNotAllowed):
                await world.git.read_file(world.remote(), "main", head, "a")
            assert elsewhere.seen == []
        assert PASSWORD not in str(caught.value)

    async def test_a_redirect_at_the_same_origin_is_followed(
        self, world: RealWorld, server: FaultyGitServer
    ) -> None:
        head = world.create({"a": b"a\n"})
        moved = dataclasses.replace(world.remote(), url=f"{server.url}/old/place.git")
        server.moved_to("old/place", world.name)
        assert await world.git.ls_heads(moved, ["main"]) == {"main": head}
        found = await world.git.read_file(moved, "main", head, "a")
        assert found is not None
        made = await world.git.prepare_commit(moved, "main", head, "a", b"b\n", COMMIT_HEADER)
        assert await world.git.push(moved, "main", made) == Pushed()

    async def test_an_endless_redirect_ends(
        self, world: RealWorld, server: FaultyGitServer
    ) -> None:
        world.create({"a": b"a\n"})
        server.redirect(server.url)
        with pytest.raises(AddressNotAllowed, match="again and again"):
            await world.git.ls_heads(world.remote(), ["main"])
        assert server.counts.total() < 6

    async def test_the_checked_address_is_the_one_connected_to(
        self, make: MakeBackend, server: FaultyGitServer
    ) -> None:
        asked: list[tuple[str, int]] = []

        def look_up(host: str, port: int) -> tuple[str, ...]:
            asked.append((host, port))
            return ("127.0.0.1",)

        world = RealWorld(server, await make(look_up=look_up))
        head = world.create({"a": b"a\n"})
        named = Remote(
            world.remote().url.replace("127.0.0.1", "git.does-not-exist.invalid"),
            world.remote().credential,
        )
        assert await world.git.ls_heads(named, ["main"]) == {"main": head}
        assert asked == [("git.does-not-exist.invalid", server.port)]

    async def test_a_name_that_leads_to_a_metadata_address_is_refused(
        self, make: MakeBackend
    ) -> None:
        git = await make(look_up=lambda *_: ("10.1.2.3", "169.254.169.254"))
        with pytest.raises(AddressNotAllowed, match=r"leads to 169\.254\.169\.254"):
            await git.ls_heads(Remote("http://innocent.example/team/app"), ["main"])

    async def test_an_unknown_name_is_unreachable(self, make: MakeBackend) -> None:
        def look_up(*_: object) -> tuple[str, ...]:
            raise OSError(-2, "Name or service not known")

        git = await make(look_up=look_up)
        with pytest.raises(Unreachable, match="Name or service not known"):
            await git.ls_heads(Remote("http://gone.example/team/app"), ["main"])

    @pytest.mark.parametrize(
        ("policy", "url"),
        [
            pytest.param(HostPolicy(), "http://git.example/team/app", id="http"),
            pytest.param(HTTP, "ssh://-oProxyCommand=id@git.example/team/app", id="ssh option"),
            pytest.param(HTTP, "file:///etc", id="file"),
            pytest.param(HTTP, "http://169.254.169.254/latest/meta", id="metadata"),
            pytest.param(HostPolicy(("*.corp",)), "https://git.example/team/app", id="host"),
            pytest.param(HTTP, "https://u:p@git.example/team/app", id="credentials"),
        ],
    )
    async def test_every_operation_refuses_what_is_not_allowed(
        self, make: MakeBackend, policy: HostPolicy, url: str
    ) -> None:
        git = await make(policy)
        remote = Remote(url)
        for operation in (
            git.ls_heads(remote, ["main"]),
            git.read_file(remote, "main", "1" * 40, "a"),
            git.blob_ids(remote, "main", "1" * 40, ["a"]),
            git.prepare_commit(remote, "main", "1" * 40, "a", b"", COMMIT_HEADER),
            git.contains(remote, "main", "1" * 40, "2" * 40),
        ):
            with pytest.raises(AddressNotAllowed):
                await operation

    async def test_settings_of_the_machine_change_nothing(
        self, world: RealWorld, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        head = world.create({"a": b"a\n"})
        (tmp_path / ".gitconfig").write_text('[url "http://127.0.0.1:1/"]\n\tinsteadOf = http://\n')
        (tmp_path / ".netrc").write_text("default login evil password evil\n")
        monkeypatch.setenv("HOME", str(tmp_path))
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        assert await world.git.ls_heads(world.remote(), ["main"]) == {"main": head}

    async def test_https_needs_a_certificate_that_is_trusted(
        self, make: MakeBackend, tmp_path: Path
    ) -> None:
        authority = Authority()
        context = authority.server_context(tmp_path)
        with FaultyGitServer(username=USER, password=PASSWORD, tls=context) as server:
            world = RealWorld(server, await make(HostPolicy()))
            head = world.create({"a": b"a\n"})
            remote = world.remote()
            with pytest.raises(Unreachable, match=r"certificate is not trusted.*caBundle"):
                await world.git.ls_heads(remote, ["main"])
            trusting = dataclasses.replace(remote, ca_bundle=authority.pem)
            assert await world.git.ls_heads(trusting, ["main"]) == {"main": head}
            found = await world.git.read_file(trusting, "main", head, "a")
            assert found is not None
            made = await world.git.prepare_commit(
                trusting, "main", head, "a", b"b\n", COMMIT_HEADER
            )
            assert await world.git.push(trusting, "main", made) == Pushed()
            assert world.head() == made.commit
            other = dataclasses.replace(remote, ca_bundle=Authority().pem)
            with pytest.raises(Unreachable):
                await world.git.ls_heads(other, ["main"])
            with pytest.raises(Unreachable):
                await world.git.push(other, "main", made)
            broken = dataclasses.replace(remote, ca_bundle="no certificate")
            with pytest.raises(InvalidRequest, match="caBundle"):
                await world.git.ls_heads(broken, ["main"])

    async def test_a_tls_server_that_drips_its_handshake_ends_by_the_deadline(
        self, make: MakeBackend
    ) -> None:
        async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for _ in range(1000):
                writer.write(b"\x16")
                await asyncio.wait({asyncio.create_task(reader.read(1))}, timeout=0.02)
            writer.close()

        listener = await asyncio.start_server(drip, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        git = await make(HostPolicy(), timeouts=QUICK)
        async with listener:
            with pytest.raises(Unreachable):
                await git.ls_heads(Remote(f"https://127.0.0.1:{port}/team/app"), ["main"])
