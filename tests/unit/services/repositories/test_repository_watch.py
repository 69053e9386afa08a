"""One poll a repository for everybody, and only those are told whose file changed."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from datetime import timedelta
from random import Random

import pytest
from typing_extensions import override

from ebbflow.api.base import Key
from ebbflow.domain.git import CommitId, Remote, Unreachable
from ebbflow.services.repositories.followed_repository import Interest, RefInterest
from ebbflow.services.repositories.repository_watch import FRESH, RepositoryWatch
from ebbflow.services.schedule import Schedule
from tests.support.memory_cluster import ManualClock
from tests.support.memory_git import MemoryGit

URL = "https://git.example/acme/infra"
REMOTE = Remote(URL)
A = Key("Template", "default", "a")
B = Key("Template", "default", "b")
MINUTE = timedelta(minutes=1)


class Fixture:
    def __init__(self, git: MemoryGit | None = None) -> None:
        self.clock = ManualClock()
        self.git = git or MemoryGit()
        self.git.create_repository(URL, {"a": b"1", "b": b"1"})
        self.schedule = Schedule(self.clock)
        self.woken: list[Key] = []
        self.watch = RepositoryWatch(
            self.git, self.woken.append, self.schedule, self.clock, Random(1)
        )

    async def follow(self, key: Key, interval: timedelta = MINUTE, branch: str = "main") -> None:
        head = await self.watch.head(REMOTE, branch, None)
        blob = None
        if head is not None:
            blob = (await self.git.blob_ids(REMOTE, branch, head, [key.name]))[key.name]
        self.watch.follow(key, Interest(REMOTE, branch, key.name, blob, head, interval))

    async def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.schedule._run_due()
        for _ in range(50):
            await asyncio.sleep(0)


@pytest.fixture
async def at() -> Fixture:
    return Fixture()


async def test_a_thousand_who_ask_at_once_make_one_listing(at: Fixture) -> None:
    heads = await asyncio.gather(*(at.watch.head(REMOTE, "main", FRESH) for _ in range(1000)))
    assert set(heads) == {at.git.head(URL)}
    assert at.git.operations["ls-remote"] == 1


async def test_a_poll_asks_once_for_all_who_follow(at: Fixture) -> None:
    for n in range(100):
        await at.follow(Key("Template", "default", f"t{n}"))
    at.git.operations.clear()
    await at.pass_time(67)
    assert at.git.operations == {"ls-remote": 1}


async def test_an_unchanged_branch_wakes_nobody(at: Fixture) -> None:
    await at.follow(A)
    await at.pass_time(67)
    await at.pass_time(67)
    assert at.woken == []
    assert at.git.operations["ls-remote"] == 3


async def test_only_those_are_told_whose_file_changed(at: Fixture) -> None:
    await at.follow(A)
    await at.follow(B)
    at.git.commit(URL, {"b": b"2"})
    await at.pass_time(67)
    assert at.woken == [B]


async def test_an_unrelated_commit_wakes_nobody_now_or_later(at: Fixture) -> None:
    await at.follow(A)
    at.git.commit(URL, {"c": b"2"})
    await at.pass_time(67)
    await at.pass_time(67)
    assert at.woken == []
    assert at.git.operations["fetch"] == 2


async def test_a_file_that_appears_or_goes_is_told(at: Fixture) -> None:
    missing = Key("Template", "default", "new")
    await at.follow(A)
    await at.follow(missing)
    at.git.commit(URL, {"new": b"1", "a": None})
    await at.pass_time(67)
    assert set(at.woken) == {A, missing}


async def test_a_branch_that_goes_and_comes_back_is_told(at: Fixture) -> None:
    await at.follow(A)
    head = at.git.head(URL)
    at.git.point(URL, "main", None)
    await at.pass_time(67)
    assert at.woken == [A]
    await at.follow(A)
    at.git.point(URL, "main", head)
    await at.pass_time(67)
    assert at.woken == [A, A]


async def test_the_smallest_interval_counts_for_all(at: Fixture) -> None:
    await at.follow(A)
    await at.follow(B, timedelta(seconds=5))
    await at.pass_time(67)
    at.git.operations.clear()
    await at.pass_time(6)
    assert at.git.operations["ls-remote"] == 1


async def test_a_smaller_interval_counts_at_once(at: Fixture) -> None:
    await at.follow(A)
    await at.follow(B, timedelta(seconds=5))
    at.git.operations.clear()
    await at.pass_time(6)
    assert at.git.operations["ls-remote"] == 1


async def test_a_move_between_the_look_and_the_following_is_not_missed(at: Fixture) -> None:
    await at.follow(A)
    head = at.git.head(URL)
    assert head is not None
    old = (await at.git.blob_ids(REMOTE, "main", head, ["b"]))["b"]
    at.git.commit(URL, {"b": b"2"})
    await at.pass_time(67)
    at.watch.follow(B, Interest(REMOTE, "main", "b", old, head, MINUTE))
    await at.pass_time(0)
    assert at.woken == [B]


async def test_one_hiccup_wakes_nobody_and_an_outage_all_once(at: Fixture) -> None:
    await at.follow(A)
    at.git.fail(URL, Unreachable("away"))
    await at.pass_time(67)
    assert at.woken == []
    await at.pass_time(3)
    assert at.woken == [A]
    await at.pass_time(67)
    assert at.woken == [A]
    with pytest.raises(Unreachable):
        await at.watch.head(REMOTE, "main", None)


async def test_the_end_of_an_outage_is_told(at: Fixture) -> None:
    await at.follow(A)
    at.git.fail(URL, Unreachable("away"))
    await at.pass_time(67)
    await at.pass_time(3)
    at.woken.clear()
    at.git.fail(URL, None)
    await at.pass_time(67)
    assert at.woken == [A]
    assert await at.watch.head(REMOTE, "main", None) == at.git.head(URL)


async def test_a_repository_that_nobody_follows_is_not_polled(at: Fixture) -> None:
    await at.follow(A)
    at.watch.forget(A)
    at.git.operations.clear()
    await at.pass_time(300)
    assert not at.git.operations


async def test_our_own_push_is_told_to_the_others_at_once(at: Fixture) -> None:
    await at.follow(A)
    await at.follow(B)
    commit = at.git.commit(URL, {"b": b"2"})
    at.watch.moved(REMOTE, "main", commit)
    await at.pass_time(0)
    assert at.woken == [B]
    assert at.git.operations["ls-remote"] == 1


async def test_two_do_not_write_to_one_branch_at_a_time(at: Fixture) -> None:
    inside: list[str] = []

    async def write(name: str) -> None:
        async with at.watch.turn(REMOTE, "main"):
            inside.append(name)
            await asyncio.sleep(0)
            assert inside[-1] == name
            inside.append(f"{name} done")

    await asyncio.gather(write("a"), write("b"))
    assert inside == ["a", "a done", "b", "b done"]


async def test_what_nobody_follows_is_forgotten_after_a_while(at: Fixture) -> None:
    for n in range(5):
        other = Remote(f"https://git.example/acme/r{n}")
        at.git.create_repository(other.url, {"a": b"1"})
        await at.watch.head(other, "main", FRESH)
        at.clock.advance(120)
    assert len(at.watch._repositories) <= 2


class SlowGit(MemoryGit):
    """Answers a listing with what it was asked about, however much happens meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.gate.set()

    @override
    async def ls_heads(self, remote: Remote, branches: Collection[str]) -> Mapping[str, CommitId]:
        answer = await super().ls_heads(remote, branches)
        await self.gate.wait()
        return answer


@pytest.fixture
async def slow() -> Fixture:
    return Fixture(SlowGit())


async def test_a_listing_from_before_our_push_does_not_undo_it(slow: Fixture) -> None:
    git = slow.git
    assert isinstance(git, SlowGit)
    await slow.follow(A)
    git.gate.clear()
    await slow.pass_time(67)  # the poll asks, and its answer is on the way
    ours = git.commit(URL, {"a": b"2"})
    blob = (await git.blob_ids(REMOTE, "main", ours, ["a"]))["a"]
    slow.watch.moved(REMOTE, "main", ours)
    slow.watch.follow(A, Interest(REMOTE, "main", "a", blob, ours, MINUTE))
    git.gate.set()
    await slow.pass_time(0)
    assert await slow.watch.head(REMOTE, "main", None) == ours
    assert slow.woken == []


async def test_who_asks_from_now_on_gets_no_answer_to_an_earlier_question(slow: Fixture) -> None:
    git = slow.git
    assert isinstance(git, SlowGit)
    await slow.follow(A)
    git.gate.clear()
    await slow.pass_time(67)
    pushed = git.commit(URL, {"a": b"2"})
    slow.clock.advance(0.1)
    asking = asyncio.create_task(slow.watch.head(REMOTE, "main", timedelta(0)))
    await slow.pass_time(0)
    git.gate.set()
    assert await asking == pushed


RELEASES = ("refs/heads/release/",)


async def follow_refs(at: Fixture, key: Key, prefixes: tuple[str, ...] = RELEASES) -> None:
    listing = await at.watch.refs(REMOTE, prefixes, None)
    at.watch.follow_refs(key, RefInterest(REMOTE, prefixes, listing.serial, MINUTE))


async def test_only_those_are_told_one_of_whose_references_moved(at: Fixture) -> None:
    await follow_refs(at, A)
    await follow_refs(at, B, ("refs/tags/",))
    at.git.commit(URL, {"x": b"1"}, branch="release/1")
    at.git.commit(URL, {"x": b"1"}, branch="elsewhere")
    await at.pass_time(67)
    assert at.woken == [A]
    at.git.point(URL, "release/1", None)
    await at.pass_time(67)
    assert at.woken == [A, A]


async def test_files_and_references_are_listed_in_one_request(at: Fixture) -> None:
    await at.follow(A)
    await follow_refs(at, B)
    at.git.operations.clear()
    await at.pass_time(67)
    assert at.git.operations == {"ls-remote": 1}
    assert at.woken == []


async def test_a_branch_made_between_the_look_and_the_following_is_not_missed(
    at: Fixture,
) -> None:
    listing = await at.watch.refs(REMOTE, RELEASES, None)
    at.git.commit(URL, {"x": b"1"}, branch="release/1")
    at.clock.advance(1)
    await at.watch.refs(REMOTE, RELEASES, timedelta(0))
    at.watch.follow_refs(A, RefInterest(REMOTE, RELEASES, listing.serial, MINUTE))
    assert at.woken == [A]


async def test_our_own_push_is_told_to_who_follows_the_branch(at: Fixture) -> None:
    await follow_refs(at, A, ("refs/heads/main",))
    at.watch.moved(REMOTE, "main", at.git.commit(URL, {"x": b"1"}))
    assert at.woken == [A]


async def test_a_hint_has_the_repository_listed_at_once(at: Fixture) -> None:
    await follow_refs(at, A)
    await follow_refs(at, B, ())
    at.git.commit(URL, {"x": b"1"}, branch="release/1")
    assert at.watch.look_now(lambda remote, who: remote == REMOTE and set(who) == {A, B}) == 1
    assert at.watch.look_now(lambda remote, _: remote != REMOTE) == 0
    await at.pass_time(0)
    assert set(at.woken) == {A, B}
