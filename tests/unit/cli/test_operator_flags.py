"""Every setting of the operator is a flag and an environment variable, and bad values are named."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from ebbflow.cli.operator import default_identity, operator
from ebbflow.settings import Address, Settings, Shard

DOCUMENTED = [
    "--namespace",
    "--poll-interval",
    "--default-service-account",
    "--allow-insecure-http",
    "--allowed-hosts",
    "--webhook-address",
    "--webhook-url",
    "--admission-address",
    "--metrics-address",
    "--health-address",
    "--lease-duration",
    "--identity",
    "--shard",
    "--workers",
    "--cache-dir",
    "--log-format",
    "--log-level",
]

ANY = "0.0.0.0"  # noqa: S104 - what an address without a host stands for


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run `ebbflow operator` with its main replaced; returns its settings or the click result."""
    seen: list[Settings] = []

    def main(settings: Settings) -> int:
        seen.append(settings)
        return 0

    monkeypatch.setattr("ebbflow.wiring.main", main)

    def invoke(*arguments: str, **variables: str) -> Any:
        result = CliRunner().invoke(operator, arguments, env=variables)
        return seen.pop() if result.exit_code == 0 else result

    return invoke


def test_the_flags_are_those_of_the_contract() -> None:
    assert sorted(option.opts[0] for option in operator.params) == sorted(DOCUMENTED)


@pytest.mark.parametrize("option", operator.params, ids=lambda option: option.opts[0])
def test_each_flag_has_a_variable_and_says_what_it_does(option: click.Option) -> None:
    name = option.opts[0].removeprefix("--").replace("-", "_").upper()
    assert option.envvar == f"EBBFLOW_{name}"
    assert (option.help or "").endswith(".")


@pytest.mark.parametrize(
    ("flag", "value", "field", "expected"),
    [
        ("--namespace", "shop", "namespaces", ("shop",)),
        ("--poll-interval", "90s", "poll_interval", timedelta(seconds=90)),
        ("--default-service-account", "deployer", "default_service_account", "deployer"),
        ("--allowed-hosts", "*.acme.dev,github.com", "allowed_hosts", ("*.acme.dev", "github.com")),
        ("--webhook-address", "a.dev:9000", "webhook_address", Address("a.dev", 9000)),
        ("--webhook-url", "https://x.dev", "webhook_url", "https://x.dev"),
        ("--admission-address", "[::1]:9443", "admission_address", Address("::1", 9443)),
        ("--metrics-address", ":8080", "metrics_address", Address(ANY, 8080)),
        ("--health-address", "127.0.0.1:0", "health_address", Address("127.0.0.1", 0)),
        ("--lease-duration", "3s", "lease_duration", timedelta(seconds=3)),
        ("--identity", "me", "identity", "me"),
        ("--shard", "1/2", "shard", Shard(1, 2)),
        ("--workers", "4", "workers", 4),
        ("--cache-dir", "/var/cache/x", "cache_dir", Path("/var/cache/x")),
        ("--log-format", "json", "log_format", "json"),
        ("--log-level", "debug", "log_level", "debug"),
    ],
)
def test_a_flag_and_its_variable_mean_the_same(
    run: Any, flag: str, value: str, field: str, expected: object
) -> None:
    variable = "EBBFLOW_" + flag.removeprefix("--").replace("-", "_").upper()
    assert getattr(run(flag, value), field) == expected
    assert getattr(run(**{variable: value}), field) == expected


def test_a_flag_wins_over_its_variable(run: Any) -> None:
    assert run("--workers", "3", EBBFLOW_WORKERS="5").workers == 3


def test_a_switch_can_be_set_by_a_variable(run: Any) -> None:
    assert run("--allow-insecure-http").allow_insecure_http
    assert run(EBBFLOW_ALLOW_INSECURE_HTTP="true").allow_insecure_http
    assert not run().allow_insecure_http


def test_several_namespaces_are_served_each_once(run: Any) -> None:
    assert run("--namespace", "a", "--namespace", "b", "--namespace", "a").namespaces == ("a", "b")
    assert run(EBBFLOW_NAMESPACE="a,b").namespaces == ("a", "b")


@pytest.mark.parametrize(
    ("flag", "value", "words"),
    [
        ("--poll-interval", "90", "must be a duration"),
        ("--poll-interval", "0.5s", "at least 1s"),
        ("--health-address", "8081", "is not host:port"),
        ("--metrics-address", ":70000", "is not host:port"),
        ("--shard", "2/2", "from 0 to n-1"),
        ("--shard", "one", "i/n"),
        ("--workers", "0", "1<=x<=256"),
        ("--log-format", "xml", "json"),
    ],
)
def test_a_bad_value_is_named_with_what_it_must_be(
    run: Any, flag: str, value: str, words: str
) -> None:
    result = run(flag, value)
    assert result.exit_code == 2
    assert flag in result.output
    assert words in result.output


def test_the_identity_is_the_pods_name_or_nobody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POD_NAME", "ebbflow-0")
    assert default_identity() == "ebbflow-0"
    monkeypatch.delenv("POD_NAME")
    assert default_identity() != default_identity()
