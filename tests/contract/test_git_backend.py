"""What every GitBackend does that reads: one suite for the real one and the fake."""

from __future__ import annotations

import pytest

from ebbflow.devcluster.gitrepository import Entry
from ebbflow.domain.git import (
    AuthenticationFailed,
    GitError,
    GitFile,
    NotAFile,
    RepositoryNotFound,
    TooLarge,
    Unreachable,
)
from tests.support.gitworld import COMMIT_HEADER, PASSWORD, GitWorld
from tests.support.memory_git import AUTHOR

MISSING = "0123456789" * 4
SHOP = b"# The shop\nreplicas: 2\n"
SHOP_ID = "9698bc005b5ec502fabf0ef3fe4c8be3c3db6c96"


@pytest.fixture
def world(anywhere: GitWorld) -> GitWorld:
    return anywhere


class TestListing:
    async def test_heads_of_many_branches_come_at_once(self, world: GitWorld) -> None:
        main = world.create({"a.yaml": b"a: 1\n"})
        stage = world.commit({"a.yaml": b"a: 2\n"}, branch="stage")
        nested = world.commit({"a.yaml": b"a: 3\n"}, branch="team/blue")
        heads = await world.git.ls_heads(world.remote(), ["main", "stage", "team/blue"])
        assert heads == {"main": main, "stage": stage, "team/blue": nested}

    async def test_a_branch_that_does_not_exist_is_missing(self, world: GitWorld) -> None:
        main = world.create({"a.yaml": b"a: 1\n"})
        world.commit({"a.yaml": b"a: 2\n"}, branch="main-2")
        assert await world.git.ls_heads(world.remote(), ["main", "mai"]) == {"main": main}

    async def test_an_empty_repository_has_no_heads(self, world: GitWorld) -> None:
        world.create()
        assert await world.git.ls_heads(world.remote(), ["main"]) == {}

    async def test_a_new_commit_is_seen_by_the_next_listing(self, world: GitWorld) -> None:
        world.create({"a.yaml": b"a: 1\n"})
        await world.git.ls_heads(world.remote(), ["main"])
        later = world.commit({"a.yaml": b"a: 2\n"})
        assert await world.git.ls_heads(world.remote(), ["main"]) == {"main": later}


class TestReferences:
    async def test_all_whose_names_begin_so_come_at_once(self, world: GitWorld) -> None:
        main = world.create({"a.yaml": b"a: 1\n"})
        old = world.commit({"a.yaml": b"a: 2\n"}, branch="release/1")
        new = world.commit({"a.yaml": b"a: 3\n"}, branch="release/2")
        world.tag("v1", main)
        found = await world.git.ls_refs(world.remote(), ["refs/heads/release/", "refs/tags/"])
        assert found == {
            "refs/heads/release/1": old,
            "refs/heads/release/2": new,
            "refs/tags/v1": main,
        }

    async def test_a_tag_with_a_message_is_the_commit_that_it_names(self, world: GitWorld) -> None:
        main = world.create({"a.yaml": b"a: 1\n"})
        world.tag("v1", main, "The first release")
        assert await world.git.ls_refs(world.remote(), ["refs/tags/"]) == {"refs/tags/v1": main}

    async def test_names_with_odd_characters_come_as_they_are(self, world: GitWorld) -> None:
        names = ("feature/#12-ä", "a'b;c$(d)", "日本", "x@{y"[:2])
        world.create({"a.yaml": b"a: 1\n"})
        made = {f"refs/heads/{n}": world.commit({"a.yaml": n.encode()}, branch=n) for n in names}
        found = await world.git.ls_refs(world.remote(), ["refs/heads/"])
        assert found.items() >= made.items()


class TestReading:
    async def test_a_file_is_read_with_its_id(self, world: GitWorld) -> None:
        head = world.create({"templates/shop.yaml": SHOP})
        found = await world.git.read_file(world.remote(), "main", head, "templates/shop.yaml")
        # as `git hash-object` names these bytes
        assert found == GitFile(SHOP_ID, SHOP)
        assert await world.git.read_blob(world.remote(), found.blob) == SHOP

    async def test_a_leading_slash_means_the_root(self, world: GitWorld) -> None:
        head = world.create({"shop.yaml": SHOP})
        found = await world.git.read_file(world.remote(), "main", head, "/shop.yaml")
        assert found is not None
        assert found.data == SHOP

    async def test_an_older_commit_can_still_be_read(self, world: GitWorld) -> None:
        old = world.create({"shop.yaml": SHOP})
        new = world.commit({"shop.yaml": b"replicas: 3\n"})
        for commit, data in ((new, b"replicas: 3\n"), (old, SHOP)):
            found = await world.git.read_file(world.remote(), "main", commit, "shop.yaml")
            assert found is not None
            assert found.data == data

    async def test_a_reverted_file_is_read_although_its_bytes_were_never_fetched(
        self, world: GitWorld
    ) -> None:
        world.create({"shop.yaml": SHOP})
        middle = world.commit({"shop.yaml": b"replicas: 3\n"})
        await world.git.read_file(world.remote(), "main", middle, "shop.yaml")
        reverted = world.commit({"shop.yaml": SHOP})
        found = await world.git.read_file(world.remote(), "main", reverted, "shop.yaml")
        assert found is not None
        assert found.data == SHOP

    @pytest.mark.parametrize("path", ["gone.yaml", "templates/gone.yaml", "no/such/directory.yaml"])
    async def test_nothing_at_the_path_is_none(self, world: GitWorld, path: str) -> None:
        head = world.create({"templates/shop.yaml": SHOP})
        assert await world.git.read_file(world.remote(), "main", head, path) is None

    @pytest.mark.parametrize(
        "path",
        [
            pytest.param("templates", id="directory"),
            pytest.param("link.yaml", id="symbolic link"),
            pytest.param("linked/shop.yaml", id="file in a linked directory"),
            pytest.param("library", id="submodule"),
            pytest.param("library/shop.yaml", id="file in a submodule"),
            pytest.param("templates/shop.yaml/deeper", id="file below a file"),
        ],
    )
    async def test_what_is_no_regular_file_is_refused(self, world: GitWorld, path: str) -> None:
        head = world.create(
            {
                "templates/shop.yaml": SHOP,
                "link.yaml": Entry("120000", b"templates/shop.yaml"),
                "linked": Entry("120000", b"templates"),
                "library": Entry("160000", MISSING.encode()),
            }
        )
        with pytest.raises(NotAFile):
            await world.git.read_file(world.remote(), "main", head, path)
        assert await world.git.blob_ids(world.remote(), "main", head, [path]) == {path: None}
        with pytest.raises(NotAFile):
            await world.git.prepare_commit(world.remote(), "main", head, path, b"x", COMMIT_HEADER)

    async def test_a_file_over_the_limit_is_refused(self, world: GitWorld) -> None:
        head = world.create({"big.yaml": b"x" * 600 * 1024, "small.yaml": SHOP})
        with pytest.raises(TooLarge):
            await world.git.read_file(world.remote(), "main", head, "big.yaml")
        assert await world.git.read_file(world.remote(), "main", head, "small.yaml") is not None

    async def test_a_pointer_of_git_lfs_is_refused_as_such(self, world: GitWorld) -> None:
        pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:1234\nsize 12\n"
        head = world.create({"shop.yaml": pointer})
        with pytest.raises(NotAFile, match="Git LFS"):
            await world.git.read_file(world.remote(), "main", head, "shop.yaml")

    async def test_blob_ids_of_many_paths_tell_what_changed(self, world: GitWorld) -> None:
        files = {f"d{i % 7}/f{i}.yaml": b"n: %d\n" % i for i in range(50)}
        first = world.create(dict(files))
        second = world.commit({"d0/f7.yaml": b"changed\n", "d1/f1.yaml": None})
        before = await world.git.blob_ids(world.remote(), "main", first, [*files, "none"])
        after = await world.git.blob_ids(world.remote(), "main", second, [*files, "none"])
        assert before["none"] is None
        assert after["d1/f1.yaml"] is None
        changed = {path for path in before if before[path] != after[path]}
        assert changed == {"d0/f7.yaml", "d1/f1.yaml"}

    async def test_an_unknown_blob_is_none(self, world: GitWorld) -> None:
        world.create({"shop.yaml": SHOP})
        assert await world.git.read_blob(world.remote(), MISSING) is None


class TestAncestry:
    async def test_a_head_contains_itself_and_its_ancestors(self, world: GitWorld) -> None:
        first = world.create({"n": b"0\n"})
        commits = [first, *(world.commit({"n": b"%d\n" % i}) for i in range(1, 6))]
        for commit in commits:
            assert await world.git.contains(world.remote(), "main", commits[-1], commit)

    async def test_a_rewritten_branch_does_not_contain_what_it_lost(self, world: GitWorld) -> None:
        first = world.create({"n": b"0\n"})
        lost = world.commit({"n": b"1\n"})
        world.point("main", first)
        head = world.commit({"n": b"2\n"})
        assert not await world.git.contains(world.remote(), "main", head, lost)
        assert await world.git.contains(world.remote(), "main", head, first)

    async def test_an_unknown_commit_is_not_contained(self, world: GitWorld) -> None:
        head = world.create({"n": b"0\n"})
        assert not await world.git.contains(world.remote(), "main", head, MISSING)


BO = "Bo Other <bo@example.com>"


async def author(world: GitWorld, commit: str, path: str = "shop.yaml") -> str | None:
    found = await world.git.author_of(world.remote(), "main", commit, path)
    return None if found is None else str(found)


class TestAuthors:
    async def test_the_first_commit_made_what_it_holds(self, world: GitWorld) -> None:
        head = world.create({"shop.yaml": SHOP})
        assert await author(world, head) == AUTHOR

    async def test_the_commit_that_changed_the_file_is_found_behind_others(
        self, world: GitWorld
    ) -> None:
        await author(world, world.create({"shop.yaml": SHOP}))
        changed = world.commit({"shop.yaml": b"replicas: 5\n"}, author=BO)
        assert await author(world, changed) == BO
        other = world.commit({"README.md": b"unrelated\n"})
        assert await author(world, other) == BO
        gone = world.commit({"shop.yaml": None})
        assert await author(world, gone) == AUTHOR

    async def test_of_commits_that_came_at_once_nobody_is_named(self, world: GitWorld) -> None:
        await author(world, world.create({"shop.yaml": SHOP}))
        world.commit({"shop.yaml": b"replicas: 5\n"}, author=BO)
        head = world.commit({"README.md": b"unrelated\n"})
        assert await author(world, head) is None

    async def test_what_is_on_top_of_our_own_commit_is_told_apart(self, world: GitWorld) -> None:
        head = world.create({"shop.yaml": SHOP})
        made = await world.git.prepare_commit(
            world.remote(), "main", head, "shop.yaml", b"replicas: 5\n", COMMIT_HEADER
        )
        await world.git.push(world.remote(), "main", made)
        above = world.commit({"README.md": b"unrelated\n"}, author=BO)
        assert await author(world, above) == str(COMMIT_HEADER.author)


class TestTrouble:
    async def test_a_wrong_password_is_told_apart(self, world: GitWorld) -> None:
        head = world.create({"shop.yaml": SHOP})
        wrong = world.remote(password="wrong-s3cret")
        for attempt in (
            world.git.ls_heads(wrong, ["main"]),
            world.git.read_file(wrong, "main", head, "shop.yaml"),
        ):
            with pytest.raises(AuthenticationFailed) as caught:
                await attempt
            _holds_no_credential(caught.value, "wrong-s3cret")

    async def test_an_unknown_repository_is_told_apart(self, world: GitWorld) -> None:
        with pytest.raises(RepositoryNotFound) as caught:
            await world.git.ls_heads(world.remote(repository="team/nowhere"), ["main"])
        _holds_no_credential(caught.value, PASSWORD)

    async def test_a_server_that_is_away_is_transient(self, world: GitWorld) -> None:
        head = world.create({"shop.yaml": SHOP})
        world.go_away()
        for attempt in (
            world.git.ls_heads(world.remote(), ["main"]),
            world.git.read_file(world.remote(), "main", head, "shop.yaml"),
        ):
            with pytest.raises(Unreachable) as caught:
                await attempt
            assert caught.value.transient
            _holds_no_credential(caught.value, PASSWORD)

    @pytest.mark.parametrize("path", ["../etc/passwd", "a//b", ".git/config", "a\\b", ""])
    async def test_an_impossible_path_is_refused(self, world: GitWorld, path: str) -> None:
        head = world.create({"shop.yaml": SHOP})
        with pytest.raises(GitError) as caught:
            await world.git.read_file(world.remote(), "main", head, path)
        assert not caught.value.transient

    @pytest.mark.parametrize("branch", ["a..b", "-x", "a b", "", "a.lock"])
    async def test_an_impossible_branch_is_refused(self, world: GitWorld, branch: str) -> None:
        world.create({"shop.yaml": SHOP})
        with pytest.raises(GitError) as caught:
            await world.git.ls_heads(world.remote(), [branch])
        assert not caught.value.transient


def _holds_no_credential(error: BaseException, password: str) -> None:
    seen: BaseException | None = error
    while seen is not None:
        assert password not in f"{seen!r} {seen}"
        seen = seen.__cause__ or seen.__context__
