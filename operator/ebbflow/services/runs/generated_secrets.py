"""The values of `randomSecret`: made once for each place of a document, kept in an owned Secret."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final, TypeVar

from ebbflow.api.base import API_VERSION, NAME_MAX_LENGTH, JsonObject, Key
from ebbflow.domain.expression import Budget, ExpressionError, Limits, RandomRequest
from ebbflow.domain.objects import (
    OWNER_LABEL,
    Account,
    AlreadyExists,
    Changed,
    ObjectId,
    Objects,
    owner_mark,
)
from ebbflow.domain.secret import Tainted

T = TypeVar("T")

SUFFIX: Final = "-generated"
MANAGER: Final = "ebbflow-generated"
TRIES: Final = 5

QUICK: Final = Limits(steps=3_000, output=256 * 1024, matching=2_500_000)
"""What is evaluated at once: some five milliseconds at worst."""

QUICKER: Final = frozenset(("steps", "output", "matching"))
"""Limits that QUICK sets lower than they are."""


class _NotLoaded(Exception):
    """The kept values are needed, and were not read yet."""


class GeneratedSecrets:
    """The generated values of one source. The first value for a place stays, until its key in the
    Secret `<source>-generated` is removed by hand. `dry`: what is new is kept in memory only.
    """

    def __init__(
        self,
        objects: Objects,
        source: Key,
        source_uid: str,
        on_secret: Callable[[Tainted], None],
        token: Callable[[int], bytes] = secrets.token_bytes,
        *,
        dry: bool = False,
    ) -> None:
        self._objects = objects
        self._source = source
        self._source_uid = source_uid
        self._on_secret = on_secret
        self._token = token
        self._dry = dry
        self._kept: dict[str, str] | None = None
        self._version = ""
        self._new: dict[str, str] = {}
        # What one rendering made must not be taken for kept by another one.
        self._one_at_a_time = asyncio.Lock()

    def __call__(self, request: RandomRequest) -> Tainted:
        """Return the value of a place. To be called within `rendered`."""
        if self._kept is None:
            raise _NotLoaded
        key = hashlib.sha256(request.place.encode()).hexdigest()[:32]
        value = self._kept.get(key) or self._new.get(key)
        if value is None:
            value = self._new[key] = _random(request, self._token)
        tainted = Tainted(value, frozenset((self._name,)))
        self._on_secret(tainted)
        return tainted

    async def rendered(self, render: Callable[[Budget], T], account: Account) -> T:
        """Return what `render` makes, once the random values that it used are kept.

        What takes more than a few milliseconds is made in a thread, so that no other Run waits.
        Raises ExpressionError, and ObjectError where the account may not read or write the Secret.
        """
        async with self._one_at_a_time:
            return await self._rendered(render, account)

    async def _rendered(self, render: Callable[[Budget], T], account: Account) -> T:
        for _ in range(TRIES):
            try:
                result = await _made(render)
            except _NotLoaded:
                await self._load(account)
                continue
            if self._dry or not self._new or await self._keep(account):
                return result
            # Somebody else kept values meanwhile: theirs count.
            await self._load(account)
        raise Changed(f"the Secret {self._name} is changed all the time; try again", code=409)

    @property
    def _name(self) -> str:
        return self._source.name[:NAME_MAX_LENGTH] + SUFFIX

    async def _load(self, account: Account) -> None:
        target = ObjectId("", "Secret", self._source.namespace, self._name, "v1")
        found = await self._objects.get(target, account)
        self._new = {}
        self._version = found["metadata"]["resourceVersion"] if found else ""
        self._kept = _decoded((found or {}).get("data") or {})

    async def _keep(self, account: Account) -> bool:
        """Write the new values beside the old ones; False if the Secret is not as it was read."""
        every = {**(self._kept or {}), **self._new}
        manifest = self._manifest(every)
        try:
            if self._version:
                manifest["metadata"]["resourceVersion"] = self._version
                stored = await self._objects.apply(manifest, account, manager=MANAGER)
            else:
                stored = await self._objects.create(manifest, account, manager=MANAGER)
        except (AlreadyExists, Changed):
            return False
        self._version = stored["metadata"]["resourceVersion"]
        self._kept, self._new = every, {}
        return True

    def _manifest(self, values: Mapping[str, str]) -> JsonObject:
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": self._name,
                "namespace": self._source.namespace,
                "labels": {OWNER_LABEL: owner_mark(self._source)},
                "ownerReferences": [
                    {
                        "apiVersion": API_VERSION,
                        "kind": self._source.kind,
                        "name": self._source.name,
                        "uid": self._source_uid,
                    }
                ],
            },
            "data": {
                key: Tainted(base64.b64encode(value.encode()).decode())
                for key, value in values.items()
            },
        }


async def _made(render: Callable[[Budget], T]) -> T:
    try:
        return render(Budget(QUICK))
    except ExpressionError as error:
        if error.limit not in QUICKER:
            raise
    return await asyncio.to_thread(render, Budget())


def _decoded(data: Mapping[str, object]) -> dict[str, str]:
    """Return the kept values; what somebody put there that is no text is not one of them."""
    found = {}
    for key, value in data.items():
        with suppress(UnicodeDecodeError):
            text = value.reveal() if isinstance(value, Tainted) else str(value)
            found[key] = base64.b64decode(text).decode()
    return found


def _random(request: RandomRequest, token: Callable[[int], bytes]) -> str:
    """Make so many characters; base64 without what needs care in URLs, as Northflank's has it."""
    raw = token(request.length)
    if request.encoding == "hex":
        return raw.hex()[: request.length]
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")[: request.length]
