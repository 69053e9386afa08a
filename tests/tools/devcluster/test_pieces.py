"""Small pieces: ports, locks, progress, flags, kubeconfigs."""

from __future__ import annotations

import random
import socket
import stat
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from ebbflow.devcluster import command_lines
from ebbflow.devcluster.certificates import certificate_files, issue_all
from ebbflow.devcluster.command_lines import Ports
from ebbflow.devcluster.kubeconfig import Token, write_kubeconfig
from ebbflow.devcluster.layout import Layout
from ebbflow.devcluster.locking import exclusive
from ebbflow.devcluster.ports import ephemeral_start, free_ports, is_free, is_listening
from ebbflow.devcluster.progress import Pulse, duration


def test_free_ports_are_different_free_and_below_those_of_outgoing_connections() -> None:
    ports = free_ports(3, random.Random(1))

    assert len(set(ports)) == 3
    assert all(20_000 <= port < ephemeral_start() for port in ports)
    assert all(is_free(port) for port in ports)


def test_a_port_with_a_server_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not is_free(port)
        assert is_listening(port)
    assert is_free(port)
    assert not is_listening(port)


def test_the_same_choice_twice_gives_other_ports_when_the_first_are_taken() -> None:
    (first,) = free_ports(1, random.Random(7))
    with socket.create_server(("127.0.0.1", first)):
        (second,) = free_ports(1, random.Random(7))

    assert second != first


@pytest.mark.parametrize(
    ("content", "first"),
    [
        pytest.param("32768\t60999\n", 32768, id="linux"),
        pytest.param("", 49152, id="empty"),
        pytest.param("odd", 49152, id="no-number"),
    ],
)
def test_the_range_of_outgoing_connections_is_read(
    tmp_path: Path, content: str, first: int
) -> None:
    (tmp_path / "range").write_text(content)

    assert ephemeral_start(tmp_path / "range") == first


def test_only_one_holds_a_lock_and_the_other_hears_that_it_waits(tmp_path: Path) -> None:
    order: list[str] = []
    waited = threading.Event()

    def second() -> None:
        with exclusive(tmp_path / "locks" / "one", lambda _: waited.set()):
            order.append("second")

    thread = threading.Thread(target=second)
    with exclusive(tmp_path / "locks" / "one", lambda _: None):
        thread.start()
        assert waited.wait(10)
        order.append("first")
    thread.join(10)

    assert order == ["first", "second"]


def test_a_pulse_speaks_every_ten_seconds_and_not_between() -> None:
    now = [0.0]
    said: list[str] = []
    pulse = Pulse(said.append, clock=lambda: now[0])

    for second in range(0, 70, 4):
        now[0] = float(second)
        pulse.beat(lambda: "Building")

    assert said == [
        "Building (12 s so far)",
        "Building (24 s so far)",
        "Building (36 s so far)",
        "Building (48 s so far)",
        "Building (1 min 00 s so far)",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.9, "0 s"), (59.9, "59 s"), (60, "1 min 00 s"), (245, "4 min 05 s")]
)
def test_durations_are_written_as_people_do(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_nothing_listens_beyond_loopback_or_without_certificates(tmp_path: Path) -> None:
    layout, files = Layout(tmp_path), certificate_files(tmp_path)
    ports = Ports(api=1, etcd=2, etcd_peer=3, kubelet=4)
    etcd = command_lines.etcd(layout, files, ports)
    server = command_lines.apiserver(layout, files, ports, audited=True, rotated=False)

    listens = [flag for flag in etcd if "-urls=" in flag]
    assert len(listens) == 4
    assert all("=https://127.0.0.1:" in flag for flag in listens)
    assert {"--client-cert-auth", "--peer-client-cert-auth"} <= set(etcd)
    assert {"--bind-address=127.0.0.1", "--authorization-mode=Node,RBAC"} <= set(server)
    assert not any("admission-plugins" in flag for flag in server)
    assert "--secure-port=0" in command_lines.controller_manager(layout, files)
    assert "--secure-port=0" in command_lines.scheduler(layout)


@pytest.mark.parametrize(
    ("audited", "rotated", "size"),
    [(True, True, "100"), (True, False, "0"), (False, False, None)],
)
def test_the_audit_log_is_bounded_only_where_a_cluster_lives_long(
    tmp_path: Path, audited: bool, rotated: bool, size: str | None
) -> None:
    flags = command_lines.apiserver(
        Layout(tmp_path), certificate_files(tmp_path), Ports(1, 2, 3, 4),
        audited=audited, rotated=rotated,
    )  # fmt: skip

    found = [flag.partition("=")[2] for flag in flags if flag.startswith("--audit-log-maxsize")]
    assert found == ([] if size is None else [size])


def test_a_kubeconfig_needs_no_other_file_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    files = issue_all(tmp_path, datetime.now(UTC))

    written = write_kubeconfig(
        tmp_path / "kubeconfig",
        cluster="ebbflow-x",
        server="https://127.0.0.1:1",
        authority=files.authority.certificate,
        user="admin",
        credential=files.admin,
    )

    read = yaml.safe_load(written.read_text())
    assert read["current-context"] == "ebbflow-x"
    assert set(read["users"][0]["user"]) == {"client-certificate-data", "client-key-data"}
    assert set(read["clusters"][0]["cluster"]) == {"server", "certificate-authority-data"}
    assert stat.S_IMODE(written.stat().st_mode) == 0o600


def test_a_token_is_written_to_the_file_but_never_shown(tmp_path: Path) -> None:
    token = Token("s3cret")

    written = write_kubeconfig(
        tmp_path / "kubeconfig",
        cluster="c",
        server="http://127.0.0.1:1",
        authority=None,
        user="team/bot",
        credential=token,
        namespace="team",
    )

    read = yaml.safe_load(written.read_text())
    assert read["users"][0]["user"] == {"token": "s3cret"}
    assert read["clusters"][0]["cluster"] == {"server": "http://127.0.0.1:1"}
    assert read["contexts"][0]["context"]["namespace"] == "team"
    assert "s3cret" not in repr(token)
    assert "s3cret" not in str(token)
