"""Where people see a commit in a browser, by the ways of the providers. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from ebbflow.api.gitaccount import Provider
from ebbflow.domain.addresses import host_of
from ebbflow.domain.git import CommitId

_HOSTED: Final[Mapping[str, Provider]] = {
    "github.com": "GitHub",
    "gitlab.com": "GitLab",
    "bitbucket.org": "Bitbucket",
}


def commit_url(repository: str, commit: CommitId, provider: Provider | None = None) -> str:
    """Return the address of a commit's page; empty where nobody knows it.

    `provider` is that of the account; without an account the host tells. Raises AddressNotAllowed
    for what is no address.
    """
    host = host_of(repository)
    page = _page(repository, host)
    match provider or _HOSTED.get(host):
        case "GitHub" | "Gitea":
            return f"{page}/commit/{commit}"
        case "GitLab":
            return f"{page}/-/commit/{commit}"
        case "Bitbucket":
            return f"{page}/commits/{commit}"
        case "BitbucketDataCenter":
            return _data_center(page, commit)
        case "Git" | None:
            return ""


def _page(repository: str, host: str) -> str:
    """Return the repository's own page: for ssh the web server is taken to be at the same host."""
    parts = urlsplit(repository)
    path = parts.path.strip("/").removesuffix(".git")
    if parts.scheme == "ssh":
        return f"https://{host}/{path}"
    return f"{parts.scheme}://{parts.netloc}/{path}"


def _data_center(page: str, commit: CommitId) -> str:
    """Return the page in Bitbucket Data Center, whose clones lie under /scm and pages do not."""
    root, _, name = page.rpartition("/")
    root, _, project = root.rpartition("/")
    return f"{root.removesuffix('/scm')}/projects/{project}/repos/{name}/commits/{commit}"
