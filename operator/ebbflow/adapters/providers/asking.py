"""Asking an API: conditional requests, used up allowances, and what refusals mean."""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, timedelta
from http import HTTPStatus
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from ebbflow.adapters.providers.kind import Forbids, ProviderKind, Question
from ebbflow.domain.addresses import redact
from ebbflow.domain.git import (
    AddressNotAllowed,
    AuthenticationFailed,
    GitError,
    InvalidRequest,
    RepositoryNotFound,
    Unreachable,
)
from ebbflow.domain.http import HttpAnswer, HttpClient, HttpError, HttpRequest
from ebbflow.domain.ports import Clock
from ebbflow.domain.providers import Allowance, ProviderAccount
from ebbflow.domain.server_words import MAX_RETRY_AFTER, clean_words, retry_after

V = TypeVar("V")

MAX_PAGE_BYTES: Final = 8 * 1024 * 1024
"""A page of pull requests with long descriptions; only a few fields of each are kept."""
KEPT_ANSWERS: Final = 1024
KEPT_ALLOWANCES: Final = 1024
SHORTEST_PAUSE: Final = timedelta(minutes=1)
"""What GitHub asks for after a secondary limit that names no time ("Best practices")."""

_Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Kept:
    etag: str
    value: Any


class Asker:
    """Asks the APIs of all accounts.

    What was read from an answer with an ETag is kept, and given again while the server says that
    it did not change (RFC 9110, 13.1.2), which does not count against GitHub's limits. Once an
    allowance is used up nothing is sent until it is renewed: GitHub bans who goes on.
    """

    def __init__(self, http: HttpClient, clock: Clock) -> None:
        self._http = http
        self._clock = clock
        self._answers: OrderedDict[_Key, _Kept] = OrderedDict()
        self._allowances: OrderedDict[_Key, Allowance] = OrderedDict()
        self._closed: dict[_Key, float] = {}

    def allowance(self, account: ProviderAccount) -> Allowance | None:
        """Return what the last answer told of the account's allowance."""
        return self._allowances.get(_whose(account))

    async def ask(
        self, kind: ProviderKind, account: ProviderAccount, question: Question[V], about: str
    ) -> V:
        """Ask for one thing. `about` is what to call it in a message.

        Raises:
            Forbids: HTTP 403 that is no limit of rates.
            GitError: all else.
        """
        self._check_open(account, about)
        url = kind.api(account.server) + question.path
        key = (url, account.fingerprint())
        kept = self._answers.get(key)
        answer = await self._send(kind, account, url, kept)
        self._note(kind, account, answer)
        if answer.status == HTTPStatus.NOT_MODIFIED and kept is not None:
            self._answers.move_to_end(key)
            value: V = kept.value
            return value
        if answer.status != HTTPStatus.OK:
            raise self._refusal(kind, account, answer, about)
        value = _read(question, answer, about)
        self._keep(key, answer.headers.get("etag"), value)
        return value

    def _check_open(self, account: ProviderAccount, about: str) -> None:
        key = _whose(account)
        left = self._closed.get(key, 0.0) - self._clock.monotonic()
        if left > 0:
            raise _used_up(account, about, timedelta(seconds=left))
        self._closed.pop(key, None)

    async def _send(
        self, kind: ProviderKind, account: ProviderAccount, url: str, kept: _Kept | None
    ) -> HttpAnswer:
        headers = dict(kind.headers(account.credential))
        if kept is not None:
            headers["If-None-Match"] = kept.etag
        request = HttpRequest(
            "GET", url, headers, ca_bundle=account.ca_bundle, max_bytes=MAX_PAGE_BYTES
        )
        try:
            return await self._http.send(request)
        except HttpError as error:
            raise _no_answer(account, error) from error

    def _note(self, kind: ProviderKind, account: ProviderAccount, answer: HttpAnswer) -> None:
        told = kind.allowance(answer.headers)
        if told is None:
            return
        key = _whose(account)
        self._allowances[key] = told
        self._allowances.move_to_end(key)
        if len(self._allowances) > KEPT_ALLOWANCES:
            self._allowances.popitem(last=False)

    def _keep(self, key: _Key, etag: str | None, value: object) -> None:
        if etag is None:
            self._answers.pop(key, None)
            return
        self._answers[key] = _Kept(etag, value)
        self._answers.move_to_end(key)
        if len(self._answers) > KEPT_ANSWERS:
            self._answers.popitem(last=False)

    def _refusal(
        self, kind: ProviderKind, account: ProviderAccount, answer: HttpAnswer, about: str
    ) -> Exception:
        words = clean_words(words_of(answer.body), account.credential)
        pause = self._pause(kind, answer, words)
        if pause is None:
            return _for_status(account, answer.status, words, about)
        key = _whose(account)
        self._closed = {k: at for k, at in self._closed.items() if at > self._clock.monotonic()}
        self._closed[key] = self._clock.monotonic() + pause.total_seconds()
        return _used_up(account, about, pause)

    def _pause(self, kind: ProviderKind, answer: HttpAnswer, words: str) -> timedelta | None:
        """Return how long to ask for nothing; None where the answer is of another kind."""
        asked = retry_after(answer.headers.get("retry-after"), self._clock.now())
        told = kind.allowance(answer.headers)
        spent = told is not None and told.remaining == 0
        limited = answer.status == HTTPStatus.TOO_MANY_REQUESTS or (
            answer.status == HTTPStatus.FORBIDDEN
            and (asked is not None or spent or "rate limit" in words.lower())
        )
        if not limited:
            return None
        if asked is None and told is not None and told.resets_at is not None and spent:
            asked = told.resets_at.astimezone(UTC) - self._clock.now()
        return SHORTEST_PAUSE if asked is None else min(max(asked, timedelta(0)), MAX_RETRY_AFTER)


def _whose(account: ProviderAccount) -> _Key:
    """Return what an allowance belongs to: the same credentials at the same server."""
    return account.server, account.fingerprint()


def _read(question: Question[V], answer: HttpAnswer, about: str) -> V:
    try:
        return question.read(answer)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"][:8]) or "its beginning"
        raise Unreachable(
            f"The answer for {about} cannot be understood (at {place}: {first['msg']}). The operator"
            " tries again; check that the account's spec.provider and spec.url are right."
        ) from error
    except (ValueError, RecursionError) as error:
        raise Unreachable(
            f"The answer for {about} cannot be understood. The operator tries again; check that the"
            " account's spec.provider and spec.url are right."
        ) from error


def _no_answer(account: ProviderAccount, error: HttpError) -> GitError:
    match error.__cause__:
        case AddressNotAllowed() as cause:
            return cause
        case _ if error.final and "caBundle" in str(error):
            return InvalidRequest(f"The GitAccount's spec.{error}.")
        case _:
            return Unreachable(
                f"The API of {account.provider} gave no usable answer: {error}. The operator tries"
                " again; check spec.url of the account, and the network."
            )


def _used_up(account: ProviderAccount, about: str, pause: timedelta) -> Unreachable:
    seconds = max(1, round(pause.total_seconds()))
    return Unreachable(
        f"{account.provider} allows the account no more requests for {seconds} s, so {about} is"
        " asked for then. Use an account of its own for the operator if that happens often.",
        retry_after=timedelta(seconds=seconds),
    )


def _for_status(account: ProviderAccount, status: int, words: str, about: str) -> Exception:
    said = f" It says: {words}" if words else ""
    match status:
        case HTTPStatus.UNAUTHORIZED if account.credential is None:
            return AuthenticationFailed(
                f"{account.provider} wants credentials for {about} (HTTP 401). Name a Secret with"
                f" them in the GitAccount's spec.secretRef.{said}"
            )
        case HTTPStatus.UNAUTHORIZED:
            return AuthenticationFailed(
                f"{account.provider} refused the credentials for {about} (HTTP 401): they are wrong,"
                f" expired or revoked. Correct the Secret of the GitAccount.{said}"
            )
        case HTTPStatus.FORBIDDEN:
            return Forbids(words)
        case HTTPStatus.NOT_FOUND | HTTPStatus.GONE:
            return RepositoryNotFound(
                f"{account.provider} at {redact(account.server)} knows no {about} (HTTP {status}),"
                f" or hides it from these credentials. Check the address, and their rights.{said}"
            )
        case _:
            return Unreachable(
                f"{account.provider} answered for {about} with HTTP {status}. The operator tries"
                f" again; look at the server if it stays so.{said}"
            )


def words_of(body: bytes) -> str:
    """Return what an error's body says, in one of the forms that providers have."""
    try:
        found = json.loads(body[:65536])
    except (ValueError, RecursionError):
        return ""
    return _message(found)


def _message(found: object) -> str:
    match found:
        case {"message": str() as text} | {"error": {"message": str() as text}}:
            return text
        case {"errors": [{"message": str() as text}, *_]} | {"error_description": str() as text}:
            return text
        case _:
            return ""
