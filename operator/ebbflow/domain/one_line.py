"""Texts from elsewhere, made harmless."""

from __future__ import annotations


def one_line(text: str) -> str:
    """Return a text as one line without control characters, its words one space apart.

    What servers, objects and files say must not forge a line of a log, move a terminal's cursor or
    hide text.
    """
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
