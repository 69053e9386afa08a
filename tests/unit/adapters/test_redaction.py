"""Secrets in texts: known ones in all their forms, and what looks like one."""

from __future__ import annotations

import base64
import json
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbflow.adapters.redaction import REDACTED, Redactor
from ebbflow.domain.secret import Tainted

SECRET = 'cän+ary/"42\\ secret'
TOKEN = "a1B2c3D4e5F6g7H8i9J0"


def knowing(*values: str) -> Redactor:
    redactor = Redactor()
    for value in values:
        redactor.register(Tainted(value))
    return redactor


def test_only_the_secret_is_taken_out() -> None:
    assert knowing(SECRET)(f"before {SECRET} after") == f"before {REDACTED} after"


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(SECRET, id="raw"),
        pytest.param(quote(SECRET), id="URL-encoded"),
        pytest.param(quote(SECRET, safe=""), id="URL-encoded whole"),
        pytest.param(quote_plus(SECRET), id="form-encoded"),
        pytest.param(json.dumps(SECRET), id="JSON"),
        pytest.param(json.dumps(SECRET, ensure_ascii=False), id="JSON in unicode"),
        pytest.param(repr(SECRET), id="Python"),
        pytest.param(base64.b64encode(SECRET.encode()).decode(), id="base64"),
        pytest.param(base64.urlsafe_b64encode(SECRET.encode()).decode(), id="base64 for URLs"),
    ],
)
def test_a_secret_is_found_in_every_form(form: str) -> None:
    cleaned = knowing(SECRET)(f"before {form} after")
    assert REDACTED in cleaned
    assert "ary" not in cleaned
    assert form not in cleaned


@given(
    st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=8, max_size=40),
    st.binary(max_size=7),
    st.binary(max_size=7),
)
def test_a_secret_is_found_in_the_base64_of_something_longer(
    secret: str, before: bytes, after: bytes
) -> None:
    encoded = base64.b64encode(before + secret.encode() + after).decode()
    cleaned = knowing(secret)(encoded)
    assert REDACTED in cleaned
    neighbours = 4 * (len(before) + len(after)) / 3
    assert len(cleaned) - len(REDACTED) <= neighbours + 6  # what they share, and padding


def test_each_long_line_of_a_secret_is_found() -> None:
    key = "-----BEGIN-----\nAAAABBBBCCCC\nshort\nDDDDEEEEFFFF\n-----END-----\n"
    cleaned = knowing(key)("AAAABBBBCCCC | short | DDDDEEEEFFFF")
    assert cleaned == f"{REDACTED} | short | {REDACTED}"


def test_a_secret_without_its_line_end_is_found() -> None:
    assert knowing("password1\n")("password1") == REDACTED


@pytest.mark.parametrize("value", ["", "a", "abc", "x" * 100_000])
def test_values_that_are_too_short_or_too_long_are_not_kept(value: str) -> None:
    text = "a text about nothing, abc"
    assert knowing(value)(text) == text


def test_the_longer_of_two_secrets_goes_first() -> None:
    assert knowing("pass", "password")("password") == REDACTED


def test_the_least_recently_used_secrets_are_forgotten() -> None:
    redactor = Redactor(most_secrets=2)
    for value in ("secret-1", "secret-2", "secret-1", "secret-3"):
        redactor.register(Tainted(value))
    assert redactor("secret-1 secret-2 secret-3") == f"{REDACTED} secret-2 {REDACTED}"


def test_the_memory_for_secrets_is_bounded() -> None:
    redactor = Redactor(most_bytes=10_000)
    for number in range(100):
        redactor.register(Tainted(f"{number:04}" * 100))
    assert redactor._size <= 10_000
    assert redactor("0099" * 100) == REDACTED
    assert redactor("0000" * 100) == "0000" * 100


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        pytest.param(
            "https://ada:pw@git.test/x", f"https://{REDACTED}@git.test/x", id="user and password"
        ),
        pytest.param("http://token@git.test", f"http://{REDACTED}@git.test", id="a user on http"),
        pytest.param(
            "ftp://ada:pw@git.test", f"ftp://ada:{REDACTED}@git.test", id="another scheme"
        ),
        pytest.param("ssh://git@git.test/x", "ssh://git@git.test/x", id="a user on ssh is fine"),
        pytest.param("https://git.test/@acme/x", "https://git.test/@acme/x", id="an @ in the path"),
        pytest.param(
            f"Authorization: Basic {TOKEN}=, next",
            f"Authorization: {REDACTED}, next",
            id="a header",
        ),
        pytest.param(
            f"{{'authorization': 'Bearer {TOKEN}', 'a': 1}}",
            f"{{'authorization': '{REDACTED}', 'a': 1}}",
            id="headers of Python",
        ),
        pytest.param(f"sent Bearer {TOKEN}.", f"sent Bearer {REDACTED}", id="a bearer token"),
        pytest.param("Basic authentication", "Basic authentication", id="ordinary words"),
        pytest.param(f"ghp_{TOKEN}{TOKEN}", REDACTED, id="GitHub"),
        pytest.param(f"github_pat_{TOKEN}_{TOKEN}", REDACTED, id="GitHub, fine-grained"),
        pytest.param(f"glpat-{TOKEN}", REDACTED, id="GitLab"),
        pytest.param(f"ATBB{TOKEN}", REDACTED, id="Bitbucket"),
        pytest.param(f"eyJ{TOKEN}.eyJ{TOKEN}.{TOKEN}", REDACTED, id="a JSON web token"),
        pytest.param("AKIA" + "A" * 16, REDACTED, id="AWS"),
        pytest.param(
            "x -----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY----- y",
            f"x {REDACTED} y",
            id="a private key",
        ),
        pytest.param("-----BEGIN PRIVATE KEY-----\nabc", REDACTED, id="half a private key"),
        pytest.param(
            "In step with main at 4f0d7c3a0b1c2d3e4f5061728394a5b6c7d8e9f0",
            "In step with main at 4f0d7c3a0b1c2d3e4f5061728394a5b6c7d8e9f0",
            id="a commit is no secret",
        ),
    ],
)
def test_what_looks_like_a_secret_is_taken_out(text: str, cleaned: str) -> None:
    assert Redactor()(text) == cleaned


@given(st.text(max_size=300))
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    redactor = knowing(SECRET)
    assert redactor(redactor(text)) == redactor(text)


def test_a_long_hostile_text_takes_no_time() -> None:
    redactor = knowing(SECRET)
    began = time.process_time()
    for piece in (
        "https://",
        "a:",
        "authorization=",
        "-----BEGIN PRIVATE KEY-----",
        "eyJ",
        "bearer ",
    ):
        assert redactor(piece * 20_000)
    assert time.process_time() - began < 3, "each is done in a fraction of it"


@pytest.mark.parametrize(
    ("text", "held"),
    [
        pytest.param(f"a {SECRET} b", True, id="inside-a-text"),
        pytest.param(base64.b64encode(SECRET.encode()).decode(), True, id="as-base64"),
        pytest.param("an ordinary text", False, id="not-there"),
        pytest.param("a short one", False, id="a-short-secret-is-an-ordinary-word"),
    ],
)
def test_it_tells_whether_a_text_holds_a_known_secret(text: str, held: bool) -> None:
    assert knowing(SECRET, "short").holds(text) is held
