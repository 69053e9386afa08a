"""All files of a commit: what the real backend and the fake hand out, and what they refuse."""

from __future__ import annotations

import pytest

from ebbflow.devcluster.gitrepository import Entry
from ebbflow.domain.git import CommitGone, GitError, NotACommit, NotAFile, TooLarge
from ebbflow.domain.source_archive import TreeBounds, TreeFile
from tests.support.gitworld import GitWorld

FILES = {
    "README.md": b"# Shop\n",
    "bin/run": Entry("100755", b"#!/bin/sh\n"),
    "app/main.py": b"print(1)\n",
    "app/deep/er/data": b"\x00\xff",
    "link": Entry("120000", b"README.md"),
    "sub": Entry("160000", b"0123456789" * 4),
}
WIDE = TreeBounds()


@pytest.fixture
def world(real_or_fake: GitWorld) -> GitWorld:
    return real_or_fake


async def test_all_files_are_read_with_what_they_are(world: GitWorld) -> None:
    commit = world.create(FILES)
    assert await world.git.read_tree(world.remote(), "main", commit, "", WIDE) == (
        TreeFile("README.md", "file", b"# Shop\n"),
        TreeFile("app/deep/er/data", "file", b"\x00\xff"),
        TreeFile("app/main.py", "file", b"print(1)\n"),
        TreeFile("bin/run", "executable", b"#!/bin/sh\n"),
        TreeFile("link", "link", b"README.md"),
    )


@pytest.mark.parametrize(
    "words", [pytest.param(None, id="light"), pytest.param("The first release", id="annotated")]
)
async def test_the_commit_of_a_tag_is_read_though_no_branch_holds_it(
    world: GitWorld, words: str | None
) -> None:
    world.create({"README.md": b"# Newer\n"})
    tagged = world.commit({"README.md": b"# Older\n"}, branch="old")
    world.tag("v1", tagged, words)
    world.point("old", None)
    commit = (await world.git.ls_refs(world.remote(), ["refs/tags/v1"]))["refs/tags/v1"]
    files = await world.git.read_tree(world.remote(), "v1", commit, "", WIDE)
    assert files == (TreeFile("README.md", "file", b"# Older\n"),)


async def test_a_tag_that_names_a_file_is_refused(world: GitWorld) -> None:
    world.create({"README.md": b"# Shop\n"})
    blob = (await world.git.blob_ids(world.remote(), "main", world.head() or "", ["README.md"]))[
        "README.md"
    ]
    assert blob is not None
    world.tag("file", blob)
    with pytest.raises(NotACommit):
        await world.git.read_tree(world.remote(), "file", blob, "", WIDE)


async def test_of_a_directory_only_its_own_files_are_read(world: GitWorld) -> None:
    commit = world.create(FILES)
    files = await world.git.read_tree(world.remote(), "main", commit, "app/deep", WIDE)
    assert files == (TreeFile("er/data", "file", b"\x00\xff"),)


@pytest.mark.parametrize("directory", ["web", "README.md", "link", "app/main.py/x"])
async def test_what_is_no_directory_is_refused(world: GitWorld, directory: str) -> None:
    commit = world.create(FILES)
    with pytest.raises(NotAFile):
        await world.git.read_tree(world.remote(), "main", commit, directory, WIDE)


@pytest.mark.parametrize(
    "bounds",
    [
        pytest.param(TreeBounds(files=4), id="files"),
        pytest.param(TreeBounds(all_bytes=20), id="bytes"),
    ],
)
async def test_more_than_the_bounds_is_refused(world: GitWorld, bounds: TreeBounds) -> None:
    commit = world.create(FILES)
    with pytest.raises(TooLarge):
        await world.git.read_tree(world.remote(), "main", commit, "", bounds)


async def test_a_file_over_the_limit_of_one_is_refused(world: GitWorld) -> None:
    commit = world.create({"large": b"x" * (577 * 1024)})
    with pytest.raises(TooLarge):
        await world.git.read_tree(world.remote(), "main", commit, "", WIDE)


@pytest.mark.parametrize("directory", ["../up", "/etc", ".git"])
async def test_a_directory_that_leads_elsewhere_is_refused(world: GitWorld, directory: str) -> None:
    commit = world.create(FILES)
    with pytest.raises(GitError):
        await world.git.read_tree(world.remote(), "main", commit, directory, WIDE)


async def test_a_commit_that_is_not_there_is_gone(world: GitWorld) -> None:
    world.create(FILES)
    with pytest.raises(CommitGone):
        await world.git.read_tree(world.remote(), "main", "0123456789" * 4, "", WIDE)
