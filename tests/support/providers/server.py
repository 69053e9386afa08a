"""A provider's API on loopback, as its public documentation tells: state, paging, faults."""

from __future__ import annotations

import asyncio
import hashlib
import json
import ssl
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from aiohttp import web

from ebbflow.api.gitaccount import Provider
from ebbflow.domain.git import BasicCredential
from ebbflow.domain.providers import ProviderAccount, Providers
from ebbflow.domain.secret import Tainted
from ebbflow.domain.triggers.change import PullRequest

TOKEN = "canary-of-an-account"
LOGIN = "robot"
OWNER, NAME = "acme", "shop"
FORK_OWNER = "mallory"

Fault = Callable[[], web.StreamResponse]


@dataclass(frozen=True, slots=True)
class Seen:
    """One request that came."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    status: int


@dataclass(frozen=True, slots=True)
class Reply:
    """What a fake answers: JSON, and headers of the provider's own."""

    body: Any
    headers: Mapping[str, str]


class FakeProvider(ABC):
    """Holds one repository, acme/shop, and answers as the provider does; it checks the token.

    `faults` are answers that come first, one for each request. `cap`: items on a page at most,
    whatever is asked for. `between`: called after each answer, to change what the next one tells.
    """

    provider: Provider
    etags = False
    prefix = ""
    username = "x-access-token"

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.pulls: dict[int, PullRequest] = {}
        self.seen: list[Seen] = []
        self.faults: deque[Fault] = deque()
        self.cap = 100
        self.between: Callable[[], None] = lambda: None
        self.released = asyncio.Event()
        self.released.set()
        self.extra: dict[str, str] = {}
        self._commits = 0
        self._port = 0

    # What it holds

    async def open_pull(
        self, branch: str, *, base: str = "main", draft: bool = False, fork: bool = False
    ) -> PullRequest:
        """Open a pull request by the account itself."""
        number = len(self.pulls) + 1 if not self.pulls else max(self.pulls) + 1
        pull = PullRequest(
            id=number,
            head_branch=branch,
            head_sha=self._sha(),
            base_branch=base,
            draft=draft,
            fork=fork,
            head_repository=f"{FORK_OWNER if fork else OWNER}/{NAME}",
            author=LOGIN,
            title=f"Change {branch}",
        )
        self.pulls[number] = pull
        return pull

    async def push_to(self, pull: PullRequest) -> str:
        """Push a commit to a pull request's head branch."""
        sha = self._sha()
        self.pulls[pull.id] = replace(self.pulls[pull.id], head_sha=sha)
        return sha

    async def label(self, pull: PullRequest, label: str) -> None:
        """Put a label on a pull request."""
        found = self.pulls[pull.id]
        self.pulls[pull.id] = replace(found, labels=(*found.labels, label))

    async def close_pull(self, pull: PullRequest) -> None:
        """Close a pull request without merging it."""
        del self.pulls[pull.id]

    def _sha(self) -> str:
        self._commits += 1
        return hashlib.sha1(f"{self._commits}".encode(), usedforsecurity=False).hexdigest()

    # How it is reached

    @property
    def server(self) -> str:
        """The address of its pages."""
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self._port}"

    @property
    def repository(self) -> str:
        """The address of the repository."""
        return f"{self.server}/{OWNER}/{NAME}.git"

    @property
    def account(self) -> ProviderAccount:
        """Who may ask."""
        return self.account_with(TOKEN)

    def account_with(self, token: str) -> ProviderAccount:
        """Return an account with this token."""
        credential = BasicCredential(self.username, Tainted(token))
        return ProviderAccount(self.provider, self.server, credential)

    def scoped(self, *scopes: str) -> None:
        """Have the token hold only these scopes."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        self._runner = web.ServerRunner(web.Server(self._handle))
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.released.set()
        await self._runner.cleanup()

    # How it answers

    @abstractmethod
    def answer(self, path: str, query: Mapping[str, str]) -> Reply | None:
        """Answer a request below the prefix; None is 404."""

    def page_of(self, number: int, size: int) -> tuple[list[PullRequest], bool]:
        """Return a page, newest first, and whether another follows."""
        newest = sorted(self.pulls.values(), key=lambda pull: -pull.id)
        size = min(size, self.cap)
        start = (number - 1) * size
        return newest[start : start + size], start + size < len(newest)

    def linked(self, path: str, number: int, more: bool) -> dict[str, str]:
        """Return the Link header of a numbered page."""
        if not more:
            return {}
        return {"Link": f'<{self.server}{self.prefix}{path}?page={number + 1}>; rel="next"'}

    def refused(self, status: int, message: str) -> web.Response:
        """Return an error in the provider's form."""
        return web.json_response({"message": message}, status=status)

    def authorized(self, headers: Mapping[str, str]) -> bool:
        """Tell whether the request brings the token."""
        return headers.get("Authorization") == f"Bearer {TOKEN}"

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        await self.released.wait()
        response = self._respond(request)
        query = dict(request.query)
        self.seen.append(Seen(request.path, query, request.headers, response.status))
        self.between()
        return response

    def _respond(self, request: web.BaseRequest) -> web.StreamResponse:
        if self.faults:
            return self.faults.popleft()()
        if not self.authorized(request.headers):
            return self.refused(401, "Bad credentials")
        raw = request.rel_url.raw_path
        if not raw.startswith(self.prefix):
            return web.Response(status=404, text="<html>no API here</html>")
        reply = self.answer(raw.removeprefix(self.prefix), dict(request.query))
        if reply is None:
            return self.refused(404, "Not Found")
        data = json.dumps(reply.body).encode()
        headers = {**reply.headers, **self.extra}
        if self.etags:
            tag = f'W/"{hashlib.sha256(data).hexdigest()}"'
            if request.headers.get("If-None-Match") == tag:
                return web.Response(status=304, headers={**self.extra, "ETag": tag})
            headers["ETag"] = tag
        return web.Response(body=data, content_type="application/json", headers=headers)


def look_up(host: str, port: int) -> tuple[str, ...]:
    """Resolve the one name that a fake is reached by: every other is an address."""
    del port
    return {"api.github.com": ("127.0.0.1",)}[host]


async def ids(apis: Providers, server: FakeProvider) -> list[int]:
    """Return the ids of the open pull requests, as the API lists them."""
    listing = await apis.pull_requests(server.account, server.repository)
    return [pull.id for pull in listing.pulls]
