"""What lies between two commits, as every GitBackend tells it: the real one and the fake."""

from __future__ import annotations

import pytest

from ebbflow.devcluster.gitrepository import Entry
from ebbflow.domain.git import Changes, CommitGone, NotACommit, Signature
from tests.support.gitserver import FaultyGitServer
from tests.support.gitworld import (
    GitWorld,
    RealWorld,
    noise,
)

MISSING = "0123456789" * 4
AUTHOR = Signature("Ann Example", "ann@example.com")
ONE = b"a: 1\n"
TWO = b"a: 2\n"


@pytest.fixture
def each(real_or_fake: GitWorld) -> GitWorld:
    return real_or_fake


def messages(changes: Changes) -> list[str]:
    return [commit.message.strip() for commit in changes.commits]


async def test_a_push_of_one_commit_is_its_files_and_its_words(each: GitWorld) -> None:
    before = each.create({"a.yaml": ONE, "docs/x.md": ONE, "docs/y.md": ONE})
    after = each.commit({"docs/x.md": TWO, "new/deep/file": ONE, "docs/y.md": None}, "Say more")
    changes = await each.git.changes(each.remote(), before, after)
    assert changes.paths == {"docs/x.md", "docs/y.md", "new/deep/file"}
    assert messages(changes) == ["Say more"]
    assert (changes.head.sha, changes.head.author) == (after, AUTHOR)
    assert changes.head == changes.commits[0]


async def test_commits_of_a_longer_push_come_newest_first(each: GitWorld) -> None:
    before = each.create({"a.yaml": ONE})
    for number in range(40):
        after = each.commit({f"f{number}": ONE}, f"Commit {number}")
    changes = await each.git.changes(each.remote(), before, after)
    assert messages(changes) == [f"Commit {number}" for number in reversed(range(40))]
    assert changes.paths == {f"f{number}" for number in range(40)}


async def test_a_file_that_changed_and_changed_back_did_not_change(each: GitWorld) -> None:
    before = each.create({"a.yaml": ONE})
    each.commit({"a.yaml": TWO}, "Try")
    after = each.commit({"a.yaml": ONE}, "Take back")
    changes = await each.git.changes(each.remote(), before, after)
    assert changes.paths == frozenset()
    assert messages(changes) == ["Take back", "Try"]


async def test_a_mode_a_link_and_a_file_for_a_directory_are_changes(each: GitWorld) -> None:
    before = each.create({"run": ONE, "link": Entry("120000", b"run"), "d/x": ONE, "d/y": ONE})
    each.commit({"run": Entry("100755", ONE), "link": Entry("120000", b"d")})
    after = each.commit({"d/x": None, "d/y": None, "d": ONE})
    changes = await each.git.changes(each.remote(), before, after)
    assert changes.paths == {"run", "link", "d", "d/x", "d/y"}


async def test_a_merge_brings_the_commits_of_both_sides(each: GitWorld) -> None:
    root = each.create({"a.yaml": ONE})
    each.point("side", root)
    each.commit({"side": ONE}, "On the side", branch="side")
    before = each.commit({"main": ONE}, "On main")
    merged = each.commit({"main": ONE}, "Catch up", branch="side")
    after = each.merge(merged)
    changes = await each.git.changes(each.remote(), before, after)
    assert changes.paths == {"side"}
    assert sorted(messages(changes)) == ["Catch up", "Merge", "On the side"]
    assert messages(changes)[0] == "Merge"


async def test_a_rewound_branch_has_no_commits_to_tell_of(each: GitWorld) -> None:
    after = each.create({"a.yaml": ONE})
    before = each.commit({"b.yaml": ONE})
    changes = await each.git.changes(each.remote(), before, after)
    assert changes.paths == {"b.yaml"}
    assert changes.commits == ()
    assert changes.head.sha == after


async def test_a_rewritten_history_is_compared_by_its_trees(each: GitWorld) -> None:
    root = each.create({"a.yaml": ONE})
    before = each.commit({"b.yaml": ONE}, "First try")
    each.point("main", root)
    after = each.commit({"c.yaml": ONE}, "Second try")
    each.point("old", before)
    changes = await each.git.changes(each.remote(), before, after)
    assert changes.paths == {"b.yaml", "c.yaml"}
    assert messages(changes) == ["Second try"]


@pytest.mark.parametrize(
    "before", [pytest.param(None, id="none"), pytest.param(MISSING, id="gone from the server")]
)
async def test_without_a_commit_before_only_the_head_is_known(
    each: GitWorld, before: str | None
) -> None:
    each.create({"a.yaml": ONE})
    after = each.commit({"b.yaml": ONE}, "A new branch")
    changes = await each.git.changes(each.remote(), before, after)
    assert changes.paths is None
    assert messages(changes) == ["A new branch"]


async def test_a_commit_that_is_gone_is_an_error(each: GitWorld) -> None:
    before = each.create({"a.yaml": ONE})
    with pytest.raises(CommitGone):
        await each.git.changes(each.remote(), before, MISSING)


async def test_the_merge_base_is_where_a_branch_left_its_base(each: GitWorld) -> None:
    each.create({"a.yaml": ONE})
    fork = each.commit({"b.yaml": ONE}, "Here it leaves")
    each.point("side", fork)
    side = each.commit({"side": ONE}, "On the side", branch="side")
    for number in range(40):
        main = each.commit({"main": b"%d" % number}, f"On main {number}")
    remote = each.remote()
    assert await each.git.merge_base(remote, main, side) == fork
    assert await each.git.merge_base(remote, main, fork) == fork
    assert await each.git.merge_base(remote, main, MISSING) is None
    changes = await each.git.changes(remote, fork, side)
    assert changes.paths == {"side"}


async def test_histories_without_a_common_commit_have_no_merge_base(each: GitWorld) -> None:
    main = each.create({"a.yaml": ONE})
    other = each.commit({"b.yaml": ONE}, branch="orphan")
    assert await each.git.merge_base(each.remote(), main, other) is None


async def test_five_thousand_files_are_told_apart(each: GitWorld) -> None:
    before = each.create({"a.yaml": ONE})
    many = {f"d{number % 50}/f{number}": ONE for number in range(5000)}
    after = each.commit(many, "Import")
    changes = await each.git.changes(each.remote(), before, after)
    assert changes.paths == set(many)


async def test_what_is_no_commit_is_told_so(world: RealWorld) -> None:
    head = world.create({"a.yaml": ONE})
    blob = world.server.repository(world.name).git("rev-parse", f"{head}:a.yaml").decode().strip()
    world.tag("file", blob)
    found = await world.git.ls_refs(world.remote(), ["refs/tags/"])
    with pytest.raises(NotACommit, match=blob[:12]):
        await world.git.changes(world.remote(), None, found["refs/tags/file"])


async def test_contents_are_never_fetched(world: RealWorld, server: FaultyGitServer) -> None:
    before = world.create({"a.yaml": noise(500_000), "b.yaml": noise(400_000)})
    after = world.commit({"a.yaml": noise(300_000)})
    changes = await world.git.changes(world.remote(), before, after)
    assert changes.paths == {"a.yaml"}
    assert server.counts.bytes_out < 20_000


async def test_a_push_of_one_commit_costs_one_fetch(
    world: RealWorld, server: FaultyGitServer
) -> None:
    first = world.create({"a.yaml": ONE})
    second = world.commit({"a.yaml": TWO})
    await world.git.changes(world.remote(), first, second)
    third = world.commit({"b.yaml": ONE})
    server.reset_counts()
    await world.git.changes(world.remote(), second, third)
    assert server.counts.by_service() == {"upload-pack": 1}
    await world.git.changes(world.remote(), second, third)
    assert server.counts.by_service() == {"upload-pack": 1}
