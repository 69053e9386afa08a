"""Whose credentials an account has, asked of its provider now and then, for its status."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from ebbflow.api.base import JsonObject, Key
from ebbflow.api.gitaccount import GitAccount
from ebbflow.domain.access import Refused
from ebbflow.domain.git import GitError
from ebbflow.domain.outcome import Done, Outcome
from ebbflow.domain.ports import Clock, SecretObject
from ebbflow.domain.providers import Identity, ProviderAccount, Providers, provider_account
from ebbflow.services.outcomes import git_failed

LOOK_EVERY: Final = timedelta(minutes=10)
"""A token that was revoked is found by who uses it; this is for people who look at the account."""


@dataclass(frozen=True, slots=True)
class Look:
    """What came of asking: the fields of the status, and why it failed (None: it did not)."""

    status: JsonObject
    trouble: GitError | None = None

    def judge(self, outcome: Outcome, recheck: timedelta) -> Outcome:
        """Return the account's outcome, given what it is without its provider's word."""
        if not isinstance(outcome, Done):
            return outcome
        match self.trouble:
            case None if not self.status:
                return outcome
            case None:
                return Done(outcome.reason, f"{outcome.message}{self._as_whom()}", LOOK_EVERY)
            case trouble:
                return git_failed(trouble, recheck, soonest=recheck)

    def _as_whom(self) -> str:
        login, missing = self.status.get("login"), self.status.get("missingScopes")
        whom = f" as {login}" if login else ""
        lacks = f"; the credentials lack: {', '.join(missing)}" if missing else ""
        return f"{whom}{lacks}"


@dataclass(frozen=True, slots=True)
class _Known:
    asked: ProviderAccount
    at: float
    look: Look


class AccountIdentities:
    """Asks at most every LOOK_EVERY, and at once when the account or its Secret changed."""

    def __init__(self, providers: Providers, clock: Clock) -> None:
        self._providers = providers
        self._clock = clock
        self._known: dict[Key, _Known] = {}

    def forget(self, account: Key) -> None:
        """Drop what is known of an account that is gone."""
        self._known.pop(account, None)

    async def look(self, account: GitAccount, secret: SecretObject | None) -> Look | Refused:
        """Return who the account is; nothing at all for one without an API or credentials.

        While a look fails, what an earlier one with the same credentials told stays. What the
        provider says is never raised: the look tells it.
        """
        asked = provider_account(account, secret)
        if isinstance(asked, Refused):
            return asked
        if asked is None or asked.credential is None:
            self.forget(account.key)
            return Look({})
        known = self._known.get(account.key)
        if known is not None and known.asked != asked:
            known = None
        now = self._clock.monotonic()
        if known is not None and self._is_fresh(known, now):
            return known.look
        look = await self._ask(asked, known)
        self._known[account.key] = _Known(asked, now, look)
        return look

    def _is_fresh(self, known: _Known, now: float) -> bool:
        return known.look.trouble is None and now - known.at < LOOK_EVERY.total_seconds()

    async def _ask(self, asked: ProviderAccount, known: _Known | None) -> Look:
        try:
            identity = await self._providers.identity(asked)
        except GitError as error:
            return Look(known.look.status if known is not None and error.transient else {}, error)
        return Look(_fields(identity) | self._rate_limit(asked))

    def _rate_limit(self, asked: ProviderAccount) -> JsonObject:
        told = self._providers.allowance(asked)
        if told is None:
            return {}
        resets = None if told.resets_at is None else told.resets_at.isoformat()
        limit: JsonObject = {"remaining": told.remaining}
        return {"rateLimit": limit if resets is None else {**limit, "resetsAt": resets}}


def _fields(identity: Identity) -> JsonObject:
    found: JsonObject = {
        "login": identity.login,
        "owners": list(identity.owners),
        "missingScopes": list(identity.missing_scopes),
    }
    return {name: value for name, value in found.items() if value}
