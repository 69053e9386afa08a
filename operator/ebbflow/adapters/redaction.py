"""Taking secrets out of texts: known values in every usual encoding, and what looks like one."""

from __future__ import annotations

import base64
import json
import re
from collections import OrderedDict
from typing import Final
from urllib.parse import quote, quote_plus

from ebbflow.domain.secret import Tainted

REDACTED: Final = "[redacted]"

SHORTEST: Final = 4
"""Shorter values are not looked for: they would be found in ordinary words everywhere."""

SHORTEST_PART: Final = 8
"""Lines of a secret, and pieces of its base64, are looked for from this length on."""

MOST_SECRETS: Final = 512
MOST_BYTES: Final = 4 * 1024 * 1024
LONGEST: Final = 64 * 1024
MOST_LINES: Final = 200

_LOOKS_SECRET: Final = (
    # https://user:password@host, and any other scheme with a password
    (re.compile(r"\b(https?://)[^/\s@\"'<>\\]+@", re.IGNORECASE), rf"\1{REDACTED}@"),
    (
        re.compile(r"\b([a-z][a-z0-9+.-]{0,20}://[^/\s:@]{0,256}:)[^/\s@\"'<>\\]+@", re.IGNORECASE),
        rf"\1{REDACTED}@",
    ),
    # Authorization: Basic …, "authorization": "Bearer …"
    (
        re.compile(
            r"\b((?:proxy-)?authorization[\"']?\s{0,4}[:=]\s{0,4}[\"']?)"
            r"(?:(basic|bearer|token|negotiate)\s+)?[^\s\"'\\,;}]+",
            re.IGNORECASE,
        ),
        rf"\1{REDACTED}",
    ),
    (re.compile(r"\b(basic|bearer)\s+[A-Za-z0-9+/._~-]{20,}=*", re.IGNORECASE), rf"\1 {REDACTED}"),
    # Tokens that providers mark by their beginning, and JSON web tokens
    (re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})"), REDACTED),
    (re.compile(r"\bgl(?:pat|ptt|dt|rt|ft|soat|cbt)-[A-Za-z0-9_.-]{16,}"), REDACTED),
    (re.compile(r"\b(?:ATBB|ATCTT)[A-Za-z0-9_=-]{16,}"), REDACTED),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"), REDACTED),
    (re.compile(r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"), REDACTED),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), REDACTED),
    (
        re.compile(
            r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)",
            re.DOTALL,
        ),
        REDACTED,
    ),
)


class Redactor:
    """Knows secret values and takes them out of texts. Bounded: the least recently used go first."""

    def __init__(self, most_secrets: int = MOST_SECRETS, most_bytes: int = MOST_BYTES) -> None:
        self._most_secrets = most_secrets
        self._most_bytes = most_bytes
        self._forms: OrderedDict[Tainted, tuple[str, ...]] = OrderedDict()
        self._size = 0
        self._longest_first: tuple[str, ...] = ()

    def register(self, secret: Tainted) -> None:
        """Look for `secret` from now on. Values under 4 or over 65,536 characters are not kept."""
        if secret in self._forms:
            self._forms.move_to_end(secret)
            return
        if not SHORTEST <= len(secret.reveal()) <= LONGEST:
            return
        forms = tuple(_forms(secret.reveal()))
        self._forms[secret] = forms
        self._size += sum(map(len, forms))
        while len(self._forms) > self._most_secrets or self._size > self._most_bytes:
            _, old = self._forms.popitem(last=False)
            self._size -= sum(map(len, old))
        every = {form for known in self._forms.values() for form in known}
        self._longest_first = tuple(sorted(every, key=lambda form: (-len(form), form)))

    def __call__(self, text: str) -> str:
        """Return `text` without what is known or looks like a secret."""
        for form in self._longest_first:
            if form in text:
                text = text.replace(form, REDACTED)
        for pattern, replacement in _LOOKS_SECRET:
            text = pattern.sub(replacement, text)
        return text

    def holds(self, text: str) -> bool:
        """Tell whether `text` holds a known secret of at least 8 characters; shorter ones occur in
        ordinary words.
        """
        return any(len(form) >= SHORTEST_PART and form in text for form in self._longest_first)


def _forms(value: str) -> set[str]:
    """Every way in which `value` could stand in a text."""
    forms = {value, value.strip()}
    if "\n" in value:
        lines = [line.strip() for line in value.splitlines()[:MOST_LINES]]
        forms |= {line for line in lines if len(line) >= SHORTEST_PART}
    written = set(forms)
    for form in written:
        forms |= {quote(form, safe=""), quote(form), quote_plus(form)}
        forms |= {json.dumps(form)[1:-1], json.dumps(form, ensure_ascii=False)[1:-1]}
        forms |= {repr(form)[1:-1]}
        forms |= _base64_forms(form.encode(errors="surrogatepass"))
    return {form for form in forms if len(form) >= SHORTEST}


def _base64_forms(value: bytes) -> set[str]:
    """The base64 of the value, alone and inside something longer (`user:value`), where it may
    begin at any of three offsets; the characters that its neighbours share are left off.
    """
    found = {base64.b64encode(value).decode()}
    for offset in range(3):
        whole = base64.b64encode(b"\0" * offset + value).decode().rstrip("=")
        first = -(-offset * 8 // 6)
        last = (offset + len(value)) * 8 // 6
        core = whole[first:last]
        if len(core) >= SHORTEST_PART:
            found.add(core)
    return found | {form.replace("+", "-").replace("/", "_") for form in found}
