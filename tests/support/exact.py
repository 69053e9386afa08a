"""Whether both sides are the same and every edit is in Git exactly once, in the right name."""

from __future__ import annotations

from ebbflow.devcluster.gitrepository import LoggedCommit
from ebbflow.domain.document import parse
from tests.support.edits import MESSAGE, RESOLVE, Meanwhile, Scenario
from tests.support.synced import Synced, changed_lines
from tests.support.waiting import eventually

COMMITTER = "ebbflow <ebbflow@ebbflow.dev>"
UNRESOLVED = "unresolved <unresolved@ebbflow.dev>"
BY_ALICE = "alice <alice@users.ebbflow.dev>"
BY_BOB = "bob <bob@users.ebbflow.dev>"
CO_AUTHOR = "Co-authored-by: "
SETTLED_SECONDS = 30.0


def wait_settled(shop: Synced) -> None:
    """Wait until the object says that it is in step with the file as it is now."""

    def settled() -> bool:
        seen = shop.get()
        status = seen.get("status", {})
        sync = status.get("sync", {})
        assert "pendingWrite" not in sync, sync
        assert shop.ready()[:2] == ("True", "InStep"), shop.ready()
        assert sync.get("blob") == blob(shop), "it is in step with another file"
        assert status["observedGeneration"] == seen["metadata"]["generation"]
        return True

    eventually(settled, SETTLED_SECONDS, f"{shop.name} to be in step")


def watch_moves(shop: Synced) -> None:
    """Let the repository keep a list of the branch's moves, from the next one on."""
    repository = shop.world.git.repository(shop.repository)
    repository.configure("core.logAllRefUpdates", "true")


def check_exact(shop: Synced, scenario: Scenario, meanwhile: Meanwhile, *, seen: bool) -> None:
    """Check everything that has to hold after a write-back that was cut.

    `seen`: whether an operator may have seen what was edited meanwhile.
    """
    wait_settled(shop)
    head = shop.head()
    shop.look_now()
    wait_settled(shop)
    assert shop.head() == head, "one more commit was made when nothing had changed"
    _check_history(shop)
    _check_sides(shop, scenario, meanwhile)
    _check_commits(shop, scenario, meanwhile)
    _check_authors(shop, meanwhile, seen=seen)


def blob(shop: Synced) -> str:
    """The id of the file at the head of the branch; empty if there is none."""
    repository = shop.world.git.repository(shop.repository)
    form = "--format=%(objectname)"
    return repository.git("ls-tree", form, shop.branch, shop.path).decode().strip()


def ours(shop: Synced) -> list[LoggedCommit]:
    """The operator's commits, newest first."""
    log = shop.world.git.log(shop.repository, shop.branch)
    return [commit for commit in log if commit.committer == COMMITTER]


def _check_history(shop: Synced) -> None:
    """One line of commits, and nothing that was ever pushed has been lost from it."""
    log = shop.world.git.log(shop.repository, shop.branch)
    assert [commit.parents for commit in log] == [
        *((older.sha,) for older in log[1:]),
        (),
    ], "the branch is not one line of commits"
    repository = shop.world.git.repository(shop.repository)
    # What a push that was refused leaves in the object store is on no branch.
    moves = repository.git("log", "--walk-reflogs", "--format=%H", shop.branch).decode().split()
    assert moves == [commit.sha for commit in log][: len(moves)], "a move was no fast-forward"
    assert repository.check() == ""


def _check_sides(shop: Synced, scenario: Scenario, meanwhile: Meanwhile) -> None:
    file = shop.file()
    wanted = meanwhile.of(scenario.file)
    assert shop.document() == parse(file, shop.path).value == parse(wanted, shop.path).value
    assert scenario.is_new or file == wanted, file.decode(errors="replace")
    annotations = shop.get()["metadata"].get("annotations", {})
    assert not {MESSAGE, RESOLVE} & annotations.keys(), "an annotation was not used up"


def _check_commits(shop: Synced, scenario: Scenario, meanwhile: Meanwhile) -> None:
    made = ours(shop)
    theirs = [s for s in shop.subjects() if s in (*scenario.theirs, *meanwhile.theirs)]
    assert sorted(theirs) == sorted([*scenario.theirs, *meanwhile.theirs])
    assert len(made) + len(theirs) == len(shop.subjects()), shop.subjects()
    changes = scenario.ours + (meanwhile.changes if meanwhile.is_ours else ())
    if scenario.is_new:
        assert 1 <= len(made) <= 1 + len(changes), shop.subjects()
    else:
        written = [line for commit in made for line in _diff(shop, commit)]
        apart = [line for change in changes for line in change.diff]
        assert sorted(written) in (sorted(apart), sorted(_together(apart))), written
    subjects = [commit.message.splitlines()[0] for commit in made]
    wanted = scenario.subject.replace("{name}", shop.name)
    assert wanted in subjects or not scenario.ours, subjects
    assert subjects.count(wanted) == 1 or "{name}" in scenario.subject, subjects
    assert set(subjects) <= {wanted, f"Update {shop.name}"}


def _check_authors(shop: Synced, meanwhile: Meanwhile, *, seen: bool) -> None:
    """Nobody is named who did not edit, and Alice wherever only she did."""
    by_bob = {
        change.new.split("#")[0].rstrip() for change in meanwhile.changes if meanwhile.is_ours
    }
    for commit in ours(shop):
        names = {commit.author, *_co_authors(commit)}
        added = "".join(line for line in _diff(shop, commit) if line.startswith("+"))
        if not any(line in added for line in by_bob):
            assert names == {BY_ALICE}, names
        elif seen:
            assert names <= {BY_ALICE, BY_BOB, UNRESOLVED}, names
        else:
            assert names == {UNRESOLVED}, names


def _co_authors(commit: LoggedCommit) -> list[str]:
    lines = commit.message.splitlines()
    return [line.removeprefix(CO_AUTHOR) for line in lines if line.startswith(CO_AUTHOR)]


def _diff(shop: Synced, commit: LoggedCommit) -> list[str]:
    return changed_lines(shop.world.git.diff(shop.repository, commit.sha))


def _together(apart: list[str]) -> list[str]:
    """The lines of one diff in place of several: what was added and removed again is not there."""
    passing = {line[1:] for line in apart if f"+{line[1:]}" in apart and f"-{line[1:]}" in apart}
    return [line for line in apart if line[1:] not in passing]
