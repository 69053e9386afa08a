"""Whether a delivery is genuine: of whom, by which signature, and with which secret."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbflow.api.gitaccount import Provider
from ebbflow.domain.secret import Tainted
from ebbflow.domain.webhooks.delivery import Delivery
from ebbflow.domain.webhooks.formats import delivery_id, format_of
from ebbflow.domain.webhooks.signatures import hex_hmac, is_same_secret, standard
from tests.support.deliveries import (
    BITBUCKET,
    BITBUCKET_PUSH,
    DATACENTER,
    DATACENTER_PUSH,
    FORGEJO,
    GITEA,
    GITHUB,
    GITLAB,
    OLD_GITEA,
    SECRET,
    delivery,
    github_push,
    gitlab_push,
    standard_headers,
)

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
AT = int(NOW.timestamp())
SECRETS = (Tainted(SECRET),)

SENDERS = [
    pytest.param("GitHub", GITHUB, github_push(), "d-github", id="GitHub"),
    pytest.param("Gitea", GITEA, github_push(), "d-gitea", id="Gitea"),
    pytest.param("Gitea", FORGEJO, github_push(), "d-forgejo", id="Forgejo"),
    pytest.param("Gitea", OLD_GITEA, github_push(), "d-gitea", id="Gitea-without-hub-header"),
    pytest.param("GitLab", GITLAB, gitlab_push(), "d-gitlab", id="GitLab-token"),
    pytest.param("Bitbucket", BITBUCKET, BITBUCKET_PUSH, "d-bitbucket", id="Bitbucket"),
    pytest.param("BitbucketDataCenter", DATACENTER, DATACENTER_PUSH, "d-datacenter", id="DC"),
]


def genuine(provider: Provider, sent: Delivery, *secrets: Tainted, now: datetime = NOW) -> bool:
    found = format_of(provider, sent.headers)
    return found is not None and found.is_genuine(sent, secrets or SECRETS, now)


@pytest.mark.parametrize(("provider", "headers", "body", "name"), SENDERS)
def test_a_delivery_is_genuine_for_its_provider_and_for_an_account_of_any(
    provider: Provider, headers: dict[str, str], body: Any, name: str
) -> None:
    sent = delivery(headers, body)
    for asked in (provider, "Git"):
        found = format_of(asked, sent.headers)
        assert found is not None
        assert found.provider == provider
        assert found.is_genuine(sent, SECRETS, NOW)
        assert found.id_of(sent) == name
    assert delivery_id(sent.headers) == name


@pytest.mark.parametrize(("provider", "headers", "body", "name"), SENDERS)
def test_either_of_two_secrets_counts_while_they_are_rotated(
    provider: Provider, headers: dict[str, str], body: Any, name: str
) -> None:
    del name
    sent = delivery(headers, body, secret="the one before")
    assert not genuine(provider, sent)
    assert genuine(provider, sent, Tainted(SECRET), Tainted("the one before"))
    assert genuine(provider, sent, Tainted("the one before"), Tainted(SECRET))


@pytest.mark.parametrize(("provider", "headers", "body", "name"), SENDERS)
def test_without_a_secret_or_with_an_empty_one_nothing_is_genuine(
    provider: Provider, headers: dict[str, str], body: Any, name: str
) -> None:
    del name
    found = format_of(provider, headers)
    assert found is not None
    sent = delivery(headers, body, secret="")
    assert not found.is_genuine(sent, (), NOW)
    assert not found.is_genuine(sent, (Tainted(""),), NOW)


@pytest.mark.parametrize(
    ("provider", "headers"),
    [
        pytest.param("GitHub", {"x-github-event": "push"}, id="unsigned"),
        pytest.param("GitHub", {**GITHUB, "x-hub-signature-256": ""}, id="empty"),
        pytest.param("GitHub", {**GITHUB, "x-hub-signature-256": "sha256="}, id="only-prefix"),
        pytest.param("GitHub", {**GITHUB, "x-hub-signature-256": "SIGN"}, id="without-prefix"),
        pytest.param("GitHub", {**GITHUB, "x-hub-signature-256": "sha1=SIGN"}, id="sha1-prefix"),
        pytest.param("GitHub", {**GITHUB, "x-hub-signature-256": "sha256=ä\udc80"}, id="no-ascii"),
        pytest.param(
            "GitHub", {"x-github-event": "push", "x-hub-signature": "sha1=00"}, id="sha1-only"
        ),
        pytest.param("Bitbucket", {**BITBUCKET, "x-hub-signature": "sha1=SIGN"}, id="bitbucket"),
        pytest.param("GitLab", {**GITLAB, "x-gitlab-token": "a-secret"}, id="begin-of-the-token"),
        pytest.param("GitLab", {**GITLAB, "x-gitlab-token": "TOKENx"}, id="more-than-the-token"),
        pytest.param("GitLab", {**GITLAB, "webhook-signature": "v1,x"}, id="signature-over-token"),
        pytest.param("GitLab", GITHUB, id="of-another-provider"),
        pytest.param("Git", {}, id="of-no-provider"),
    ],
)
def test_what_is_not_signed_right_is_not_genuine(
    provider: Provider, headers: dict[str, str]
) -> None:
    assert not genuine(provider, delivery(headers, github_push()))


@given(position=st.integers(0), bit=st.integers(0, 7))
def test_every_changed_bit_of_a_body_breaks_the_signature(position: int, bit: int) -> None:
    sent = delivery(GITHUB, github_push())
    body = bytearray(sent.body)
    body[position % len(body)] ^= 1 << bit
    assert not genuine("GitHub", replace(sent, body=bytes(body)))


def test_the_vector_of_githubs_documentation() -> None:
    verify = hex_hmac("x-hub-signature-256", "sha256=")
    right = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    sent = Delivery({"x-hub-signature-256": f"sha256={right}"}, b"Hello, World!")
    assert verify(sent, (Tainted("It's a Secret to Everybody"),), NOW)


def test_the_vector_of_the_standard_webhooks_specification() -> None:
    sent = Delivery(
        {
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        },
        b'{"test": 2432232314}',
    )
    secrets = (Tainted("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),)
    then = datetime.fromtimestamp(1614265330, UTC)
    assert standard(sent, secrets, then)
    assert not standard(sent, secrets, then + timedelta(days=1))


@pytest.mark.parametrize(
    ("text", "key"),
    [
        pytest.param("plain", b"plain", id="a-text-is-the-key"),
        pytest.param("whsec_" + base64.b64encode(b"key").decode(), b"key", id="an-encoded-key"),
        pytest.param("whsec_***", b"whsec_***", id="a-text-that-only-begins-so"),
        pytest.param("whsec_", b"whsec_", id="nothing-encoded"),
    ],
)
@pytest.mark.parametrize(
    ("late", "counts"),
    [
        pytest.param(0, True, id="now"),
        pytest.param(300, True, id="5-minutes-old"),
        pytest.param(301, False, id="older"),
        pytest.param(-300, True, id="from-a-clock-ahead"),
        pytest.param(-301, False, id="from-the-future"),
    ],
)
def test_a_signed_time_bounds_replays(text: str, key: bytes, late: int, counts: bool) -> None:
    body = b"{}"
    sent = Delivery({"x-gitlab-event": "Push Hook", **standard_headers(body, AT - late, key)}, body)
    assert genuine("GitLab", sent, Tainted(text)) is counts


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"webhook-timestamp": str(AT + 1)}, id="another-time"),
        pytest.param({"webhook-id": "d-2"}, id="another-id"),
        pytest.param({"webhook-id": ""}, id="no-id"),
        pytest.param({"webhook-timestamp": "soon"}, id="no-number"),
        pytest.param({"webhook-timestamp": "9" * 5000}, id="a-huge-number"),
        pytest.param({"webhook-timestamp": "\u0661"}, id="a-digit-of-another-script"),
        pytest.param({"webhook-signature": "v1a,x"}, id="another-scheme"),
    ],
)
def test_all_that_is_signed_counts(changed: dict[str, str]) -> None:
    headers = {"x-gitlab-event": "Push Hook", **standard_headers(b"{}", AT, SECRET.encode())}
    assert genuine("GitLab", Delivery(headers, b"{}"))
    assert not genuine("GitLab", Delivery({**headers, **changed}, b"{}"))


def test_one_of_several_signatures_is_enough() -> None:
    headers = {"x-gitlab-event": "Push Hook", **standard_headers(b"{}", AT, SECRET.encode())}
    both = {**headers, "webhook-signature": f"v1,old {headers['webhook-signature']}"}
    assert genuine("GitLab", Delivery(both, b"{}"))


@given(sent=st.text(), known=st.text())
def test_two_texts_are_the_same_secret_only_if_they_are_equal(sent: str, known: str) -> None:
    assert is_same_secret(sent, Tainted(known)) is (sent == known and known != "")
