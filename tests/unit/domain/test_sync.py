"""The sync decision, as a table: what both sides hold and last agreed on, and what is to be done."""

from __future__ import annotations

from typing import Any

import pytest

from ebbflow.api.template import GitPlace, PullRequests, SyncOptions, SyncStatus
from ebbflow.domain.document import document_hash
from ebbflow.domain.sync import (
    Base,
    Blocked,
    Decision,
    FileSide,
    InStep,
    Sides,
    TakeFromGit,
    UnreadableFile,
    WriteToGit,
    base_of,
    decide,
)
from tests.support.builders import document

GIT = GitPlace(repository="https://git.example/acme/infra", branch="main", path="shop.yaml")
OLD = document({"a": 1, "b": 1})
MINE = document({"a": 2, "b": 1})
THEIRS = document({"a": 1, "b": 2})
BOTH = document({"a": 2, "b": 2})
RIVAL = document({"a": 3, "b": 1})
INVALID = {"apiVersion": "v1.2", "speck": {}}
C0, B0 = "c" * 40, "b" * 40


def file(held: dict[str, Any]) -> FileSide:
    return FileSide(f"blob-{document_hash(held)}", b"", held, document_hash(held))


def base() -> Base:
    return Base(C0, B0, document_hash(OLD))


def wished(
    cluster: dict[str, Any] | None,
    git: dict[str, Any] | UnreadableFile | None,
    *,
    first: bool = False,
    known: bool = True,
    resolve: str | None = None,
    **options: Any,
) -> Decision:
    side = file(git) if isinstance(git, dict) else git
    sides = Sides(cluster, side, None if first else base(), OLD if known else None, resolve)
    return decide(sides, SyncOptions(**options), GIT)


@pytest.mark.parametrize(
    ("cluster", "git", "expected"),
    [
        pytest.param(None, OLD, TakeFromGit(OLD), id="nothing-here"),
        pytest.param(MINE, OLD, TakeFromGit(OLD), id="git-wins"),
        pytest.param(OLD, OLD, InStep(), id="the-same-already"),
        pytest.param(INVALID, OLD, TakeFromGit(OLD), id="git-wins-over-an-invalid-document"),
        pytest.param(MINE, None, WriteToGit(MINE, None), id="no-file"),
    ],
)
@pytest.mark.parametrize("direction", ["Both", "FromGit", "ToGit"])
def test_the_first_sync_is_the_same_in_every_direction(
    cluster: dict[str, Any] | None,
    git: dict[str, Any] | None,
    expected: Decision,
    direction: str,
) -> None:
    assert wished(cluster, git, first=True, direction=direction) == expected


@pytest.mark.parametrize(
    ("cluster", "git", "direction", "expected"),
    [
        pytest.param(OLD, OLD, "Both", InStep(), id="nothing-changed"),
        pytest.param(OLD, THEIRS, "Both", TakeFromGit(THEIRS), id="git-changed"),
        pytest.param(MINE, OLD, "Both", WriteToGit(MINE, file(OLD)), id="object-changed"),
        pytest.param(MINE, MINE, "Both", InStep(), id="both-changed-to-the-same"),
        pytest.param(
            MINE, THEIRS, "Both", WriteToGit(BOTH, file(THEIRS), merged=True), id="different-fields"
        ),
        pytest.param(BOTH, THEIRS, "Both", WriteToGit(BOTH, file(THEIRS)), id="object-is-ahead"),
        pytest.param(MINE, BOTH, "Both", TakeFromGit(BOTH), id="git-is-ahead"),
        pytest.param(None, OLD, "Both", TakeFromGit(OLD), id="document-left-out"),
        pytest.param(OLD, THEIRS, "FromGit", TakeFromGit(THEIRS), id="from-git-takes"),
        pytest.param(MINE, OLD, "FromGit", TakeFromGit(OLD, reverts=True), id="from-git-reverts"),
        pytest.param(
            INVALID, OLD, "FromGit", TakeFromGit(OLD, reverts=True), id="from-git-reverts-invalid"
        ),
        pytest.param(OLD, THEIRS, "ToGit", WriteToGit(OLD, file(THEIRS)), id="to-git-overwrites"),
        pytest.param(MINE, THEIRS, "ToGit", WriteToGit(MINE, file(THEIRS)), id="to-git-writes"),
    ],
)
def test_afterwards_edits_go_to_the_other_side(
    cluster: dict[str, Any] | None,
    git: dict[str, Any],
    direction: str,
    expected: Decision,
) -> None:
    assert wished(cluster, git, direction=direction) == expected


@pytest.mark.parametrize(
    ("on_conflict", "winner"),
    [pytest.param("PreferGit", RIVAL, id="git"), pytest.param("PreferCluster", MINE, id="cluster")],
)
def test_a_preference_settles_a_conflict(on_conflict: str, winner: dict[str, Any]) -> None:
    decision = wished(MINE, RIVAL, on_conflict=on_conflict)
    assert isinstance(decision, TakeFromGit | WriteToGit)
    assert decision.document == winner


def test_a_conflict_lists_the_paths_with_all_three_values() -> None:
    decision = wished(MINE, RIVAL)
    assert isinstance(decision, Blocked)
    assert decision.reason == "Conflict"
    assert "arguments.a" in decision.message
    (conflict,) = decision.conflicts
    assert (conflict.base, conflict.cluster, conflict.git) == ("1", "2", "3")


def test_long_values_of_a_conflict_are_cut() -> None:
    mine, theirs = document({"a": "x" * 5000, "b": 1}), document({"a": ["y" * 5000], "b": 1})
    decision = wished(mine, theirs)
    assert isinstance(decision, Blocked)
    (conflict,) = decision.conflicts
    assert len(conflict.cluster or "") == len(conflict.git or "") == 256
    assert (conflict.cluster or "").startswith("xxx")
    assert (conflict.git or "").startswith('["yyy')


@pytest.mark.parametrize(
    ("cluster", "git", "first", "reason", "words"),
    [
        pytest.param(None, None, True, "NothingToSync", "shop.yaml", id="nothing-anywhere"),
        pytest.param({}, None, True, "NothingToSync", "shop.yaml", id="an-empty-document"),
        pytest.param(INVALID, None, True, "InvalidDocument", "spec.document", id="invalid-new"),
        pytest.param(OLD, None, False, "FileNotFound", "restore it", id="file-gone"),
        pytest.param(MINE, None, False, "FileNotFound", "restore it", id="file-gone-and-edited"),
        pytest.param(INVALID, OLD, False, "InvalidDocument", "speck", id="invalid-edit"),
        pytest.param(
            OLD,
            UnreadableFile("b", "shop.yaml: line 3, column 1: broken"),
            False,
            "InvalidDocument",
            "line 3, column 1",
            id="invalid-file",
        ),
    ],
)
def test_what_needs_a_person_says_what_to_do(
    cluster: dict[str, Any] | None,
    git: Any,
    first: bool,
    reason: str,
    words: str,
) -> None:
    decision = wished(cluster, git, first=first)
    assert isinstance(decision, Blocked)
    assert decision.reason == reason
    assert words in decision.message


def test_both_edited_and_the_base_lost_changes_nothing() -> None:
    decision = wished(MINE, THEIRS, known=False)
    assert isinstance(decision, Blocked)
    assert decision.reason == "Conflict"


@pytest.mark.parametrize(
    ("change", "known"),
    [
        pytest.param({}, True, id="the-very-place"),
        pytest.param({"path": "other.yaml"}, False, id="another-path"),
        pytest.param({"branch": "other"}, False, id="another-branch"),
        pytest.param({"repository": "https://git.example/x/y"}, False, id="another-repository"),
        pytest.param({"commit": None}, False, id="never-synced"),
    ],
)
def test_a_base_counts_for_its_own_place_only(change: dict[str, Any], known: bool) -> None:
    status = {
        "repository": GIT.repository,
        "branch": GIT.branch,
        "path": GIT.path,
        "commit": C0,
        "blob": B0,
        "document_hash": "h",
        **change,
    }
    assert (base_of(SyncStatus(**status), GIT) is not None) is known


@pytest.mark.parametrize("on_conflict", ["Fail", "PreferGit", "PreferCluster"])
@pytest.mark.parametrize(
    ("resolve", "known", "expected"),
    [
        pytest.param("git", True, TakeFromGit(RIVAL, resolved=True), id="git"),
        pytest.param("cluster", True, WriteToGit(MINE, file(RIVAL), resolved=True), id="cluster"),
        pytest.param("git", False, TakeFromGit(RIVAL, resolved=True), id="git-without-a-base"),
        pytest.param(
            "cluster",
            False,
            WriteToGit(MINE, file(RIVAL), resolved=True),
            id="cluster-without-a-base",
        ),
    ],
)
def test_a_person_overrules_every_preference(
    on_conflict: str, resolve: str, known: bool, expected: Decision
) -> None:
    assert wished(MINE, RIVAL, known=known, resolve=resolve, on_conflict=on_conflict) == expected


@pytest.mark.parametrize("resolve", ["git", "cluster"])
def test_a_resolution_without_a_conflict_is_kept_for_later(resolve: str) -> None:
    decision = wished(MINE, THEIRS, resolve=resolve)
    assert decision == WriteToGit(BOTH, file(THEIRS), merged=True)


@pytest.mark.parametrize(
    ("on_conflict", "expected"),
    [("PreferGit", TakeFromGit(RIVAL)), ("PreferCluster", WriteToGit(MINE, file(RIVAL)))],
)
def test_a_preference_holds_without_a_base_too(on_conflict: str, expected: Decision) -> None:
    assert wished(MINE, RIVAL, known=False, on_conflict=on_conflict) == expected


@pytest.mark.parametrize(
    ("git", "first"),
    [pytest.param(OLD, False, id="an-edit"), pytest.param(None, True, id="a-new-file")],
)
def test_a_secret_is_not_written_to_git(git: Any, first: bool) -> None:
    decision = wished(document({"a": "ghp_" + "x" * 36, "b": 1}), git, first=first)
    assert isinstance(decision, Blocked)
    assert decision.reason == "SecretInDocument"
    assert "spec.document.arguments.a" in decision.message
    assert "ghp_" not in decision.message


@pytest.mark.parametrize(
    ("git", "first"),
    [
        pytest.param(OLD, False, id="an-edit"),
        pytest.param(THEIRS, False, id="a-merge"),
        pytest.param(None, True, id="a-new-file"),
    ],
)
def test_what_is_only_to_be_proposed_is_not_pushed(git: Any, first: bool) -> None:
    decision = wished(MINE, git, first=first, pull_requests=PullRequests(always=True))
    assert isinstance(decision, Blocked)
    assert decision.reason == "InvalidSpec"
    assert decision.message.startswith("spec.sync.pullRequests.always: ")


def test_git_is_followed_where_edits_are_only_to_be_proposed() -> None:
    taken = wished(OLD, THEIRS, pull_requests=PullRequests(always=True))
    assert taken == TakeFromGit(THEIRS)
