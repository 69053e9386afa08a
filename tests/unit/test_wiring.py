"""How the pieces are put together: names of Leases, shards, and what keeps it from starting."""

from __future__ import annotations

import json
import logging
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ebbflow.adapters import logs
from ebbflow.settings import Address, Settings, Shard
from ebbflow.wiring.elections import lease_name, own_namespaces, serves
from ebbflow.wiring.start import main

NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True)
SETTINGS = Settings("me", Path("cache"))


@pytest.fixture
def logging_as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    root = logging.getLogger()
    before = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in logs.QUIET}
    yield
    root.handlers[:], root.level = before
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    logging.captureWarnings(False)


@given(NAMES, st.integers(1, 9))
def test_every_namespace_belongs_to_exactly_one_shard(namespace: str, count: int) -> None:
    assert sum(serves(Shard(index, count), namespace) for index in range(count)) == 1


def test_shards_share_the_namespaces_out() -> None:
    served = sum(serves(Shard(0, 2), f"team-{number}") for number in range(1000))
    assert 400 < served < 600


def test_the_shard_of_a_namespace_never_changes() -> None:
    # Operators of two versions run beside each other during an upgrade.
    names = ("default", "shop", "kube-system", "a")
    assert [serves(Shard(0, 2), name) for name in names] == [False, False, False, True]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param(SETTINGS, "ebbflow-operator", id="the whole cluster"),
        pytest.param(
            replace(SETTINGS, shard=Shard(1, 3)), "ebbflow-operator-shard-1-of-3", id="a shard"
        ),
    ],
)
def test_the_lease_is_named_after_what_is_served(settings: Settings, expected: str) -> None:
    assert lease_name(settings) == expected


def test_leases_differ_exactly_where_operators_serve_different_things() -> None:
    def name(*namespaces: str, shard: Shard | None = None) -> str:
        return lease_name(replace(SETTINGS, namespaces=namespaces, shard=shard or Shard()))

    assert name("a", "b") == name("b", "a")
    others = [name(), name("a"), name("b"), name("a", "b"), name("a", shard=Shard(0, 2))]
    assert len(set(others)) == len(others)


@given(st.lists(NAMES, max_size=50), st.integers(1, 99))
def test_the_name_of_a_lease_fits_kubernetes(namespaces: list[str], count: int) -> None:
    settings = replace(SETTINGS, namespaces=tuple(namespaces), shard=Shard(count - 1, count))
    assert len(lease_name(settings)) <= 63


def test_in_a_pod_what_the_operator_keeps_lies_in_its_namespace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("POD_NAMESPACE", "apps")
    assert own_namespaces() == ("apps",)
    monkeypatch.delenv("POD_NAMESPACE")
    assert own_namespaces() == ("ebbflow-system", "default")


# What keeps it from starting


@pytest.fixture
def kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kubeconfig of a server that is away, and nothing of this machine."""
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "POD_NAMESPACE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    file = tmp_path / "kubeconfig"
    config = {
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    file.write_text(yaml.safe_dump(config))
    return file


@pytest.mark.usefixtures("kubeconfig", "logging_as_before")
def test_without_a_cluster_three_lines_tell_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(SETTINGS) == 2
    what, where, todo = capsys.readouterr().err.splitlines()
    assert what == "ebbflow: no cluster"
    assert where.startswith("  $KUBECONFIG is not set, ")
    assert todo.startswith("  set KUBECONFIG")


@pytest.mark.usefixtures("kubeconfig", "logging_as_before")
def test_without_a_cluster_one_json_line_tells_machines(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(replace(SETTINGS, log_format="json")) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["level"] == "error"
    assert json.loads(line)["msg"].startswith("no cluster")


@pytest.mark.parametrize("what", ["health", "metrics"])
@pytest.mark.usefixtures("logging_as_before")
def test_an_address_that_is_taken_is_named_with_its_flag(
    kubeconfig: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    what: str,
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        address = {f"{what}_address": Address("127.0.0.1", port)}
        quiet = replace(SETTINGS, cache_dir=tmp_path / "cache", log_level="error")
        assert main(replace(quiet, **address)) == 2
    first, where, todo = capsys.readouterr().err.splitlines()
    assert first == f"ebbflow: cannot listen for {what}"
    assert where.startswith(f"  127.0.0.1:{port}: ")
    assert todo == f"  choose another with --{what}-address"
