"""What a real node is made of: addresses, images, settings, and what is looked at before."""

from __future__ import annotations

import hashlib
import io
import ipaddress
import json
import os
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ebbflow.devcluster import command_lines, node_settings, preflight, sessions
from ebbflow.devcluster.certificates import certificate_files
from ebbflow.devcluster.command_lines import Ports
from ebbflow.devcluster.identity import ProcessIdentity
from ebbflow.devcluster.images import BUSYBOX, IMAGES, PAUSE, busybox_layer, write_archive
from ebbflow.devcluster.layout import Layout
from ebbflow.devcluster.network import RANGE, SLOTS, Link
from ebbflow.devcluster.trouble import ToolchainMissing

APPLETS = ("busybox", "sh", "sleep", "wget")
INTERFACE_LENGTH = 15


@pytest.fixture
def busybox(tmp_path: Path) -> Path:
    program = tmp_path / "busybox"
    program.write_text("#!/bin/sh\nprintf '%s\\n' " + " ".join(APPLETS) + "\n")
    program.chmod(0o755)
    return program


@given(st.integers(0, SLOTS - 1))
def test_every_slot_has_addresses_of_its_own_and_a_name_that_the_kernel_takes(slot: int) -> None:
    link = Link(slot)

    ends = [ipaddress.ip_address(link.outer), ipaddress.ip_address(link.inner)]
    assert all(end in RANGE for end in ends)
    network = ipaddress.ip_network(f"{link.outer}/30", strict=False)
    assert ends == list(network.hosts())
    assert len(link.interface) <= INTERFACE_LENGTH
    assert Link.at(link.inner) == link


def test_the_layer_has_busybox_under_the_name_of_each_of_its_programs(busybox: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(busybox_layer(busybox))) as layer:
        links = {each.name: each.linkname for each in layer if each.issym()}
        assert layer.getmember("bin/busybox").mode == 0o755
        assert layer.getmember("tmp").mode == 0o1777

    assert links == {f"bin/{name}": "busybox" for name in APPLETS[1:]}


def test_the_same_busybox_gives_the_same_layer(busybox: Path) -> None:
    assert busybox_layer(busybox) == busybox_layer(busybox)


def test_an_archive_names_every_image_and_the_digest_of_its_layer(
    busybox: Path, tmp_path: Path
) -> None:
    content = busybox_layer(busybox)

    write_archive(tmp_path / "images.tar", content)

    with tarfile.open(tmp_path / "images.tar") as archive:

        def read(name: str) -> bytes:
            file = archive.extractfile(name)
            assert file is not None
            return file.read()

        manifest = json.loads(read("manifest.json"))
        configs = [json.loads(read(each["Config"])) for each in manifest]
        names = [each["Config"] for each in manifest]
        digests = [hashlib.sha256(read(name)).hexdigest() for name in names]
    assert [each["RepoTags"] for each in manifest] == [[BUSYBOX], [PAUSE]]
    assert names == [f"{digest}.json" for digest in digests]
    expected = [f"sha256:{hashlib.sha256(content).hexdigest()}"]
    assert [each["rootfs"]["diff_ids"] for each in configs] == [expected] * len(IMAGES)


def test_the_settings_can_be_read_by_what_they_are_for(tmp_path: Path) -> None:
    files = certificate_files(tmp_path)
    containerd = tomllib.loads(node_settings.containerd_settings(tmp_path, "native"))
    kubelet = yaml.safe_load(node_settings.kubelet_settings(files, tmp_path, "ebbflow-7"))
    network = json.loads(node_settings.pod_network())

    runtime = containerd["plugins"]["io.containerd.grpc.v1.cri"]
    assert runtime["sandbox_image"] == PAUSE
    assert runtime["containerd"]["snapshotter"] == "native"
    assert kubelet["cgroupRoot"] == "/ebbflow-7"
    assert kubelet["authentication"]["anonymous"] == {"enabled": False}
    assert kubelet["authorization"] == {"mode": "Webhook"}
    assert [each["type"] for each in network["plugins"]] == ["bridge", "portmap"]


def test_with_a_real_node_everything_listens_on_its_address_alone(tmp_path: Path) -> None:
    layout, files = Layout(tmp_path), certificate_files(tmp_path)
    ports = Ports(1, 2, 3, 4, address="198.18.0.2")

    server = command_lines.apiserver(layout, files, ports, audited=False, rotated=False)
    etcd = command_lines.etcd(layout, files, ports)

    assert {"--bind-address=198.18.0.2", "--advertise-address=198.18.0.2"} <= set(server)
    assert "--endpoint-reconciler-type=none" not in server
    assert any(flag.startswith("--kubelet-certificate-authority=") for flag in server)
    assert all("198.18.0.2" in flag for flag in etcd if "-urls=" in flag)
    assert ports.url == "https://198.18.0.2:1"


def test_what_is_missing_is_named_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(preflight, "CNI_PLUGINS", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ToolchainMissing) as caught:
        preflight.check()

    assert "packages are missing: containerd, runc, busybox-static, iptables" in caught.value.what
    assert "apt-get install -y --no-install-recommends containerd runc" in caught.value.remedy
    assert caught.value.remedy.endswith("containernetworking-plugins`")


@pytest.mark.parametrize(
    ("system", "user", "reason"),
    [
        pytest.param("darwin", 0, "it needs Linux", id="macos"),
        pytest.param("linux", 1000, "it needs root", id="an-ordinary-user"),
    ],
)
def test_a_machine_that_cannot_run_a_node_is_told_why_and_what_can(
    monkeypatch: pytest.MonkeyPatch, system: str, user: int, reason: str
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(os, "geteuid", lambda: user)

    with pytest.raises(ToolchainMissing, match=reason) as caught:
        preflight.check()

    assert "--node kwok" in caught.value.remedy


@pytest.fixture
def closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Link]:
    """The links that were closed, instead of closing anything on this machine."""
    monkeypatch.setenv("EBBFLOW_STATE_DIR", str(tmp_path / "state"))
    found: list[Link] = []
    monkeypatch.setattr(sessions, "close", found.append)
    return found


def test_what_a_killed_program_left_is_removed_and_what_others_use_is_not(
    tmp_path: Path, closed: list[Link]
) -> None:
    killed, alive = tmp_path / "killed", tmp_path / "alive"
    for link, root in ((Link(1), killed), (Link(2), alive)):
        root.mkdir()
        sessions.note(link, root, temporary=True)
    gone = sessions.Session(
        Link(1), killed, ProcessIdentity(os.getpid(), "earlier"), temporary=True
    )
    (sessions.sessions_dir() / "1.json").write_bytes(gone.to_json())
    (sessions.sessions_dir() / "3.json").write_text("{")

    assert sessions.sweep() == [killed]

    assert closed == [Link(1)]
    assert not killed.exists()
    assert alive.exists()
    assert sorted(each.name for each in sessions.sessions_dir().iterdir()) == ["2.json", "3.json"]


def test_what_ended_in_order_is_forgotten(tmp_path: Path, closed: list[Link]) -> None:
    sessions.note(Link(5), tmp_path, temporary=True)

    sessions.forget(Link(5))

    assert sessions.sweep() == []
    assert closed == []
