"""Lists for people: the first few of many, and how many more there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

SHOWN: Final = 5
"""How many are named in a sentence."""


def first_few(said: Sequence[str], total: int, joint: Literal["; ", ", "] = "; ") -> str:
    """Join what is `said` of the first few of `total` things, and say how many are left out."""
    more = total - len(said)
    last = f"{joint.replace(',', '')}and {more} more" if more > 0 else ""
    return joint.join(said) + last
