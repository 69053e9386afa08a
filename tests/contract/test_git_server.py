"""The local Git server, as the real git program and people use it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ebbflow.devcluster.gitrepository import GitFailed, git_environment
from ebbflow.devcluster.gitserver import GitServer, UnknownRepository


@pytest.fixture
def server() -> Iterator[GitServer]:
    with GitServer(username="ann", password="s3cret", token="t0ken") as running:
        yield running


def git(directory: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=Ann", "-c", "user.email=ann@example.com", *arguments],
        cwd=directory,
        env=git_environment(directory),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise GitFailed(done.stderr)
    return done.stdout


def with_user(url: str, user: str) -> str:
    return url.replace("http://", f"http://{user}@")


@pytest.mark.parametrize("user", ["ann:s3cret", "ann:t0ken", "anybody:t0ken"])
def test_git_clones_and_pushes_with_password_and_token(
    server: GitServer, tmp_path: Path, user: str
) -> None:
    server.create_repository("team/app", {"a.txt": b"one\n"})
    git(tmp_path, "clone", "-q", with_user(server.url_of("team/app"), user), "clone")
    clone = tmp_path / "clone"
    (clone / "a.txt").write_bytes(b"two\n")
    git(clone, "commit", "-qam", "Change a")
    git(clone, "push", "-q")
    assert server.show("team/app", "main", "a.txt") == b"two\n"
    assert server.log("team/app")[0].author == "Ann <ann@example.com>"
    assert server.diff("team/app", "main").endswith("-one\n+two\n")


@pytest.mark.parametrize("option", ["http.postBuffer=1", "http.postBuffer=100000000"])
def test_large_pushes_arrive_chunked_or_whole(
    server: GitServer, tmp_path: Path, option: str
) -> None:
    server.create_repository("app", {"a.txt": b"one\n"})
    git(tmp_path, "clone", "-q", with_user(server.url_of("app"), "ann:s3cret"), "clone")
    data = bytes(range(256)) * 8000
    (tmp_path / "clone" / "big").write_bytes(data)
    git(tmp_path / "clone", "add", ".")
    git(tmp_path / "clone", "commit", "-qm", "Add big")
    git(tmp_path / "clone", "-c", option, "-c", "core.compression=0", "push", "-q")
    assert server.show("app", "main", "big") == data
    assert server.counts.bytes_in > len(data)


@pytest.mark.parametrize("user", ["ann:wrong", "eve:s3cret"])
def test_a_wrong_password_is_refused(server: GitServer, tmp_path: Path, user: str) -> None:
    server.create_repository("app", {"a.txt": b"one\n"})
    with pytest.raises(GitFailed, match="Authentication failed"):
        git(tmp_path, "ls-remote", with_user(server.url_of("app"), user))


def test_an_unknown_repository_is_not_found(server: GitServer, tmp_path: Path) -> None:
    with pytest.raises(GitFailed, match="not found"):
        git(tmp_path, "ls-remote", with_user(server.url_of("nope"), "ann:s3cret"))
    with pytest.raises(UnknownRepository, match="create_repository"):
        server.log("nope")


def test_anonymous_people_read_and_push_only_where_allowed(tmp_path: Path) -> None:
    for allowed in (False, True):
        with GitServer(anonymous_push=allowed) as server:
            server.create_repository("app", {"a.txt": b"one\n"})
            place = tmp_path / str(allowed)
            git(tmp_path, "clone", "-q", server.url_of("app"), str(place))
            git(place, "commit", "-q", "--allow-empty", "-m", "Nothing")
            if allowed:
                git(place, "push", "-q")
            else:
                with pytest.raises(GitFailed, match="403"):
                    git(place, "push", "-q")
            assert len(server.log("app")) == (2 if allowed else 1)


def test_requests_are_counted_by_service_and_repository(server: GitServer, tmp_path: Path) -> None:
    server.create_repository("one", {"a.txt": b"one\n"})
    server.create_repository("two", {"a.txt": b"one\n"})
    git(tmp_path, "clone", "-q", with_user(server.url_of("one"), "ann:s3cret"))
    assert server.counts.total("upload-pack", "one") == 2  # version 2: ls-refs and fetch
    assert server.counts.total(repository="two") == 0
    assert server.counts.bytes_out > 0
    server.reset_counts()
    assert server.counts.by_service() == {}


def test_the_server_comes_back_on_its_port_with_its_repositories(
    server: GitServer, tmp_path: Path
) -> None:
    server.create_repository("app", {"a.txt": b"one\n"})
    url = with_user(server.url_of("app"), "ann:s3cret")
    server.stop()
    with pytest.raises(GitFailed):
        git(tmp_path, "ls-remote", url)
    server.start()
    assert "refs/heads/main" in git(tmp_path, "ls-remote", url)


def test_a_commit_by_hand_adds_changes_and_removes(server: GitServer) -> None:
    first = server.create_repository("app", {"a": b"1\n", 'd/ü "q".txt': b"2\n"})
    second = server.commit("app", {"a": None, "b": b"3\n"}, "Swap", "Bob <bob@example.com>")
    assert server.show("app", "main", 'd/ü "q".txt') == b"2\n"
    assert server.show("app", second, "b") == b"3\n"
    newest = server.log("app")[0]
    assert (newest.sha, newest.parents) == (second, (first,))
    assert (newest.author, newest.message) == ("Bob <bob@example.com>", "Swap\n")
    assert server.repository("app").check() == ""
