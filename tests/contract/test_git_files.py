"""Commits of several files, new branches and searched histories: the real backend and the fake."""

from __future__ import annotations

import pytest

from ebbflow.devcluster.gitrepository import Entry
from ebbflow.domain.git import BranchMoved, InvalidRequest, NotAFile, PreparedCommit, Pushed
from tests.support.gitworld import COMMIT_HEADER, GitWorld

FILES: dict[str, bytes | None] = {"a.yaml": b"a: 2\n", "new/deep/b.txt": b"b\n", "old/c": None}
BEGINNING = {"a.yaml": b"a: 1\n", "old/c": b"c\n", "run.sh": Entry("100755", b"#!/bin/sh\n")}


@pytest.fixture
def world(real_or_fake: GitWorld) -> GitWorld:
    return real_or_fake


async def prepared(
    world: GitWorld, head: str, files: dict[str, bytes | None], message: str = COMMIT_HEADER.message
) -> PreparedCommit:
    header = COMMIT_HEADER.__class__(
        COMMIT_HEADER.author, COMMIT_HEADER.committer, COMMIT_HEADER.time, message
    )
    made = await world.git.prepare_files(world.remote(), "main", head, files, header)
    assert made is not None
    return made


async def test_files_are_put_and_removed_in_one_commit(world: GitWorld) -> None:
    head = world.create(BEGINNING)
    made = await prepared(world, head, FILES | {"run.sh": b"#!/bin/bash\n"})
    assert await prepared(world, head, FILES | {"run.sh": b"#!/bin/bash\n"}) == made
    assert await world.git.push(world.remote(), "main", made) == Pushed()
    assert world.show("main", "a.yaml") == b"a: 2\n"
    assert world.show("main", "new/deep/b.txt") == b"b\n"
    assert world.show("main", "run.sh") == b"#!/bin/bash\n"
    remote, head = world.remote(), made.commit
    assert await world.git.read_file(remote, "main", head, "old/c") is None
    assert [commit.sha for commit in world.log()] == [made.commit, made.parent]


async def test_a_commit_of_files_can_be_built_upon_without_a_fetch(world: GitWorld) -> None:
    head = world.create(BEGINNING)
    first = await prepared(world, head, FILES)
    await world.git.push(world.remote(), "main", first)
    second = await prepared(world, first.commit, {"new/deep/b.txt": None})
    assert await world.git.push(world.remote(), "main", second) == Pushed()
    assert await world.git.read_file(world.remote(), "main", second.commit, "a.yaml") is not None


async def test_both_give_a_commit_the_id_that_git_gives_it(world: GitWorld) -> None:
    made = await prepared(world, world.create({"a": b"1\n"}), {"b/c": b"2\n", "b/d": b"3\n"})
    await world.git.push(world.remote(), "main", made)
    assert world.head() == made.commit


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({"a.yaml": b"a: 1\n"}, id="same content"),
        pytest.param({"gone": None, "no/such": None}, id="removed what is not there"),
        pytest.param({}, id="nothing"),
    ],
)
async def test_no_change_is_no_commit(world: GitWorld, files: dict[str, bytes | None]) -> None:
    head = world.create(BEGINNING)
    assert await world.git.prepare_files(world.remote(), "main", head, files, COMMIT_HEADER) is None


async def test_all_files_may_go(world: GitWorld) -> None:
    head = world.create({"a": b"1\n", "b/c": b"2\n"})
    made = await prepared(world, head, {"a": None, "b/c": None})
    assert await world.git.push(world.remote(), "main", made) == Pushed()
    assert made.tree == "4b825dc642cb6eb9a060e54bf8d69288fbee4904"  # git's id of no files


@pytest.mark.parametrize(
    ("files", "error"),
    [
        pytest.param({"old": b"x"}, NotAFile, id="directory there"),
        pytest.param({"a.yaml/b": b"x"}, NotAFile, id="file on the way"),
        pytest.param({"x": b"1", "x/y": b"2"}, NotAFile, id="both at once"),
        pytest.param({"link": b"x"}, NotAFile, id="symbolic link"),
        pytest.param({".git/config": b"x"}, InvalidRequest, id="git's own"),
        pytest.param({"../x": b"x"}, InvalidRequest, id="outside"),
    ],
)
async def test_what_cannot_be_a_file_is_refused(
    world: GitWorld, files: dict[str, bytes | None], error: type[Exception]
) -> None:
    head = world.create(BEGINNING | {"link": Entry("120000", b"a.yaml")})
    with pytest.raises(error):
        await prepared(world, head, files)


async def test_a_new_branch_is_made_where_there_is_none(world: GitWorld) -> None:
    head = world.create(BEGINNING)
    made = await prepared(world, head, FILES)
    assert await world.git.push(world.remote(), "release/1", made) == BranchMoved(None)
    assert await world.git.push(world.remote(), "release/1", made, new=True) == Pushed()
    assert (world.head("release/1"), world.head()) == (made.commit, head)
    assert await world.git.push(world.remote(), "release/1", made, new=True) == Pushed()


async def test_a_new_branch_that_somebody_made_meanwhile_is_left_alone(world: GitWorld) -> None:
    head = world.create(BEGINNING)
    made = await prepared(world, head, FILES)
    theirs = world.commit({"z": b"z\n"}, branch="release/1")
    result = await world.git.push(world.remote(), "release/1", made, new=True)
    assert result == BranchMoved(theirs)
    assert world.head("release/1") == theirs


async def test_a_commit_is_found_by_a_line_of_its_message(world: GitWorld) -> None:
    head = world.create(BEGINNING)
    made = await prepared(world, head, FILES, "Ship it\n\nEbbflow-Attempt: 7/0/1\n")
    await world.git.push(world.remote(), "main", made)
    for count in range(3):
        head = world.commit({"n": b"%d\n" % count})
    git, remote = world.git, world.remote()
    assert await git.find_commit(remote, "main", head, "Ebbflow-Attempt: 7/0/1") == made.commit
    assert await git.find_commit(remote, "main", head, "Ebbflow-Attempt: 7/0/11") is None
    assert await git.find_commit(remote, "main", head, "Ebbflow-Attempt: 7/0") is None
