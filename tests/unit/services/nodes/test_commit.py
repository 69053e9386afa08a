"""Commit nodes: one commit an attempt, whatever is killed when, and never over somebody else's."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from ebbflow.api.base import JsonObject
from ebbflow.domain.git import Unreachable
from ebbflow.services.nodes.commit import CommitSpec
from tests.support import builders
from tests.support.run_stage import REPOSITORY, RunWorld, config_map

OTHER = "https://git.example.com/acme/apps"
FILES = {"apps/shop.yaml": "tag: 1.8.2\n", "old.yaml": None}


def commit(**spec: Any) -> JsonObject:
    given = {"branch": "main", "files": FILES, "message": "Ship 1.8.2", **spec}
    return {"kind": "Commit", "ref": "ship", "spec": given}


@pytest.fixture
def world() -> RunWorld:
    made = RunWorld()
    made.git.create_repository(REPOSITORY, {"apps/shop.yaml": b"tag: 1.8.1\n", "old.yaml": b"o\n"})
    made.git.create_repository(OTHER, {"a": b"1\n"})
    return made


def put(world: RunWorld, *steps: JsonObject) -> None:
    world.template(*steps, git={"repository": REPOSITORY, "branch": "main", "path": "shop.yaml"})
    world.synced(REPOSITORY)


async def run(world: RunWorld, *steps: JsonObject) -> str:
    put(world, *steps)
    return (await world.has_run("one")).status.message or ""


async def test_files_are_written_and_removed_in_one_commit_of_who_made_the_run(
    world: RunWorld,
) -> None:
    before = world.git.head(REPOSITORY)
    seen = config_map("seen", at="${refs.ship.commit}", on="${refs.ship.branch}")
    await run(world, commit(), seen)
    assert world.phase() == "Succeeded", world.message()
    newest = world.git.log(REPOSITORY)[0]
    assert newest.parents == (before,)
    assert world.git.show(REPOSITORY, "main", "apps/shop.yaml") == b"tag: 1.8.2\n"
    with pytest.raises(AssertionError, match="nothing at"):
        world.git.show(REPOSITORY, "main", "old.yaml")
    assert newest.author == "alice <alice@users.ebbflow.dev>"
    assert newest.committer == "ebbflow <ebbflow@ebbflow.dev>"
    uid = world.run().metadata.uid
    trailers = f"Ebbflow-Object: Run/default/one\nEbbflow-Attempt: {uid}/0/1\n"
    assert newest.message == f"Ship 1.8.2\n\n{trailers}"
    data = world.objects.live("ConfigMap", "seen")["data"]
    assert data == {"at": newest.sha, "on": "main"}


async def test_files_that_are_so_already_make_no_commit(world: RunWorld) -> None:
    head = world.git.head(REPOSITORY)
    await run(world, commit(files={"apps/shop.yaml": "tag: 1.8.1\n", "gone": None}))
    assert world.phase() == "Succeeded"
    assert world.git.head(REPOSITORY) == head
    assert world.node("0").message == "the files are so already on main"


async def test_a_new_branch_begins_at_the_documents_own(world: RunWorld) -> None:
    head = world.git.head(REPOSITORY)
    await run(world, commit(branch="release/1.8.2"))
    made = world.git.log(REPOSITORY, "release/1.8.2")[0]
    assert made.parents == (head,)
    assert world.git.head(REPOSITORY) == head


async def test_a_new_branch_in_another_repository_needs_its_base(world: RunWorld) -> None:
    git = {"repository": OTHER}
    said = await run(world, commit(branch="new", git=git))
    assert "the branch new does not exist" in said
    assert "name with base" in said
    put(world, commit(branch="new", base="main", git=git))
    await world.has_run("two")
    assert world.phase("two") == "Succeeded"
    assert world.git.show(OTHER, "new", "apps/shop.yaml") == b"tag: 1.8.2\n"


async def test_a_branch_that_moves_meanwhile_is_built_upon(world: RunWorld) -> None:
    theirs: list[str] = []

    def move() -> None:
        if not theirs:
            theirs.append(world.git.commit(REPOSITORY, {"theirs": b"1\n"}))

    world.git.before_push.append(move)
    await run(world, commit())
    assert world.phase() == "Succeeded"
    newest = world.git.log(REPOSITORY)[0]
    assert newest.parents == tuple(theirs)
    assert world.git.show(REPOSITORY, "main", "theirs") == b"1\n"


async def test_a_push_whose_answer_was_lost_is_found_again(world: RunWorld) -> None:
    """And what somebody pushed on top of it since stays, in the same files too."""

    def lose() -> None:
        world.git.after_push.clear()
        raise Unreachable("the connection was lost")

    world.git.after_push.append(lose)
    put(world, commit())
    world.ask()
    await world.settle()
    assert world.phase() == "Running"
    mine = world.git.head(REPOSITORY)
    world.git.commit(REPOSITORY, {"apps/shop.yaml": b"tag: hotfix\n"})
    await world.look_until("Succeeded")
    assert len(world.git.log(REPOSITORY)) == 3
    assert world.git.show(REPOSITORY, "main", "apps/shop.yaml") == b"tag: hotfix\n"
    assert world.node("0").message == f"commit {str(mine)[:7]} on main"


async def test_a_killed_operator_finds_the_commit_that_it_had_pushed(world: RunWorld) -> None:
    def lose() -> None:
        world.git.after_push.clear()
        raise Unreachable("the process was killed")

    world.git.after_push.append(lose)
    put(world, commit())
    world.ask()
    await world.settle()
    world.git.commit(REPOSITORY, {"apps/shop.yaml": b"tag: hotfix\n"})
    world.restart()
    await world.look_until("Succeeded")
    assert len(world.git.log(REPOSITORY)) == 3
    assert world.git.show(REPOSITORY, "main", "apps/shop.yaml") == b"tag: hotfix\n"


async def test_another_attempt_is_another_commit(world: RunWorld) -> None:
    world.git.refuse_pushes(REPOSITORY, "not now")
    put(world, commit() | {"settings": {"maxAttempts": 2, "backoff": {"delay": 1}}})
    world.ask()
    await world.settle()
    assert "the server refused the push to main: not now" in (world.node("0").message or "")
    world.git.refuse_pushes(REPOSITORY, None)
    await world.look_until("Succeeded")
    assert world.git.log(REPOSITORY)[0].message.endswith("/0/2\n")


async def test_an_account_must_allow_the_namespace(world: RunWorld) -> None:
    world.cluster.put(builders.git_account("acme").within("platform").build())
    git = {"repository": OTHER, "accountRef": {"name": "acme", "namespace": "platform"}}
    said = await run(world, commit(git=git))
    assert "AccountNotAllowed" in said
    assert len(world.git.log(OTHER)) == 1


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({"a": "password: ${secrets.db.values.key}\n"}, id="by expression"),
        pytest.param({"a": "token: ghp_" + "a" * 36}, id="looks like a token"),
    ],
)
async def test_secrets_never_get_into_git(world: RunWorld, files: dict[str, str]) -> None:
    data = {"key": base64.b64encode(b"hunter2hunter2").decode()}
    world.objects.put(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "data": data}
    )
    head = world.git.head(REPOSITORY)
    said = await run(world, commit(files=files))
    assert world.phase() == "Failed"
    assert "files" in said
    assert "hunter2" not in said
    assert world.git.head(REPOSITORY) == head


async def test_a_known_secret_that_is_written_out_is_refused_by_its_path(world: RunWorld) -> None:
    data = {"key": base64.b64encode(b"hunter2hunter2").decode()}
    world.objects.put(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "data": data}
    )
    use = {
        "kind": "HTTP",
        "spec": {"url": "https://a.example.com/", "body": "${secrets.db.values.key}"},
    }
    said = await run(world, use, commit(files={"app/x.yaml": "p: hunter2hunter2\n"}))
    assert "SecretInDocument" in said
    assert "app/x.yaml" in said
    assert "hunter2" not in said


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        pytest.param({"files": {"../a": "x"}}, "..", id="outside"),
        pytest.param({"files": {".git/hooks/x": "x"}}, ".git", id="git's own"),
        pytest.param({"files": {"a": "x", "/a": "y"}}, "twice", id="twice"),
        pytest.param({"files": {}}, "spec.files", id="no files"),
        pytest.param({"branch": "a..b"}, "spec.branch", id="no branch"),
        pytest.param({"message": " "}, "must hold text", id="no message"),
        pytest.param({"message": "a\x1bb"}, "control characters", id="control characters"),
        pytest.param(
            {"pullRequest": {"open": True}}, "cannot open pull requests", id="pull request"
        ),
    ],
)
async def test_what_cannot_be_a_commit_is_refused_before_anything_runs(
    world: RunWorld, spec: JsonObject, words: str
) -> None:
    said = await run(world, config_map("a", v="1"), commit(**spec))
    assert world.phase() == "Failed"
    assert words in said
    assert world.objects.names() == []


@pytest.mark.parametrize(
    ("files", "words"),
    [
        pytest.param({"f": "é" * 300 * 1024}, "f has more than 512 KiB", id="one file"),
        pytest.param({f"f{n}": "x" * 512 * 1024 for n in range(11)}, "5 MiB in all", id="all"),
    ],
)
def test_more_than_a_commit_may_hold_is_refused(files: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        CommitSpec.model_validate({"branch": "b", "files": files, "message": "m"})


async def test_a_document_without_a_file_must_name_the_repository(world: RunWorld) -> None:
    world.template(commit())
    said = (await world.has_run("one")).status.message or ""
    assert "name it with git: {accountRef, repository}" in said


async def test_a_dry_run_pushes_nothing(world: RunWorld) -> None:
    head = world.git.head(REPOSITORY)
    put(world, commit())
    done = await world.has_run("one", dryRun=True)
    assert [one.object for one in done.status.plan or ()] == [f"Commit to main of {REPOSITORY}"]
    assert world.git.head(REPOSITORY) == head


async def test_a_commit_costs_one_listing_one_fetch_and_one_push(world: RunWorld) -> None:
    put(world, commit())
    world.git.operations.clear()
    await world.has_run("one")
    assert dict(world.git.operations) == {"ls-remote": 1, "fetch": 1, "push": 1}
