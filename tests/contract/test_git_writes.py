"""What every GitBackend does that writes: one suite for the real one and the fake."""

from __future__ import annotations

import dataclasses

import pytest

from ebbflow.domain.git import (
    BranchMoved,
    GitFile,
    Pushed,
    PushRefused,
    Signature,
    SigningKey,
)
from ebbflow.domain.secret import Tainted
from tests.support.gitworld import COMMIT_HEADER, SHOP, GitWorld
from tests.support.sshserver import new_key, private_text

SIGNING_KEY = SigningKey(Tainted(private_text(new_key())))


@pytest.fixture
def world(anywhere: GitWorld) -> GitWorld:
    return anywhere


class TestCommitting:
    async def test_equal_arguments_make_equal_commits(self, world: GitWorld) -> None:
        head = world.create({"shop.yaml": SHOP})
        arguments = (world.remote(), "main", head, "shop.yaml", b"replicas: 5\n")
        first = await world.git.prepare_commit(*arguments, COMMIT_HEADER)
        assert await world.git.prepare_commit(*arguments, COMMIT_HEADER) == first
        later = dataclasses.replace(COMMIT_HEADER, time=COMMIT_HEADER.time + 1)
        assert (await world.git.prepare_commit(*arguments, later)).commit != first.commit

    async def test_a_signed_commit_comes_out_the_same_when_it_is_made_again(
        self, world: GitWorld
    ) -> None:
        head = world.create({"shop.yaml": SHOP})
        arguments = (world.remote(), "main", head, "shop.yaml", b"replicas: 5\n")
        signed = dataclasses.replace(COMMIT_HEADER, signing_key=SIGNING_KEY)
        first = await world.git.prepare_commit(*arguments, signed)
        assert await world.git.prepare_commit(*arguments, signed) == first
        assert (await world.git.prepare_commit(*arguments, COMMIT_HEADER)).commit != first.commit
        assert b"gpgsig -----BEGIN SSH SIGNATURE-----\n " in first.objects[-1][1]
        assert await world.git.push(world.remote(), "main", first) == Pushed()
        assert world.log()[0].message == COMMIT_HEADER.message

    async def test_a_pushed_commit_is_on_the_branch_with_its_people(self, world: GitWorld) -> None:
        head = world.create({"templates/shop.yaml": SHOP, "other.yaml": b"o: 1\n"})
        made = await world.git.prepare_commit(
            world.remote(), "main", head, "templates/shop.yaml", b"replicas: 5\n", COMMIT_HEADER
        )
        assert await world.git.push(world.remote(), "main", made) == Pushed()
        newest = world.log()[0]
        assert newest.sha == made.commit == world.head()
        assert newest.parents == (head,)
        assert newest.author == "Ann Example <ann@example.com>"
        assert newest.committer == "ebbflow <ebbflow@ebbflow.dev>"
        assert (newest.time, newest.message) == (COMMIT_HEADER.time, COMMIT_HEADER.message)
        assert world.show("main", "templates/shop.yaml") == b"replicas: 5\n"
        assert world.show("main", "other.yaml") == b"o: 1\n"

    async def test_a_pushed_commit_can_be_read_and_built_upon(self, world: GitWorld) -> None:
        head = world.create({"shop.yaml": SHOP})
        for count in range(3):
            data = b"replicas: %d\n" % count
            made = await world.git.prepare_commit(
                world.remote(), "main", head, "shop.yaml", data, COMMIT_HEADER
            )
            assert await world.git.push(world.remote(), "main", made) == Pushed()
            head = made.commit
            found = await world.git.read_file(world.remote(), "main", head, "shop.yaml")
            assert found == GitFile(made.blob, data)
        assert len(world.log()) == 4

    async def test_new_directories_are_made(self, world: GitWorld) -> None:
        head = world.create({"a.yaml": b"a: 1\n"})
        made = await world.git.prepare_commit(
            world.remote(), "main", head, "new/deep/shop.yaml", SHOP, COMMIT_HEADER
        )
        assert await world.git.push(world.remote(), "main", made) == Pushed()
        assert world.show("main", "new/deep/shop.yaml") == SHOP
        assert world.show("main", "a.yaml") == b"a: 1\n"

    async def test_names_lose_what_a_commit_cannot_hold(self, world: GitWorld) -> None:
        head = world.create({"shop.yaml": SHOP})
        header = dataclasses.replace(
            COMMIT_HEADER, author=Signature("Eve <root@x>\nparent 0", "e ve@x>\n")
        )
        made = await world.git.prepare_commit(
            world.remote(), "main", head, "shop.yaml", b"x: 1\n", header
        )
        await world.git.push(world.remote(), "main", made)
        assert world.log()[0].author == "Eve root@x parent 0 <eve@x>"
        assert world.log()[0].parents == (head,)


class TestPushing:
    async def test_a_push_onto_a_moved_branch_tells_where_it_is(self, world: GitWorld) -> None:
        head = world.create({"shop.yaml": SHOP})
        made = await world.git.prepare_commit(
            world.remote(), "main", head, "shop.yaml", b"replicas: 5\n", COMMIT_HEADER
        )
        theirs = world.commit({"shop.yaml": b"replicas: 9\n"})
        assert await world.git.push(world.remote(), "main", made) == BranchMoved(theirs)
        assert world.head() == theirs

    async def test_a_branch_that_moves_during_the_push_is_not_overwritten(
        self, world: GitWorld
    ) -> None:
        head = world.create({"shop.yaml": SHOP})
        made = await world.git.prepare_commit(
            world.remote(), "main", head, "shop.yaml", b"replicas: 5\n", COMMIT_HEADER
        )
        theirs: list[str] = []
        world.before_push(lambda: theirs.append(world.commit({"shop.yaml": b"replicas: 9\n"})))
        assert await world.git.push(world.remote(), "main", made) == BranchMoved(theirs[0])
        assert world.head() == theirs[0]

    async def test_a_push_onto_a_deleted_branch_does_not_create_it(self, world: GitWorld) -> None:
        world.create({"shop.yaml": SHOP})
        head = world.commit({"shop.yaml": SHOP}, branch="stage")
        made = await world.git.prepare_commit(
            world.remote(), "stage", head, "shop.yaml", b"replicas: 5\n", COMMIT_HEADER
        )
        world.point("stage", None)
        assert await world.git.push(world.remote(), "stage", made) == BranchMoved(None)
        assert world.head("stage") is None

    async def test_a_push_that_already_arrived_is_pushed(self, world: GitWorld) -> None:
        head = world.create({"shop.yaml": SHOP})
        made = await world.git.prepare_commit(
            world.remote(), "main", head, "shop.yaml", b"replicas: 5\n", COMMIT_HEADER
        )
        assert await world.git.push(world.remote(), "main", made) == Pushed()
        assert await world.git.push(world.remote(), "main", made) == Pushed()
        assert len(world.log()) == 2

    async def test_a_refused_push_has_the_servers_words(self, world: GitWorld) -> None:
        head = world.create({"shop.yaml": SHOP})
        world.refuse_pushes("main is protected: open a pull request")
        made = await world.git.prepare_commit(
            world.remote(), "main", head, "shop.yaml", b"replicas: 5\n", COMMIT_HEADER
        )
        result = await world.git.push(world.remote(), "main", made)
        assert isinstance(result, PushRefused)
        assert "main is protected: open a pull request" in result.words
        assert world.head() == head
