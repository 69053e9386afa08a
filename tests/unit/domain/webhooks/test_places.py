"""Which paths mean which objects, which secrets count, and how often somebody may come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbflow.api.base import Key
from ebbflow.api.gitaccount import GitAccount
from ebbflow.domain.webhooks.account_secret import PREVIOUS_UNTIL, secret_name, secrets_of, until
from ebbflow.domain.webhooks.places import account_of, account_path, run_path, trigger_of
from ebbflow.domain.webhooks.rates import Rate, Rates
from tests.support import builders
from tests.support.memory_cluster import ManualClock, MemoryCluster

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
_NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True)


@given(namespace=_NAMES, name=st.lists(_NAMES, min_size=1, max_size=3).map(".".join))
def test_the_path_of_an_account_means_it(namespace: str, name: str) -> None:
    key = Key("GitAccount", namespace, name)
    assert account_of(account_path(key).removeprefix("/hooks/git/")) == key


@pytest.mark.parametrize(
    "text", ["", ".", "team", "team.", ".acme", "Team.acme", "team.a/b", "team...", "t.a\n", "t.ä"]
)
def test_what_cannot_be_an_account_is_none(text: str) -> None:
    assert account_of(text) is None


def test_the_path_of_a_trigger_means_it() -> None:
    key = Key("GitTrigger", "team", "deploy")
    assert run_path(key) == "/hooks/run/team/GitTrigger/deploy"
    assert trigger_of("team", "gittrigger", "deploy") == key


@pytest.mark.parametrize(
    ("namespace", "kind", "name"),
    [
        pytest.param("team", "Template", "shop", id="another-kind"),
        pytest.param("..", "GitTrigger", "shop", id="no-namespace"),
        pytest.param("team", "GitTrigger", "../shop", id="no-name"),
        pytest.param("team", "GitTrigger", "x" * 300, id="too-long"),
    ],
)
def test_what_cannot_be_a_trigger_is_none(namespace: str, kind: str, name: str) -> None:
    assert trigger_of(namespace, kind, name) is None


def account(**webhooks: object) -> GitAccount:
    raw = builders.git_account("acme").within("team").spec(webhooks=webhooks).build()
    return GitAccount.model_validate(raw)


def test_each_rotation_has_a_secret_of_its_own() -> None:
    names = [secret_name(account(**w)) for w in ({}, {"rotation": "2"}, {"rotation": "3"})]
    assert names[0] == "acme-webhook"
    assert len(set(names)) == 3
    assert secret_name(account(rotation="2")) == names[1]


def test_a_secret_by_hand_is_the_one_that_is_named_or_none() -> None:
    assert secret_name(account(manage=False, secretRef={"name": "mine"})) == "mine"
    assert secret_name(account(manage=False)) is None


@pytest.mark.parametrize(
    ("data", "annotations", "counting"),
    [
        pytest.param({"secret": "a\n"}, {}, ["a"], id="one"),
        pytest.param({"secret": "a", "previous": "b"}, {}, ["a", "b"], id="two-by-hand"),
        pytest.param({"secret": "", "previous": "\n"}, {}, [], id="empty"),
        pytest.param({"token": "a"}, {}, [], id="another-key"),
        pytest.param(
            {"secret": "a", "previous": "b"}, {PREVIOUS_UNTIL: until(NOW)}, ["a", "b"], id="in-time"
        ),
        pytest.param(
            {"secret": "a", "previous": "b"},
            {PREVIOUS_UNTIL: until(NOW - timedelta(hours=25))},
            ["a"],
            id="over",
        ),
        pytest.param(
            {"secret": "a", "previous": "b"}, {PREVIOUS_UNTIL: "soon"}, ["a"], id="unreadable"
        ),
    ],
)
async def test_what_counts_of_a_secret(
    data: dict[str, str], annotations: dict[str, str], counting: list[str]
) -> None:
    cluster = MemoryCluster()
    cluster.add_secret("team", "x", data, annotations)
    found = secrets_of(await cluster.get_secret("team", "x"), NOW)
    assert [secret.reveal() for secret in found] == counting
    assert secrets_of(None, NOW) == ()


def test_a_bucket_gives_its_burst_and_then_so_many_a_second() -> None:
    clock = ManualClock()
    rates = Rates(Rate(a_second=2, burst=3), clock.monotonic)
    assert [rates.take("a") for _ in range(3)] == [None] * 3
    assert rates.take("a") == timedelta(seconds=0.5)
    assert rates.take("b") is None
    clock.advance(1)
    assert [rates.take("a") is None for _ in range(3)] == [True, True, False]
    clock.advance(3600)
    assert [rates.take("a") is None for _ in range(4)] == [True, True, True, False]


@given(steps=st.lists(st.floats(0, 10), max_size=60))
def test_nobody_gets_more_than_the_rate_allows(steps: list[float]) -> None:
    clock = ManualClock()
    rates = Rates(Rate(a_second=2, burst=3), clock.monotonic)
    taken = 0
    for step in steps:
        clock.advance(step)
        taken += rates.take("a") is None
    assert taken <= 3 + 2 * clock.monotonic() + 1e-6


def test_only_so_many_buckets_are_kept() -> None:
    clock = ManualClock()
    rates = Rates(Rate(a_second=1, burst=1), clock.monotonic, remembered=10)
    for name in range(1000):
        assert rates.take(name) is None
    assert rates.take(999) is not None
    assert rates.take(0) is None
