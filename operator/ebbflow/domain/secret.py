"""Secret values, as a type that cannot be printed by accident."""

from __future__ import annotations

import hashlib
from typing import Final, NoReturn

from typing_extensions import override


class Tainted:
    """A secret text. It has no `str`, no `format` and a `repr` without the value."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value: Final = value

    def reveal(self) -> str:
        """Return the text; only adapters that must send it call this."""
        return self._value

    def fingerprint(self) -> str:
        """Return a short digest that tells two secrets apart, for names of caches."""
        return hashlib.sha256(b"ebbflow-credential\0" + self._value.encode()).hexdigest()[:16]

    @override
    def __repr__(self) -> str:
        return "Tainted(…)"

    @override
    def __str__(self) -> NoReturn:
        raise TypeError("a secret has no text; call reveal() where it must be sent")

    @override
    def __format__(self, spec: str) -> NoReturn:
        raise TypeError("a secret cannot be formatted; call reveal() where it must be sent")

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tainted) and other._value == self._value

    @override
    def __hash__(self) -> int:
        return hash(self._value)
