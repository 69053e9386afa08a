"""Targets: addresses, refs and paths."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import unquote, urlsplit

from dulwich.refs import check_ref_format
from urllib3.util import parse_url
from yarl import URL

from ebbflow.adapters.providers.kind import path_on
from ebbflow.domain.addresses import (
    check_branch_name,
    check_repository_url,
    check_request_url,
    host_of,
    normalise_path,
    redact,
)
from ebbflow.domain.git import AddressNotAllowed, InvalidRequest
from ebbflow.domain.providers import ProviderAccount
from tests.fuzz.target import Target, text_of

ACCOUNT = ProviderAccount("Gitea", "https://git.example/below")


def repository_address(data: bytes) -> None:
    """An address that is allowed leads Git to the host that was checked, and shows no password."""
    url = text_of(data)
    redact(url)
    with suppress(AddressNotAllowed):
        check_repository_url(url, allow_insecure_http=True)
        host = host_of(url)
        assert (parse_url(url).host or "").strip("[]").rstrip(".").lower() == host
        assert not {"", ".", ".."} & set(unquote(urlsplit(url).path).strip("/").split("/"))
        assert urlsplit(url).password is None


def request_address(data: bytes) -> None:
    """An address that is allowed leads the client of documents to the host that was checked."""
    url = text_of(data)
    with suppress(AddressNotAllowed):
        check_request_url(url, allow_insecure_http=True, hosts=())
        assert (URL(url, encoded=True).raw_host or "").rstrip(".").lower() == host_of(url)


def repository_of_provider(data: bytes) -> None:
    """A path below a server stays below it."""
    url = text_of(data)
    with suppress(AddressNotAllowed):
        check_repository_url(url, allow_insecure_http=True)
        with suppress(InvalidRequest):
            assert not {"", ".", ".."} & set(path_on(ACCOUNT, url).split("/"))


def branch(data: bytes) -> None:
    """Whatever is taken for a branch is one to Git."""
    name = text_of(data)
    with suppress(ValueError):
        check_branch_name(name)
        assert check_ref_format(b"refs/heads/" + name.encode())


def file_path(data: bytes) -> None:
    """A path that is taken stays within the repository, and taking it again changes nothing."""
    with suppress(ValueError):
        path = normalise_path(text_of(data))
        assert not {"", ".", "..", ".git"} & set(path.lower().split("/"))
        assert normalise_path(path) == path


TARGETS = (
    Target("repository_address", repository_address),
    Target("request_address", request_address),
    Target("repository_of_provider", repository_of_provider, max_bytes=512),
    Target("branch", branch, max_bytes=512),
    Target("file_path", file_path, max_bytes=2048),
)
