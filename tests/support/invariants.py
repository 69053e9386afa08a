"""What must be true after every fault, whatever it was: one set of checks for all of them.

    assert_settled(shop, {"REPLICAS": "5"}, {"COLOUR": "blue"})

That nothing secret is anywhere is held by the fixture `canary_search` and by whoever makes Git
servers: it looks at all repositories, objects, events and logs of every env test.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from ebbflow.devcluster.gitrepository import GitFailed, GitRepository, LoggedCommit
from ebbflow.domain.document import InvalidDocument, document_hash, parse
from tests.support.gitserver import Push, pushes_to
from tests.support.kubectl import condition_of
from tests.support.synced import Synced

JsonObject = dict[str, Any]
Edit = Mapping[str, Any]
"""Arguments that a person set in one edit of the object."""

TRAILER = "Ebbflow-Object: "


def assert_settled(shop: Synced, *edits: Edit) -> None:
    """Check everything, after one more pass: it is in step, and each edit is one commit."""
    shop.look_now()
    shop.wait(reason="InStep")
    shop.wait_settled()
    assert_in_step(shop)
    for edit in edits:
        assert_in_git_once(shop, edit)
    assert_history(shop)


def assert_conflict_reported(shop: Synced, *paths: str) -> None:
    """Check that the conflict names these paths with the values that both sides really have."""
    shop.look_now()
    message = shop.wait_stalled("Conflict")
    found = {c["path"]: c for c in shop.get()["status"]["sync"]["conflicts"]}
    assert sorted(found) == sorted(paths)
    ours, theirs = shop.arguments(), arguments_of(shop, shop.branch)
    for path, conflict in found.items():
        name = path.rpartition(".")[2]
        assert path in message
        assert (conflict.get("cluster"), conflict.get("git")) == (ours.get(name), theirs.get(name))
    assert_history(shop)


def assert_in_step(shop: Synced) -> None:
    """Check that object and file hold the same, and that the status says so of exactly this file."""
    seen = shop.get()
    ready = condition_of(seen, "Ready")
    assert ready is not None
    assert (ready["status"], ready["reason"]) == ("True", "InStep"), ready
    assert ready["observedGeneration"] == seen["metadata"]["generation"]
    file = parse(shop.file(), shop.path).value
    assert document_hash(seen["spec"]["document"]) == document_hash(file)
    sync = seen["status"]["sync"]
    repository, path = repository_of(shop), shop.path.lstrip("/")
    blob = repository.git("rev-parse", f"{shop.branch}:{path}").decode().strip()
    assert sync["blob"] == blob
    assert sync["commit"] in {commit.sha for commit in repository.log(shop.branch)}
    assert "pendingWrite" not in sync
    assert not sync.get("conflicts")


def assert_in_git_once(shop: Synced, edit: Edit) -> None:
    """Check that exactly one commit of the branch made this edit, in the object's name."""
    makers = [commit.sha[:7] for commit in own_commits(shop) if _makes(shop, commit, edit)]
    assert len(makers) == 1, f"{edit} was made by {makers or 'no commit'} of {shop.subjects()}"


def assert_history(shop: Synced) -> None:
    """Check every commit and push: a line of single parents, fast-forwards only, objects named."""
    log = repository_of(shop).log(shop.branch)
    for commit, below in pairwise(log):
        assert commit.parents == (below.sha,), f"{commit.sha[:7]} is a merge or misplaced"
    assert log[-1].parents == ()
    for push in pushes_to(repository_of(shop)):
        assert push.ref == f"refs/heads/{shop.branch}", push
        assert push.parents == (push.old,), f"no fast-forward by one commit: {push}"
    assert_commits_name_their_objects(shop)
    assert repository_of(shop).check() == ""


def assert_commits_name_their_objects(shop: Synced) -> None:
    """Check that whatever was pushed through the server says for which object it is, once."""
    pushed = {push.new for push in pushes_to(repository_of(shop))}
    for commit in repository_of(shop).log(shop.branch):
        names = [line for line in commit.message.splitlines() if line.startswith(TRAILER)]
        expected = 1 if commit.sha in pushed else 0
        assert len(names) == expected, commit
        if names:
            kind, namespace, _name = names[0].removeprefix(TRAILER).split("/")
            assert (kind, namespace) == ("Template", shop.world.namespace)


def own_commits(shop: Synced) -> list[LoggedCommit]:
    """The commits of the branch that were made for this object, newest first."""
    line = f"{TRAILER}Template/{shop.world.namespace}/{shop.name}"
    log = repository_of(shop).log(shop.branch)
    return [commit for commit in log if line in commit.message.splitlines()]


def arguments_of(shop: Synced, revision: str) -> JsonObject:
    """The arguments in the file at a revision; none where there is no valid file."""
    try:
        data = repository_of(shop).show(revision, shop.path.lstrip("/"))
        arguments: JsonObject = parse(data, shop.path).value.get("arguments") or {}
    except (GitFailed, InvalidDocument):
        return {}
    return arguments


def repository_of(shop: Synced) -> GitRepository:
    """The repository as it lies on disk."""
    return shop.world.git.repository(shop.repository)


def pushes_of(shop: Synced) -> Iterator[Push]:
    """The pushes that the server took, oldest first."""
    yield from pushes_to(repository_of(shop))


def _makes(shop: Synced, commit: LoggedCommit, edit: Edit) -> bool:
    before = arguments_of(shop, commit.parents[0]) if commit.parents else {}
    return _holds(arguments_of(shop, commit.sha), edit) and not _holds(before, edit)


def _holds(arguments: JsonObject, edit: Edit) -> bool:
    return all(arguments.get(name) == value for name, value in edit.items())
