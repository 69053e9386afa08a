"""What servers say: nothing of a credential, nothing for a terminal to obey, never too much."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbflow.domain.git import BasicCredential
from ebbflow.domain.secret import Tainted
from ebbflow.domain.server_words import MAX_WORDS, clean_words, retry_after

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PASSWORDS = st.text(min_size=6, max_size=20, alphabet="abcXYZ019/+=% &?-_.")


@given(PASSWORDS, st.sampled_from([str, quote, quote_plus, "pair", "basic"]))
def test_no_form_of_the_password_passes(password: str, form: object) -> None:
    pair = f"robot:{password}"
    spelled = {
        "pair": pair,
        "basic": base64.b64encode(pair.encode()).decode(),
    }.get(str(form)) or (quote(password, safe="") if form is quote else password)
    words = clean_words(
        f"remote says: {spelled} is wrong", BasicCredential("robot", Tainted(password))
    )
    assert spelled not in words
    assert password not in words


def test_userinfo_of_any_address_is_left_out() -> None:
    assert clean_words("see https://x:y@host/a", None) == "see https://…@host/a"


@given(st.text(max_size=2000))
def test_words_are_one_short_printable_line(text: str) -> None:
    words = clean_words(text, None)
    assert words.isprintable()
    assert len(words) <= MAX_WORDS + 1


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        pytest.param(None, None, id="absent"),
        pytest.param("120", timedelta(seconds=120), id="seconds"),
        pytest.param("0", timedelta(0), id="none"),
        pytest.param("999999999", timedelta(hours=1), id="at most an hour"),
        pytest.param("Thu, 01 Jan 2026 00:01:30 GMT", timedelta(seconds=90), id="date"),
        pytest.param("Wed, 31 Dec 2025 00:00:00 GMT", timedelta(0), id="date that is over"),
        pytest.param("soon", None, id="words"),
        pytest.param("-5", None, id="negative"),
        pytest.param("9" * 400, None, id="endless digits"),
    ],
)
def test_retry_after_is_read_as_rfc_9110_says(value: str | None, wait: timedelta | None) -> None:
    assert retry_after(value, NOW) == wait
