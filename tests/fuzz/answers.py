"""Targets: what servers answer."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from ebbflow.adapters.providers import PROVIDERS
from ebbflow.adapters.providers.asking import words_of
from ebbflow.adapters.providers.kind import ProviderKind
from ebbflow.domain.git import BasicCredential
from ebbflow.domain.http import HttpAnswer
from ebbflow.domain.secret import Tainted
from ebbflow.domain.server_words import MAX_RETRY_AFTER, MAX_WORDS, clean_words, retry_after
from tests.fuzz.target import Target, lines_of, text_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CREDENTIAL = BasicCredential("robot", Tainted("canary-of-fuzzing"))


def pulls_of(kind: ProviderKind) -> Callable[[bytes], None]:
    """Return a target for a provider's list of pull requests."""

    def run(data: bytes) -> None:
        answer = HttpAnswer(200, {}, data)
        with suppress(ValueError, RecursionError):
            page = kind.pulls("acme/shop", kind.first_page).read(answer)
            assert all(pull.head_sha and len(pull.title) <= 256 for pull in page.pulls)
            assert page.following is None or page.following > kind.first_page

    return run


def limit_headers(data: bytes) -> None:
    """Input: remaining, reset, Retry-After."""
    remaining, reset, after = lines_of(data, 3)
    names = (
        ("x-ratelimit-remaining", "ratelimit-remaining"),
        ("x-ratelimit-reset", "ratelimit-reset"),
    )
    headers = dict.fromkeys(names[0], remaining) | dict.fromkeys(names[1], reset)
    for kind in PROVIDERS:
        told = kind.allowance(headers)
        assert told is None or told.remaining >= 0
    wait = retry_after(after, NOW)
    assert wait is None or timedelta(0) <= wait <= MAX_RETRY_AFTER


def refusal(data: bytes) -> None:
    """Nothing of a credential, nothing for a terminal, never too much."""
    for text in (text_of(data), words_of(data)):
        words = clean_words(text, CREDENTIAL)
        assert words.isprintable()
        assert len(words) <= MAX_WORDS + 1
        assert "canary-of-fuzzing" not in words


TARGETS = (
    *(Target(f"pulls_{kind.name.lower()}", pulls_of(kind)) for kind in PROVIDERS),
    Target("limit_headers", limit_headers, max_bytes=256),
    Target("refusal", refusal),
)
