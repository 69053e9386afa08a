"""What servers say in refusals: their words, cleaned, and when to come back."""

from __future__ import annotations

import base64
import email.utils
import re
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import quote, quote_plus

from ebbflow.domain.git import BasicCredential, Credential
from ebbflow.domain.one_line import one_line

MAX_WORDS: Final = 600
MAX_RETRY_AFTER: Final = timedelta(hours=1)


def clean_words(text: str, credential: Credential | None) -> str:
    """Return a server's words as one bounded line of printable text without the credential."""
    for secret in _forms(credential):
        text = text.replace(secret, "…")
    text = re.sub(r"//[^/\s@]*@", "//…@", text)
    line = one_line(text)
    return line if len(line) <= MAX_WORDS else f"{line[:MAX_WORDS]}…"


def retry_after(value: str | None, now: datetime) -> timedelta | None:
    """Read a Retry-After header (RFC 9110, 10.2.3): seconds or a date; at most an hour."""
    if value is None:
        return None
    text = value.strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        wait = timedelta(seconds=int(text))
    else:
        try:
            when = email.utils.parsedate_to_datetime(text)
            wait = when.replace(tzinfo=when.tzinfo or UTC) - now
        except (ValueError, OverflowError):
            return None
    return min(max(wait, timedelta(0)), MAX_RETRY_AFTER)


def _forms(credential: Credential | None) -> list[str]:
    # A private key never leaves the operator, so no server can repeat it.
    if not isinstance(credential, BasicCredential) or not credential.password.reveal():
        return []
    password = credential.password.reveal()
    pair = f"{credential.username}:{password}"
    encoded = [base64.b64encode(text.encode()).decode() for text in (pair, password)]
    # The longest first: a form may hold another.
    forms = {pair, password, quote(password, safe=""), quote_plus(password), *encoded}
    return sorted(forms, key=len, reverse=True)
