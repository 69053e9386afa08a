"""Webhooks of accounts on a cluster in memory: their secrets, and what is shown of them."""

from __future__ import annotations

from typing import Any

import pytest

from ebbflow.domain.ports import ClusterError
from ebbflow.services.accounts.account_webhooks import RECHECK
from ebbflow.services.webhooks.git_hooks import UNAUTHORIZED
from tests.support.webhook_world import ACME, WebhookWorld


@pytest.fixture
async def at() -> WebhookWorld:
    return WebhookWorld()


async def test_an_account_gets_a_secret_and_shows_where_deliveries_go(at: WebhookWorld) -> None:
    at.cluster.remove_secret("team", "acme-webhook")
    shown = await at.accounts.look(await at.account())
    path = "/hooks/git/team.acme"
    assert shown.fields == {
        "webhookPath": path,
        "webhookURL": f"https://hooks.dev{path}",
        "webhookSecret": "acme-webhook",
    }
    assert (shown.trouble, shown.after) == ("", RECHECK)
    made = await at.cluster.get_secret("team", "acme-webhook")
    assert made is not None
    before = len(at.cluster.calls)
    assert await at.accounts.look(await at.account()) == shown
    assert at.cluster.calls[before + 1 :] == ["get Secret/team/acme-webhook"]
    assert (await at.cluster.get_secret("team", "acme-webhook")) == made


async def test_a_rotated_secret_goes_on_counting_for_a_day(at: WebhookWorld) -> None:
    def rotate(raw: dict[str, Any]) -> None:
        raw["spec"]["webhooks"] = {"rotation": "2"}
        raw["status"] = {"webhookSecret": "acme-webhook"}

    assert (await at.deliver()).status == 202
    at.cluster.edit(ACME, rotate)
    shown = await at.accounts.look(await at.account())
    new = await at.cluster.get_secret("team", shown.fields["webhookSecret"])
    assert new is not None
    at.clock.advance(11)
    assert (await at.deliver()).status == 202
    assert (await at.deliver(secret=new.data["secret"].reveal())).status == 202
    at.clock.advance(24 * 3600)
    assert (await at.deliver()) == UNAUTHORIZED
    assert (await at.deliver(secret=new.data["secret"].reveal())).status == 202


@pytest.mark.parametrize(
    ("webhooks", "words"),
    [
        pytest.param({"manage": False, "secretRef": {"name": "mine"}}, "does not exist", id="gone"),
        pytest.param(
            {"manage": False, "secretRef": {"name": "key"}}, "lacks", id="without-the-key"
        ),
    ],
)
async def test_what_is_wrong_with_a_secret_by_hand_is_said(
    at: WebhookWorld, webhooks: dict[str, Any], words: str
) -> None:
    at.cluster.edit(ACME, lambda raw: raw["spec"].update(webhooks=webhooks))
    shown = await at.accounts.look(await at.account())
    assert words in shown.trouble


async def test_an_account_without_webhooks_shows_none(at: WebhookWorld) -> None:
    at.cluster.edit(ACME, lambda raw: raw["spec"].update(webhooks={"manage": False}))
    assert (await at.accounts.look(await at.account())).fields == {}
    at.clock.advance(11)
    assert (await at.deliver()) == UNAUTHORIZED


async def test_a_right_that_is_missing_is_said_and_stops_nothing(at: WebhookWorld) -> None:
    at.cluster.remove_secret("team", "acme-webhook")
    account = await at.account()
    at.cluster.fail_at("create Secret", ClusterError("secrets is forbidden", code=403))
    shown = await at.accounts.look(account)
    assert "forbidden" in shown.trouble
    assert shown.fields["webhookPath"]
