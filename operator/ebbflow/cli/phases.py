"""One vocabulary for phases: the icon, the colour and the plain letter of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Look:
    """How a phase is shown. `style` is rich's."""

    icon: str
    ascii: str
    style: str


LOOKS: Final[dict[str, Look]] = {
    "Pending": Look("◷", ".", "dim"),
    "Queued": Look("≡", "=", "dim"),
    "Running": Look("◌", ">", "blue"),
    "Waiting": Look("‖", "!", "yellow"),
    "Retrying": Look("↻", "~", "yellow"),
    "Succeeded": Look("✔", "+", "green"),
    "Failed": Look("✖", "x", "red"),
    "Cancelled": Look("⊘", "o", "dim"),
    "Skipped": Look("–", "-", "dim"),  # noqa: RUF001 - an en dash is the icon
}

UNKNOWN: Final = Look("?", "?", "dim")
"""Of a phase that a newer operator wrote."""


def shown_phase(phase: str, *, plain: bool = False) -> str:
    """Return the phase with its icon, or with its letter."""
    look = LOOKS.get(phase, UNKNOWN)
    return f"{look.ascii if plain else look.icon} {phase}"


def style_of(phase: str) -> str:
    """Return rich's style for a phase."""
    return LOOKS.get(phase, UNKNOWN).style
