"""Secrets and ConfigMaps, read in a tenant's name."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Final, TypeVar

from ebbflow.api.template import KeyReference, ValueSource
from ebbflow.domain.expression import SecretNotFound
from ebbflow.domain.objects import Account, ObjectId, Objects
from ebbflow.domain.secret import PUBLIC_KEYS, Tainted

T = TypeVar("T")

MAX_FETCHED: Final = 64
"""Secrets that one node or one set of arguments may name by what only the run knows."""


class ValueMissing(Exception):
    """What a `valueFrom` names is not there; the text says what, and what to do."""


class TenantSecrets:
    """Reads values as the account that asks; `on_secret` is told each, so that logs leave it out."""

    def __init__(self, objects: Objects, on_secret: Callable[[Tainted], None]) -> None:
        self._objects = objects
        self._on_secret = on_secret

    async def read(
        self, namespace: str, name: str, account: Account
    ) -> Mapping[str, Tainted] | None:
        """Return a Secret's values by key; None if it does not exist. Raises ObjectError."""
        found = await self._objects.get(ObjectId("", "Secret", namespace, name, "v1"), account)
        if found is None:
            return None
        values = {key: _decoded(value, name) for key, value in (found.get("data") or {}).items()}
        for key, value in values.items():
            if key not in PUBLIC_KEYS:
                self._on_secret(value)
        return values

    async def complete(
        self,
        render: Callable[[], Awaitable[T]],
        known: MutableMapping[str, Mapping[str, Tainted] | None],
        namespace: str,
        account: Account,
    ) -> T:
        """Return what `render` makes, having read the Secrets whose names only it can tell.

        They are added to `known`. Raises ObjectError, and whatever `render` raises for a Secret
        that does not exist.
        """
        asked: set[str] = set()
        while True:
            try:
                return await render()
            except SecretNotFound as error:
                if error.name in asked or len(asked) == MAX_FETCHED:
                    raise
                asked.add(error.name)
                known[error.name] = await self.read(namespace, error.name, account)

    async def value(self, source: ValueSource, namespace: str, account: Account) -> Tainted | str:
        """Return the value that a `valueFrom` names. Raises ValueMissing and ObjectError."""
        if source.secret_key_ref is not None:
            return await self._secret_value(source.secret_key_ref, namespace, account)
        if source.config_map_key_ref is not None:
            return await self._config_value(source.config_map_key_ref, namespace, account)
        raise ValueMissing("valueFrom names neither a Secret nor a ConfigMap")

    async def _secret_value(
        self, reference: KeyReference, namespace: str, account: Account
    ) -> Tainted:
        values = await self.read(namespace, reference.name, account)
        if values is not None and reference.key in values:
            return values[reference.key]
        raise ValueMissing(_missing("Secret", reference.name, reference.key, values))

    async def _config_value(self, reference: KeyReference, namespace: str, account: Account) -> str:
        target = ObjectId("", "ConfigMap", namespace, reference.name, "v1")
        found = await self._objects.get(target, account)
        data = None if found is None else found.get("data") or {}
        if data is not None and reference.key in data:
            return str(data[reference.key])
        raise ValueMissing(_missing("ConfigMap", reference.name, reference.key, data))


def _missing(kind: str, name: str, key: str, found: object) -> str:
    if found is None:
        return f"there is no {kind} {name}: create it, or change the reference"
    return f"the {kind} {name} has no key {key}: add it, or change the reference"


def _decoded(value: object, name: str) -> Tainted:
    """Decode a value of a Secret; binary ones stay base64, as expressions are texts."""
    text = value.reveal() if isinstance(value, Tainted) else str(value)
    source = frozenset((name,))
    try:
        return Tainted(base64.b64decode(text, validate=True).decode(), source)
    except (binascii.Error, UnicodeDecodeError):
        return Tainted(text, source)
