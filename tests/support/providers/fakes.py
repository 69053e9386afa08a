"""The five providers, each with what is its own: paths, names of fields, paging, refusals."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from aiohttp import web
from typing_extensions import override

from ebbflow.domain.triggers.change import PullRequest
from tests.support.providers.server import (
    FORK_OWNER,
    LOGIN,
    NAME,
    OWNER,
    TOKEN,
    FakeProvider,
    Reply,
)

OURS, THEIRS = 1, 2


class FakeGitHub(FakeProvider):
    """docs.github.com/rest: pulls, users, orgs, "Using pagination", "Rate limits"."""

    provider = "GitHub"
    prefix = "/api/v3"
    etags = True

    @override
    def scoped(self, *scopes: str) -> None:
        self.extra["X-OAuth-Scopes"] = ", ".join(scopes)

    @override
    def answer(self, path: str, query: Mapping[str, str]) -> Reply | None:
        match path:
            case "/user":
                return Reply({"login": LOGIN, "id": 7, "type": "User"}, {})
            case "/user/orgs":
                return Reply([{"login": OWNER, "id": 8}], {})
            case _ if path == f"/repos/{OWNER}/{NAME}/pulls" and query["state"] == "open":
                number = int(query["page"])
                found, more = self.page_of(number, int(query["per_page"]))
                return Reply([self._pull(pull) for pull in found], self.linked(path, number, more))
            case _:
                return None

    def _pull(self, pull: PullRequest) -> dict[str, Any]:
        def end(branch: str, sha: str, owner: str, key: int) -> dict[str, Any]:
            repo = {"id": key, "full_name": f"{owner}/{NAME}", "fork": key == THEIRS}
            return {"label": f"{owner}:{branch}", "ref": branch, "sha": sha, "repo": repo}

        owner, key = (FORK_OWNER, THEIRS) if pull.fork else (OWNER, OURS)
        return {
            "id": 1000 + pull.id,
            "number": pull.id,
            "state": "open",
            "title": pull.title,
            "body": "What it does.",
            "draft": pull.draft,
            "user": {"login": pull.author, "id": 7},
            "labels": [{"id": 1, "name": label, "color": "fff"} for label in pull.labels],
            "head": end(pull.head_branch, pull.head_sha, owner, key),
            "base": end(pull.base_branch, "0" * 40, OWNER, OURS),
        }


class FakeGitLab(FakeProvider):
    """docs.gitlab.com/api: merge_requests, personal_access_tokens, groups, rest pagination."""

    provider = "GitLab"
    prefix = "/api/v4"
    etags = True

    def __init__(self) -> None:
        super().__init__()
        self._scopes: tuple[str, ...] = ("api",)

    @override
    def scoped(self, *scopes: str) -> None:
        self._scopes = scopes

    @override
    def answer(self, path: str, query: Mapping[str, str]) -> Reply | None:
        match path:
            case "/user":
                return Reply({"username": LOGIN, "id": 7}, {})
            case "/personal_access_tokens/self":
                return Reply({"id": 1, "scopes": list(self._scopes), "active": True}, {})
            case "/groups":
                return Reply([{"id": 8, "path": OWNER, "full_path": OWNER}], {})
            case _ if path == f"/projects/{quote(f'{OWNER}/{NAME}', safe='')}/merge_requests":
                assert query["state"] == "opened"
                number = int(query["page"])
                found, more = self.page_of(number, int(query["per_page"]))
                headers = self.linked(path, number, more) | {"X-Page": str(number)}
                return Reply([self._pull(pull) for pull in found], headers)
            case _:
                return None

    def _pull(self, pull: PullRequest) -> dict[str, Any]:
        return {
            "id": 1000 + pull.id,
            "iid": pull.id,
            "state": "opened",
            "title": pull.title,
            "description": "What it does.",
            "source_branch": pull.head_branch,
            "target_branch": pull.base_branch,
            "sha": pull.head_sha,
            "source_project_id": THEIRS if pull.fork else OURS,
            "target_project_id": OURS,
            "draft": pull.draft,
            "work_in_progress": pull.draft,
            "labels": list(pull.labels),
            "author": {"id": 7, "username": pull.author},
        }


class FakeGitea(FakeProvider):
    """Its own swagger (api/swagger): repoListPullRequests, userGetCurrent, scopes of tokens."""

    provider = "Gitea"
    prefix = "/api/v1"
    _NEEDED: ClassVar = {
        "/user": "read:user",
        "/user/orgs": "read:organization",
        "/user/repos": "read:repository",
    }

    def __init__(self) -> None:
        super().__init__()
        self._scopes: frozenset[str] = frozenset(self._NEEDED.values())

    @override
    def scoped(self, *scopes: str) -> None:
        self._scopes = frozenset(scopes)

    @override
    def _respond(self, request: web.BaseRequest) -> web.StreamResponse:
        need = self._NEEDED.get(request.path.removeprefix(self.prefix))
        if need is not None and need not in self._scopes and self.authorized(request.headers):
            return self.refused(
                403, f"token does not have at least one of required scope(s), required=[{need}]"
            )
        return super()._respond(request)

    @override
    def answer(self, path: str, query: Mapping[str, str]) -> Reply | None:
        match path:
            case "/user":
                return Reply({"login": LOGIN, "id": 7}, {})
            case "/user/orgs":
                return Reply([{"id": 8, "name": OWNER, "username": OWNER}], {})
            case "/user/repos":
                return Reply([], {})
            case _ if path == f"/repos/{OWNER}/{NAME}/pulls" and query["state"] == "open":
                number = int(query["page"])
                found, more = self.page_of(number, int(query["limit"]))
                headers = self.linked(path, number, more) | {"X-Total-Count": str(len(self.pulls))}
                return Reply([self._pull(pull) for pull in found], headers)
            case _:
                return None

    def _pull(self, pull: PullRequest) -> dict[str, Any]:
        def end(branch: str, sha: str, owner: str, key: int) -> dict[str, Any]:
            repo = {"id": key, "name": NAME, "full_name": f"{owner}/{NAME}", "fork": key == THEIRS}
            return {"label": branch, "ref": branch, "sha": sha, "repo_id": key, "repo": repo}

        owner, key = (FORK_OWNER, THEIRS) if pull.fork else (OWNER, OURS)
        return {
            "id": 1000 + pull.id,
            "number": pull.id,
            "state": "open",
            "title": pull.title,
            "body": "What it does.",
            "draft": pull.draft,
            "user": {"id": 7, "login": pull.author},
            "labels": [{"id": 1, "name": label} for label in pull.labels],
            "head": end(pull.head_branch, pull.head_sha, owner, key),
            "base": end(pull.base_branch, "0" * 40, OWNER, OURS),
        }


class FakeBitbucket(FakeProvider):
    """developer.atlassian.com/cloud/bitbucket/rest: pullrequests, users, workspaces."""

    provider = "Bitbucket"
    prefix = "/2.0"
    username = "x-token-auth"

    @override
    def scoped(self, *scopes: str) -> None:
        self.extra["X-OAuth-Scopes"] = ", ".join(scopes)

    @override
    def refused(self, status: int, message: str) -> web.Response:
        return web.json_response({"type": "error", "error": {"message": message}}, status=status)

    @override
    def answer(self, path: str, query: Mapping[str, str]) -> Reply | None:
        pulls = f"/repositories/{OWNER}/{NAME}/pullrequests"
        match path.removeprefix(pulls).split("/"):
            case ["", "user"] if path == "/user":
                return Reply({"username": LOGIN, "nickname": LOGIN}, {})
            case ["", "user", "workspaces"]:
                return Reply({"values": [{"workspace": {"slug": OWNER}}]}, {})
            case [""] if path == pulls:
                return self._page(int(query["page"]), int(query["pagelen"]))
            case ["", number, "commits"] if path.startswith(pulls):
                return Reply({"values": [{"hash": self.pulls[int(number)].head_sha}]}, {})
            case _:
                return None

    def _page(self, number: int, size: int) -> Reply:
        found, more = self.page_of(number, size)
        body: dict[str, Any] = {"values": [self._pull(pull) for pull in found], "page": number}
        if more:
            body["next"] = f"{self.server}{self.prefix}/next?page={number + 1}"
        return Reply(body, {})

    def _pull(self, pull: PullRequest) -> dict[str, Any]:
        def end(branch: str, sha: str, owner: str, key: int) -> dict[str, Any]:
            repository = {"full_name": f"{owner}/{NAME}", "uuid": f"{{{key}}}"}
            return {
                "branch": {"name": branch},
                "commit": {"hash": sha[:12]},
                "repository": repository,
            }

        owner, key = (FORK_OWNER, THEIRS) if pull.fork else (OWNER, OURS)
        return {
            "id": pull.id,
            "title": pull.title,
            "state": "OPEN",
            "draft": pull.draft,
            "author": {"nickname": pull.author},
            "source": end(pull.head_branch, pull.head_sha, owner, key),
            "destination": end(pull.base_branch, "0" * 40, OWNER, OURS),
        }


class FakeBitbucketDataCenter(FakeProvider):
    """developer.atlassian.com/server/bitbucket/rest: pull-requests, projects, paged APIs."""

    provider = "BitbucketDataCenter"
    prefix = "/rest/api/1.0"
    username = LOGIN

    def __init__(self) -> None:
        super().__init__()
        self.extra["X-AUSERNAME"] = LOGIN

    @property
    @override
    def repository(self) -> str:
        return f"{self.server}/scm/{OWNER}/{NAME}.git"

    @override
    def authorized(self, headers: Mapping[str, str]) -> bool:
        pair = base64.b64encode(f"{LOGIN}:{TOKEN}".encode()).decode()
        return headers.get("Authorization") == f"Basic {pair}"

    @override
    def refused(self, status: int, message: str) -> web.Response:
        return web.json_response({"errors": [{"context": None, "message": message}]}, status=status)

    @override
    def answer(self, path: str, query: Mapping[str, str]) -> Reply | None:
        match path:
            case "/projects":
                page = {"values": [{"key": OWNER, "id": 8}], "isLastPage": True}
                return Reply(page, {})
            case _ if path == f"/projects/{OWNER}/repos/{NAME}/pull-requests":
                return self._page(int(query["start"]), min(int(query["limit"]), self.cap))
            case _:
                return None

    def _page(self, start: int, size: int) -> Reply:
        newest = sorted(self.pulls.values(), key=lambda pull: -pull.id)
        last = start + size >= len(newest)
        body = {
            "values": [self._pull(pull) for pull in newest[start : start + size]],
            "start": start,
            "isLastPage": last,
            "nextPageStart": None if last else start + size,
        }
        return Reply(body, {})

    def _pull(self, pull: PullRequest) -> dict[str, Any]:
        def end(branch: str, sha: str, owner: str, key: int) -> dict[str, Any]:
            repository = {"id": key, "slug": NAME, "project": {"key": owner}}
            return {"id": f"refs/heads/{branch}", "latestCommit": sha, "repository": repository}

        owner, key = (FORK_OWNER, THEIRS) if pull.fork else (OWNER, OURS)
        return {
            "id": pull.id,
            "title": pull.title,
            "state": "OPEN",
            "draft": pull.draft,
            "author": {"user": {"name": pull.author}, "role": "AUTHOR"},
            "fromRef": end(pull.head_branch, pull.head_sha, owner, key),
            "toRef": end(pull.base_branch, "0" * 40, OWNER, OURS),
        }


FAKES = (FakeGitHub, FakeGitLab, FakeGitea, FakeBitbucket, FakeBitbucketDataCenter)
