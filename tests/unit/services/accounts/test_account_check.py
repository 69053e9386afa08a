"""GitAccounts are judged by their Secret, and who uses them is told when that changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ebbflow.api.base import Key
from ebbflow.api.template import AccountReference, GitPlace
from ebbflow.domain.access import Refused
from ebbflow.domain.git import AuthenticationFailed, Unreachable
from ebbflow.domain.outcome import Done, Report, Stalled, Waiting
from ebbflow.domain.providers import Allowance, Identity
from ebbflow.services.accounts.account_check import AccountCheck
from ebbflow.services.accounts.account_identity import AccountIdentities
from ebbflow.services.repositories.git_access import GitAccess, Granted
from tests.support import builders
from tests.support.memory_cluster import ManualClock, MemoryCluster
from tests.support.memory_providers import MemoryProviders
from tests.support.sshserver import new_key, private_text

ACME = Key("GitAccount", "platform", "acme")
USER = Key("Template", "platform", "shop")
KEY = private_text(new_key())
GIT = GitPlace(
    account_ref=AccountReference(name="acme"),
    repository="https://git.example/acme/infra",
    branch="main",
    path="shop.yaml",
)


class Fixture:
    def __init__(self) -> None:
        self.cluster = MemoryCluster()
        self.access = GitAccess(self.cluster)
        self.woken: list[Key] = []
        self.providers = MemoryProviders()
        self.clock = ManualClock()
        self.check = AccountCheck(
            self.cluster,
            self.access,
            AccountIdentities(self.providers, self.clock),
            self.woken.append,
            timedelta(minutes=1),
            webhooks=None,
        )

    def account(self, **spec: object) -> None:
        built = builders.git_account("acme").within("platform").using("login")
        self.cluster.put(built.spec(**spec).build())

    def secret(self, password: str = "p") -> None:
        self.cluster.add_secret(
            "platform",
            "login",
            {"username": "ada", "password": password},
            {"ebbflow.dev/hosts": "git.example"},
        )


@pytest.fixture
def at() -> Fixture:
    return Fixture()


async def test_an_account_without_credentials_says_what_it_is_for(at: Fixture) -> None:
    at.cluster.put(builders.git_account("acme").within("platform").build())
    report = await at.check.reconcile(ACME)
    assert report is not None
    assert report.outcome == Done("AccountReady", "Without credentials: for public repositories")
    assert report.status == {"method": "None"}


async def test_a_complete_account_is_ready_and_shows_its_method(at: Fixture) -> None:
    at.account()
    at.secret()
    report = await at.check.reconcile(ACME)
    assert report is not None
    assert report.outcome == Done("AccountReady", "Authenticates by Basic")
    assert report.status == {"method": "Basic"}


async def test_a_missing_secret_is_looked_for_again(at: Fixture) -> None:
    at.account()
    report = await at.check.reconcile(ACME)
    assert report is not None
    assert isinstance(report.outcome, Stalled)
    assert report.outcome.reason == "SecretNotFound"
    assert report.outcome.recheck == timedelta(minutes=1)


async def test_a_signing_key_that_cannot_be_used_is_said_before_a_template_finds_out(
    at: Fixture,
) -> None:
    at.account(signing={"secretRef": {"name": "signing"}})
    at.secret()
    report = await at.check.reconcile(ACME)
    assert report is not None
    assert isinstance(report.outcome, Stalled)
    assert report.outcome.reason == "SecretNotFound"
    refused = await at.access.resolve(USER, GIT)
    assert isinstance(refused, Refused)
    assert "platform/signing" in refused.message
    at.cluster.add_secret(
        "platform", "signing", {"privateKey": KEY}, {"ebbflow.dev/hosts": "git.example"}
    )
    report = await at.check.reconcile(ACME)
    assert report is not None
    assert report.outcome == Done("AccountReady", "Authenticates by Basic")
    granted = await at.access.resolve(USER, GIT)
    assert isinstance(granted, Granted)
    assert granted.signing_key is not None


async def test_users_are_told_once_when_the_secret_appears(at: Fixture) -> None:
    at.account()
    await at.check.reconcile(ACME)
    assert isinstance(await at.access.resolve(USER, GIT), Refused)
    at.woken.clear()
    at.secret()
    await at.check.reconcile(ACME)
    await at.check.reconcile(ACME)
    assert at.woken == [USER]
    assert isinstance(await at.access.resolve(USER, GIT), Granted)


async def test_users_are_told_when_the_account_goes(at: Fixture) -> None:
    at.account()
    at.secret()
    await at.check.reconcile(ACME)
    await at.access.resolve(USER, GIT)
    at.woken.clear()
    at.cluster.delete(ACME)
    assert await at.check.reconcile(ACME) is None
    assert at.woken == [USER]
    refused = await at.access.resolve(USER, GIT)
    assert isinstance(refused, Refused)
    assert refused.reason == "AccountNotFound"


async def test_an_account_is_found_before_the_watch_has_shown_it(at: Fixture) -> None:
    at.account()
    at.secret()
    assert isinstance(await at.access.resolve(USER, GIT), Granted)


async def test_an_account_that_the_watch_has_shown_costs_no_read(at: Fixture) -> None:
    at.account()
    at.secret()
    await at.check.reconcile(ACME)
    at.cluster.calls.clear()
    await at.access.resolve(USER, GIT)
    assert at.cluster.calls == ["get Secret/platform/login"]


async def test_a_restriction_counts_as_soon_as_the_watch_shows_it(at: Fixture) -> None:
    at.account()
    at.secret()
    await at.check.reconcile(ACME)
    assert isinstance(await at.access.resolve(USER, GIT), Granted)
    at.account(access={"mode": "Restricted", "owners": ["others"]})
    await at.check.reconcile(ACME)
    refused = await at.access.resolve(USER, GIT)
    assert isinstance(refused, Refused)
    assert refused.reason == "AccountNotAllowed"


async def test_a_new_password_is_used_at_the_next_pass(at: Fixture) -> None:
    at.account()
    at.secret("old")
    before = await at.access.resolve(USER, GIT)
    at.secret("new")
    after = await at.access.resolve(USER, GIT)
    assert isinstance(before, Granted)
    assert isinstance(after, Granted)
    assert before.remote != after.remote


async def test_without_an_account_the_repository_is_public(at: Fixture) -> None:
    granted = await at.access.resolve(USER, GIT.model_copy(update={"account_ref": None}))
    assert isinstance(granted, Granted)
    assert granted.remote.credential is None
    assert at.cluster.calls == []


async def test_who_no_longer_uses_an_account_is_not_told(at: Fixture) -> None:
    at.account()
    at.secret()
    await at.access.resolve(USER, GIT)
    at.access.forget(USER)
    await at.check.reconcile(ACME)
    assert at.woken == []


async def test_a_suspended_account_says_so_and_serves_as_before(at: Fixture) -> None:
    at.account(suspend=True)
    at.secret()
    report = await at.check.reconcile(ACME)
    assert isinstance(report, Report)
    assert (report.outcome.reason, report.status) == ("Suspended", {"method": "Basic"})
    assert isinstance(await at.access.resolve(USER, GIT), Granted)


async def test_the_provider_tells_whose_the_credentials_are(at: Fixture) -> None:
    at.account(provider="Gitea", url="https://git.example")
    at.secret()
    at.providers.who = Identity("ada", ("ada", "acme"), ("read:organization",))
    at.providers.left = Allowance(4999, datetime(2026, 1, 2, tzinfo=UTC))
    report = await at.check.reconcile(ACME)
    assert report is not None
    assert report.status == {
        "method": "Basic",
        "login": "ada",
        "owners": ["ada", "acme"],
        "missingScopes": ["read:organization"],
        "rateLimit": {"remaining": 4999, "resetsAt": "2026-01-02T00:00:00+00:00"},
    }
    words = "Authenticates by Basic as ada; the credentials lack: read:organization"
    assert report.outcome == Done("AccountReady", words, timedelta(minutes=10))


async def test_the_provider_is_asked_now_and_then_and_when_something_changed(at: Fixture) -> None:
    at.account(provider="Gitea", url="https://git.example")
    at.secret()
    for _ in range(3):
        await at.check.reconcile(ACME)
    assert at.providers.asked == 1
    at.secret("new")
    await at.check.reconcile(ACME)
    assert at.providers.asked == 2
    at.clock.advance(600)
    await at.check.reconcile(ACME)
    assert at.providers.asked == 3


async def test_credentials_that_the_provider_refuses_are_told(at: Fixture) -> None:
    at.account(provider="Gitea", url="https://git.example")
    at.secret()
    at.providers.who = Identity("ada")
    await at.check.reconcile(ACME)
    at.clock.advance(600)
    at.providers.trouble = AuthenticationFailed("refused")
    report = await at.check.reconcile(ACME)
    assert report is not None
    assert report.outcome == Stalled("AuthenticationFailed", "refused", timedelta(minutes=1))
    assert report.status == {"method": "Basic"}


async def test_what_was_known_stays_while_the_provider_is_away(at: Fixture) -> None:
    at.account(provider="Gitea", url="https://git.example")
    at.secret()
    at.providers.who = Identity("ada")
    await at.check.reconcile(ACME)
    at.clock.advance(600)
    at.providers.trouble = Unreachable("away", retry_after=timedelta(seconds=7))
    report = await at.check.reconcile(ACME)
    assert report is not None
    assert report.outcome == Waiting("GitUnreachable", "away", timedelta(seconds=7))
    assert report.status["login"] == "ada"
    at.providers.trouble = None
    report = await at.check.reconcile(ACME)
    assert report is not None
    assert isinstance(report.outcome, Done)


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        pytest.param({"provider": "Git"}, None, id="no API"),
        pytest.param(
            {"provider": "Gitea", "url": "https://git.example", "suspend": True},
            None,
            id="suspended",
        ),
        pytest.param(
            {"provider": "Gitea", "url": "https://other.example"},
            "SecretNotForHost",
            id="another host",
        ),
    ],
)
async def test_credentials_are_sent_to_no_api_that_they_are_not_for(
    at: Fixture, spec: dict[str, object], reason: str | None
) -> None:
    at.account(**spec)
    at.secret()
    report = await at.check.reconcile(ACME)
    assert report is not None
    assert at.providers.asked == 0
    assert reason is None or report.outcome.reason == reason
