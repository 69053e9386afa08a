"""The invariants that fault tests check are broken by exactly what they forbid."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from ebbflow.devcluster.gitrepository import GitRepository
from tests.support.gitserver import FaultyGitServer
from tests.support.invariants import assert_history, assert_in_git_once
from tests.support.synced import PATH, SHOP, Scene, Synced

NAMED = "Update shop\n\nEbbflow-Object: Template/here/shop\n"
FIVE = SHOP.replace(b'"2"', b'"5"')
EDIT = {"REPLICAS": "5"}


class Pusher:
    """Somebody with a repository of their own, who pushes to the server's."""

    def __init__(self, server: FaultyGitServer, root: Path) -> None:
        self.target = server.repository("shop")
        self.own = GitRepository.create(root / "own.git", "main")
        self.own.git("fetch", "--quiet", str(self.target.path), "main:main")

    def commit(self, text: bytes, message: str = NAMED) -> str:
        return self.own.commit(
            {PATH: text}, message=message, author="a <a@example.com>", branch="main"
        )

    def push(self, *flags: str, commit: str = "main") -> None:
        self.own.git("push", "--quiet", *flags, str(self.target.path), f"{commit}:refs/heads/main")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FaultyGitServer]:
    with FaultyGitServer(tmp_path / "git") as made:
        made.create_repository("shop", {PATH: SHOP})
        yield made


@pytest.fixture
def pusher(server: FaultyGitServer, tmp_path: Path) -> Pusher:
    return Pusher(server, tmp_path)


@pytest.fixture
def shop(server: FaultyGitServer) -> Synced:
    no_cluster = cast("Any", None)
    return Synced(Scene(no_cluster, server, "here", "git"), "shop", "shop", PATH)


def test_edits_pushed_one_by_one_between_those_of_people_are_fine(
    shop: Synced, pusher: Pusher
) -> None:
    pusher.commit(FIVE)
    pusher.push()
    shop.push(FIVE.replace(b"red", b"blue"))
    assert_history(shop)
    assert_in_git_once(shop, EDIT)


def test_a_forced_push_is_noticed(shop: Synced, pusher: Pusher) -> None:
    pusher.commit(FIVE)
    shop.push(SHOP.replace(b"red", b"blue"))
    pusher.push("--force")
    with pytest.raises(AssertionError, match="no fast-forward"):
        assert_history(shop)


def test_two_commits_in_one_push_are_noticed(shop: Synced, pusher: Pusher) -> None:
    pusher.commit(FIVE)
    pusher.commit(SHOP)
    pusher.push()
    with pytest.raises(AssertionError, match="no fast-forward by one commit"):
        assert_history(shop)


def test_a_merge_is_noticed(shop: Synced, pusher: Pusher) -> None:
    first = shop.head()
    pusher.commit(FIVE)
    tree = pusher.own.git("rev-parse", "main^{tree}").decode().strip()
    who = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    parents = ("-p", first, "-p", "main")
    merge = pusher.own.git(*who, "commit-tree", *parents, "-m", NAMED, tree).decode().strip()
    pusher.push(commit=merge)
    with pytest.raises(AssertionError, match="is a merge"):
        assert_history(shop)


def test_another_branch_is_noticed(shop: Synced, pusher: Pusher) -> None:
    pusher.commit(FIVE)
    pusher.own.git("push", "--quiet", str(pusher.target.path), "main:refs/heads/else")
    with pytest.raises(AssertionError, match="refs/heads/else"):
        assert_history(shop)


@pytest.mark.parametrize(
    "message",
    [
        pytest.param("Update shop\n", id="no-name"),
        pytest.param(NAMED + "Ebbflow-Object: Template/here/shop\n", id="two-names"),
        pytest.param("Update\n\nEbbflow-Object: Template/elsewhere/shop\n", id="elsewhere"),
    ],
)
def test_a_commit_that_does_not_name_its_object_is_noticed(
    shop: Synced, pusher: Pusher, message: str
) -> None:
    pusher.commit(FIVE, message)
    pusher.push()
    with pytest.raises(AssertionError):
        assert_history(shop)


def test_an_edit_that_is_missing_or_made_twice_is_noticed(shop: Synced, pusher: Pusher) -> None:
    with pytest.raises(AssertionError, match="no commit"):
        assert_in_git_once(shop, EDIT)
    for text in (FIVE, SHOP, FIVE):
        pusher.commit(text)
        pusher.push()
    assert_history(shop)
    with pytest.raises(AssertionError, match="was made by"):
        assert_in_git_once(shop, EDIT)


def test_a_persons_commit_is_no_edit_of_the_object(shop: Synced) -> None:
    shop.push(FIVE)
    with pytest.raises(AssertionError, match="no commit"):
        assert_in_git_once(shop, EDIT)
