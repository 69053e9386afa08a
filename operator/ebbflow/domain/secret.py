"""Secret values, as a type that cannot be printed by accident."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final, Generic, NoReturn

from typing_extensions import TypeVar, override

T = TypeVar("T", default=str)

PUBLIC_KEYS: Final = frozenset(
    (
        *("username", "knownHosts", "appID", "installationID", "clientID", "ca.crt", "tls.crt"),
        *("host", "port", "database", "dbname"),
        *("USERNAME", "HOST", "PORT", "DATABASE"),
    )
)
"""Keys of a Secret whose values are no secrets to look for in texts: a user's name, or that of a
database and where it is, are ordinary words in other texts.
"""


class Tainted(Generic[T]):
    """A secret: a text, or any JSON value that was made from one.

    It has no `str`, no `format` and a `repr` without the value. `sources` names what it came
    from, such as `secrets.db.values.password`; names are no secrets.
    """

    __slots__ = ("_value", "sources")

    def __init__(self, value: T, sources: frozenset[str] = frozenset()) -> None:
        self._value: Final = value
        self.sources: Final = sources

    def reveal(self) -> T:
        """Return the value; only adapters that must send it call this."""
        return self._value

    def fingerprint(self) -> str:
        """Return a short digest that tells two secrets apart, for names of caches."""
        return hashlib.sha256(b"ebbflow-credential\0" + self._text().encode()).hexdigest()[:16]

    def _text(self) -> str:
        return self._value if isinstance(self._value, str) else json.dumps(self._value)

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
        if not isinstance(other, Tainted) or type(other._value) is not type(self._value):
            return False
        return bool(other._value == self._value)

    @override
    def __hash__(self) -> int:
        return hash(self._text())


def revealed(value: Any) -> Any:
    """Return a JSON value with its secrets in the clear; only adapters that must send it call this."""
    match value:
        case Tainted():
            return value.reveal()
        case dict():
            return {key: revealed(item) for key, item in value.items()}
        case list() | tuple():
            return [revealed(item) for item in value]
        case _:
            return value
