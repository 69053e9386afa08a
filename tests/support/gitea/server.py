"""A real Gitea on loopback, with SQLite, and repositories in it to hold providers to."""

from __future__ import annotations

import base64
import itertools
import secrets
import socket
import subprocess
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from ebbflow.domain.git import BasicCredential
from ebbflow.domain.providers import ProviderAccount
from ebbflow.domain.secret import Tainted
from ebbflow.domain.triggers.change import PullRequest
from tests.support.gitea.program import Gitea
from tests.support.waiting import eventually

ROBOT, MALLORY = "robot", "mallory"
PAGE = 2
STOP_SECONDS = 20

_SETTINGS = """
APP_NAME = ebbflow tests
RUN_MODE = prod
I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true
[server]
HTTP_ADDR = 127.0.0.1
HTTP_PORT = {port}
ROOT_URL = http://127.0.0.1:{port}/
STATIC_ROOT_PATH = {files}
OFFLINE_MODE = true
DISABLE_SSH = true
[database]
DB_TYPE = sqlite3
PATH = {root}/gitea.db
[security]
INSTALL_LOCK = true
PASSWORD_HASH_ALGO = pbkdf2$1000$50
[repository]
ROOT = {root}/repositories
DEFAULT_BRANCH = main
[api]
MAX_RESPONSE_ITEMS = {page}
[webhook]
ALLOWED_HOST_LIST = loopback
[log]
LEVEL = warn
[cron]
ENABLED = false
[indexer]
ISSUE_INDEXER_TYPE = db
"""


class GiteaServer:
    """Runs within `root`; two users with a token each. Leaving it ends the server."""

    def __init__(self, gitea: Gitea, root: Path) -> None:
        self._gitea = gitea
        self._root = root
        self._tokens: dict[str, str] = {}
        self._numbers = itertools.count(1)
        self._log = root / "gitea.log"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port: int = free.getsockname()[1]

    @property
    def url(self) -> str:
        """The address of its pages."""
        return f"http://127.0.0.1:{self._port}"

    def token(self, user: str) -> str:
        """Return a user's token."""
        return self._tokens[user]

    def __enter__(self) -> Self:
        settings = _SETTINGS.format(
            port=self._port, root=self._root, files=self._gitea.files, page=PAGE
        )
        (self._root / "app.ini").write_text(settings)
        self._command("migrate")
        for user in (ROBOT, MALLORY):
            mail = f"{user}@example.com"
            self._command(
                *("admin", "user", "create", "--username", user, "--email", mail),
                *("--password", secrets.token_hex(16), "--must-change-password=false"),
            )
            made = ("admin", "user", "generate-access-token", "--raw", "--scopes", "all")
            self._tokens[user] = self._command(*made, "-u", user).split()[-1]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._line("web"), env=self._environment(), stdout=log, stderr=log
            )
        eventually(self._answers, 60, "Gitea answers")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def make_world(self, session: aiohttp.ClientSession) -> GiteaWorld:
        """Return a repository of an organisation of its own; `create` makes it."""
        return GiteaWorld(self, session, f"acme-{next(self._numbers)}")

    def _answers(self) -> bool:
        with suppress(urllib.error.URLError, OSError):
            return bool(urllib.request.urlopen(f"{self.url}/api/v1/version").status == 200)  # noqa: S310 - of loopback
        return False

    def _line(self, *arguments: str) -> list[str]:
        return [str(self._gitea.program), "--config", str(self._root / "app.ini"), *arguments]

    def _environment(self) -> dict[str, str]:
        home = str(self._root)
        return {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": home, "GITEA_WORK_DIR": home}

    def _command(self, *arguments: str) -> str:
        done = subprocess.run(
            self._line(*arguments),
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"gitea {arguments[:3]}: {done.stderr[-2000:]}"
        return done.stdout


class GiteaWorld:
    """One repository, driven through the API as people do. The server gives PAGE items a page."""

    def __init__(self, server: GiteaServer, session: aiohttp.ClientSession, owner: str) -> None:
        self._server = server
        self._session = session
        self._owner = owner
        self._files = itertools.count(1)
        self.cap = PAGE

    @property
    def account(self) -> ProviderAccount:
        return self.account_with(self._server.token(ROBOT))

    @property
    def repository(self) -> str:
        return f"{self._server.url}/{self._owner}/shop.git"

    def account_with(self, token: str) -> ProviderAccount:
        credential = BasicCredential("x-access-token", Tainted(token))
        return ProviderAccount("Gitea", self._server.url, credential)

    async def create(self) -> None:
        """Make the organisation and its repository."""
        await self._ask("POST", "/orgs", {"username": self._owner, "visibility": "public"})
        made = {"name": "shop", "auto_init": True, "default_branch": "main"}
        await self._ask("POST", f"/orgs/{self._owner}/repos", made)

    async def open_pull(
        self, branch: str, *, base: str = "main", draft: bool = False, fork: bool = False
    ) -> PullRequest:
        owner, user = (self._owner, ROBOT)
        if fork:
            name = f"fork-of-{self._owner}"
            await self._ask("POST", f"{self._repo()}/forks", {"name": name}, MALLORY)
            owner, user = f"{MALLORY}/{name}", MALLORY
        where = f"/repos/{owner}" if fork else self._repo()
        sha = await self._commit(where, branch, base, user)
        title = f"WIP: {branch}" if draft else f"Change {branch}"
        head = f"{MALLORY}:{branch}" if fork else branch
        body = {"head": head, "base": base, "title": title}
        made = await self._ask("POST", f"{self._repo()}/pulls", body, user)
        return PullRequest(
            id=made["number"],
            head_branch=branch,
            head_sha=sha,
            base_branch=base,
            draft=draft,
            fork=fork,
            head_repository=owner if fork else f"{owner}/shop",
            author=user,
            title=title,
        )

    async def push_to(self, pull: PullRequest) -> str:
        return await self._commit(
            f"/repos/{pull.head_repository}", None, pull.head_branch, pull.author
        )

    async def push(self, branch: str) -> str:
        """Commit onto a branch of the repository; the commit."""
        return await self._commit(self._repo(), None, branch, ROBOT)

    async def make_ready(self, pull: PullRequest) -> None:
        """Make a draft ready for review: Gitea tells drafts by their titles."""
        body = {"title": pull.title.removeprefix("WIP: ")}
        await self._ask("PATCH", f"{self._repo()}/pulls/{pull.id}", body)

    async def add_webhook(self, url: str, secret: str) -> None:
        """Have every event delivered there."""
        body = {
            "type": "gitea",
            "active": True,
            "events": ["push", "pull_request", "pull_request_label", "pull_request_sync"],
            "config": {"url": url, "content_type": "json", "secret": secret},
        }
        await self._ask("POST", f"{self._repo()}/hooks", body)

    async def label(self, pull: PullRequest, label: str) -> None:
        body = {"name": label, "color": "#00aabb"}
        made = await self._ask("POST", f"{self._repo()}/labels", body)
        place = f"{self._repo()}/issues/{pull.id}/labels"
        await self._ask("POST", place, {"labels": [made["id"]]})

    async def close_pull(self, pull: PullRequest) -> None:
        await self._ask("PATCH", f"{self._repo()}/pulls/{pull.id}", {"state": "closed"})

    def _repo(self) -> str:
        return f"/repos/{self._owner}/shop"

    async def _commit(self, repo: str, new_branch: str | None, branch: str, user: str) -> str:
        """Commit a file on top of a branch, on a new branch if one is named."""
        content = base64.b64encode(b"changed\n").decode()
        body = {"content": content, "message": "Change something", "branch": branch}
        if new_branch is not None:
            body["new_branch"] = new_branch
        path = f"{repo}/contents/file-{next(self._files)}.txt"
        return str((await self._ask("POST", path, body, user))["commit"]["sha"])

    async def _ask(self, method: str, path: str, body: dict[str, Any], user: str = ROBOT) -> Any:
        headers = {"Authorization": f"token {self._server.token(user)}"}
        url = f"{self._server.url}/api/v1{path}"
        async with self._session.request(method, url, json=body, headers=headers) as answer:
            assert answer.ok, f"{method} {path}: {answer.status} {await answer.text()}"
            return await answer.json()
