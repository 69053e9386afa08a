"""What is told apart between providers: where their API lies, how it is asked, what it answers."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar
from urllib.parse import quote, unquote, urlsplit

from pydantic import BaseModel, ConfigDict, TypeAdapter

from ebbflow.api.gitaccount import Provider
from ebbflow.domain.access import repository_path
from ebbflow.domain.git import BasicCredential, InvalidRequest
from ebbflow.domain.http import HttpAnswer
from ebbflow.domain.providers import Allowance, Identity, ProviderAccount
from ebbflow.domain.secret import Tainted
from ebbflow.domain.triggers.change import PullRequest

V = TypeVar("V")

PAGE_SIZE: Final = 50
MAX_TITLE: Final = 256
MAX_LABELS: Final = 100
MAX_OWNERS: Final = 256
"""As many as an account's status holds."""

Headers = Mapping[str, str]

_NO_NAMES: Final = frozenset({"x-access-token", "x-token-auth"})


class Forbids(Exception):
    """The provider forbids it to these credentials; `words` are its own, cleaned."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


class Answered(BaseModel):
    """A part of an answer; what is not asked for is left out."""

    model_config = ConfigDict(frozen=True, extra="ignore")


@dataclass(frozen=True, slots=True)
class Question(Generic[V]):
    """Something to ask for: a path below the API's address, with its query, and how to read it.

    `read` gets an answer of status 200; it raises ValueError for what is not as documented.
    """

    path: str
    read: Callable[[HttpAnswer], V]


class Ask(Protocol):
    """Asks for one thing. Raises Forbids for HTTP 403, and GitError."""

    def __call__(self, question: Question[V], /) -> Awaitable[V]:
        """Return what was read from the answer."""
        ...


@dataclass(frozen=True, slots=True)
class Page:
    """A page of pull requests; `following`: where the next one begins, None after the last."""

    pulls: tuple[PullRequest, ...]
    following: int | None


class ProviderKind(Protocol):
    """One provider's API."""

    name: Provider
    first_page: int

    def api(self, server: str) -> str:
        """Return the address of the API of a server, without a slash at the end."""
        ...

    def headers(self, credential: BasicCredential | None) -> Mapping[str, str | Tainted]:
        """Return the headers of every request."""
        ...

    def pulls(self, repository: str, page: int) -> Question[Page]:
        """Return the question for a page of open pull requests, newest first.

        `repository` is its path below the server's address, not encoded. Raises InvalidRequest
        where it names none.
        """
        ...

    async def complete(
        self,
        ask: Ask,  # noqa: ARG002 - for who has to ask for more
        repository: str,  # noqa: ARG002 - for who has to ask for more
        pull: PullRequest,
    ) -> PullRequest:
        """Return a pull request of a list with what the list leaves out."""
        return pull

    async def identity(self, ask: Ask) -> Identity:
        """Find out whose credentials these are."""
        ...

    def allowance(
        self,
        headers: Headers,  # noqa: ARG002 - for who tells it
    ) -> Allowance | None:
        """Return what an answer's headers (names in small letters) tell of the rate limit."""
        return None


def reading(kind: type[V]) -> Callable[[HttpAnswer], V]:
    """Return a function that reads an answer's body as JSON of this type."""
    adapter: TypeAdapter[V] = TypeAdapter(kind)
    return lambda answer: adapter.validate_json(answer.body)


def numbered_page(
    number: int,
    read: Callable[[HttpAnswer], Sequence[V]],
    value: Callable[[V], PullRequest | None],
) -> Callable[[HttpAnswer], Page]:
    """Return a function that reads a page of those who number them and link to the next.

    `read` reads its entries, `value` makes a pull request of one, or None of one to leave out.

    A full page has another after it, or an empty one: the link to it (RFC 8288) is missing in an
    answer that did not change since there was none. One that is not full may be followed too: a
    server may give fewer than it was asked for.
    """

    def read_page(answer: HttpAnswer) -> Page:
        entries = read(answer)
        pulls = tuple(pull for entry in entries if (pull := value(entry)) is not None)
        followed = 'rel="next"' in answer.headers.get("link", "") or len(entries) >= PAGE_SIZE
        return Page(pulls, number + 1 if followed else None)

    return read_page


def path_on(account: ProviderAccount, repository: str) -> str:
    """Return the path of a repository below the address of its server, not encoded.

    Raises InvalidRequest for one whose parts could lead elsewhere.
    """
    path = repository_path(repository)
    below = urlsplit(account.server).path.strip("/")
    if below and path.startswith(f"{below}/"):
        path = path.removeprefix(f"{below}/")
    path = unquote(path)
    if any(part in {"", ".", ".."} for part in path.split("/")):
        raise InvalidRequest(
            f"{path!r} names no repository: write its address without empty parts, . and .. in it."
        )
    return path


def two_parts(repository: str, form: str) -> tuple[str, str]:
    """Return owner and name of a repository, encoded for a path. Raises InvalidRequest."""
    parts = repository.split("/")
    if len(parts) != len(("owner", "name")):
        raise InvalidRequest(
            f"{repository!r} names no repository of this provider: write its address as {form}."
        )
    return encoded(parts[0]), encoded(parts[1])


def encoded(text: str) -> str:
    """Return a text as one part of a path."""
    return quote(text, safe="")


def bearer(credential: BasicCredential | None, scheme: str = "Bearer") -> dict[str, Tainted]:
    """Return the header that sends a token (RFC 6750)."""
    if credential is None:
        return {}
    return {"Authorization": Tainted(f"{scheme} {credential.password.reveal()}")}


def basic_or_bearer(credential: BasicCredential | None) -> dict[str, Tainted]:
    """Return the header for a user name with a password or token, or for a token alone."""
    if credential is None or credential.username in _NO_NAMES:
        return bearer(credential)
    pair = f"{credential.username}:{credential.password.reveal()}"
    return {"Authorization": Tainted("Basic " + base64.b64encode(pair.encode()).decode())}
