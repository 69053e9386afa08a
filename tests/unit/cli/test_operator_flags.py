"""`ebbflow operator`: every setting is a flag and a variable, and a bad value gets a sentence."""

from __future__ import annotations

import re
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from ebbflow.cli.operator import operator
from ebbflow.settings import Address, Settings, Shard

OPTIONS = [o for o in operator.params if isinstance(o, click.Option) and o.name != "help"]
NAMES = {"namespace": "namespaces"}


class Run:
    """One call of the command, with what it handed on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.settings: Settings | None = None
        monkeypatch.setattr("ebbflow.wiring.start.main", self._main)

    def _main(self, settings: Settings) -> int:
        self.settings = settings
        return 7

    def __call__(self, *flags: str, **variables: str) -> Settings:
        shown = self.invoke(*flags, **variables)
        assert shown.exit_code == 7, shown.output
        assert self.settings is not None
        return self.settings

    def invoke(self, *flags: str, **variables: str) -> Result:
        named = {f"EBBFLOW_{name.upper()}": value for name, value in variables.items()}
        return CliRunner().invoke(operator, flags, env=named)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.delenv("POD_NAME", raising=False)
    return Run(monkeypatch)


def test_every_setting_is_a_flag_and_every_flag_a_setting() -> None:
    flags = {NAMES.get(str(option.name), str(option.name)) for option in OPTIONS}
    assert flags == {field.name for field in fields(Settings)}


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.opts[0])
def test_every_flag_is_also_an_environment_variable_and_says_what_it_does(
    option: click.Option,
) -> None:
    assert (option.help or "").endswith(".")
    assert option.envvar == "EBBFLOW_" + option.opts[0].removeprefix("--").replace("-", "_").upper()


@pytest.mark.parametrize(
    ("flag", "text", "expected"),
    [
        ("namespace", "shop", ("shop",)),
        ("poll-interval", "90s", timedelta(seconds=90)),
        ("commit-window", "0s", timedelta(0)),
        ("default-service-account", "deployer", "deployer"),
        ("allowed-hosts", "git.example.com", ("git.example.com",)),
        ("webhook-address", ":8080", Address("0.0.0.0", 8080)),  # noqa: S104 - what it means
        ("webhook-url", "https://hooks.example.com", "https://hooks.example.com"),
        ("admission-address", "[::1]:9443", Address("::1", 9443)),
        ("metrics-address", "127.0.0.1:9090", Address("127.0.0.1", 9090)),
        ("health-address", "localhost:0", Address("localhost", 0)),
        ("lease-duration", "1m", timedelta(minutes=1)),
        ("identity", "me", "me"),
        ("shard", "2/5", Shard(2, 5)),
        ("workers", "256", 256),
        ("cache-dir", "/var/cache", Path("/var/cache")),
        ("log-format", "json", "json"),
        ("log-level", "debug", "debug"),
    ],
)
def test_a_value_means_the_same_as_a_flag_and_as_a_variable(
    run: Run, flag: str, text: str, expected: Any
) -> None:
    field = {"namespace": "namespaces"}.get(flag, flag.replace("-", "_"))
    assert getattr(run(f"--{flag}={text}"), field) == expected
    assert getattr(run(**{flag.replace("-", "_"): text}), field) == expected


@pytest.mark.parametrize(
    ("flags", "variables", "expected"),
    [
        pytest.param([], {}, False, id="absent"),
        pytest.param(["--allow-insecure-http"], {}, True, id="flag"),
        pytest.param([], {"allow_insecure_http": "true"}, True, id="variable"),
        pytest.param([], {"allow_insecure_http": "0"}, False, id="variable says no"),
    ],
)
def test_http_is_allowed_only_where_it_is_asked_for(
    run: Run, flags: list[str], variables: dict[str, str], expected: bool
) -> None:
    assert run(*flags, **variables).allow_insecure_http is expected


@pytest.mark.parametrize(
    ("flags", "variables", "expected"),
    [
        pytest.param([], {}, (), id="none is all"),
        pytest.param(["--namespace=a", "--namespace=b"], {}, ("a", "b"), id="repeated"),
        pytest.param(["--namespace=a, b,"], {}, ("a", "b"), id="commas"),
        pytest.param([], {"namespace": "a,b"}, ("a", "b"), id="commas in the variable"),
        pytest.param([], {"namespace": "a, b c"}, ("a", "b", "c"), id="spaces in the variable"),
        pytest.param(["--namespace=a", "--namespace=a"], {}, ("a",), id="twice"),
        pytest.param(["--namespace=a"], {"namespace": "b"}, ("a",), id="the flag wins"),
        pytest.param([], {"namespace": ""}, (), id="an empty variable"),
    ],
)
def test_namespaces_may_be_repeated_or_separated(
    run: Run, flags: list[str], variables: dict[str, str], expected: tuple[str, ...]
) -> None:
    assert run(*flags, **variables).namespaces == expected


def test_allowed_hosts_may_be_repeated_or_separated(run: Run) -> None:
    expected = ("a.example", "*.b.example")
    assert run("--allowed-hosts=a.example", "--allowed-hosts=*.b.example").allowed_hosts == expected
    assert run(allowed_hosts="a.example,*.b.example").allowed_hosts == expected


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("--poll-interval=soon", "'soon' must be a duration"),
        ("--poll-interval=0.5s", "'0.5s' must be at least 1s"),
        ("--commit-window=-1s", "'-1s' must be a duration"),
        ("--lease-duration=15", "'15' must be a duration"),
        ("--health-address=8080", "'8080' is not host:port"),
        ("--metrics-address=localhost:http", "'localhost:http' is not host:port"),
        ("--metrics-address=localhost:65536", "'localhost:65536' is not host:port"),
        ("--shard=2/2", "'2/2' is not i/n with i from 0 to n-1"),
        ("--shard=one", "'one' is not i/n"),
        ("--workers=0", "0 is not in the range"),
        ("--workers=many", "'many' is not a valid integer"),
        ("--namespace=team-*", "'team-*' is not the name of a namespace"),
        ("--namespace=Shop", "'Shop' is not the name of a namespace"),
        ("--log-format=xml", "'xml' is not one of"),
        ("--log-level=loud", "'loud' is not one of"),
        (f"--cache-dir={__file__}", "is a file"),
    ],
)
def test_a_bad_value_gets_a_sentence_and_exit_code_2(run: Run, flag: str, words: str) -> None:
    shown = run.invoke(flag)
    assert shown.exit_code == 2
    assert words in " ".join(shown.output.split())
    name, value = flag.removeprefix("--").split("=")
    shown = run.invoke(**{name.replace("-", "_"): value})
    assert shown.exit_code == 2
    assert words in " ".join(shown.output.split())
    assert run.settings is None


def test_an_identity_is_never_shared_by_two_processes(run: Run) -> None:
    first, second = run().identity, run().identity
    assert first != second
    assert re.fullmatch(r".+-[0-9a-f]{8}", first)


def test_in_a_pod_the_identity_is_its_name(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POD_NAME", "ebbflow-7d9c-x2x")
    assert run().identity == "ebbflow-7d9c-x2x"


def test_the_exit_code_is_the_operators(run: Run) -> None:
    assert run.invoke().exit_code == 7
