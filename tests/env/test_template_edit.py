"""An edit of the object becomes one commit that touches only what was edited."""

from __future__ import annotations

import json

import pytest

from tests.env.conftest import Shared
from tests.support.audit import AuditLog, Requests
from tests.support.builders import document, git_account
from tests.support.gitserver import FaultyGitServer
from tests.support.installation import OPERATOR_USER
from tests.support.kubectl import Kubectl
from tests.support.operators import Operators
from tests.support.synced import (
    SHOP,
    Scene,
    Synced,
    as_json,
    changed_lines,
    link,
    operations,
    wait_questions,
)

EXAMPLE = b"""\
# The shop
apiVersion: v1.2
arguments:
  REPLICAS: "2"     # how many
spec: {kind: Workflow, spec: {type: sequential, steps: []}}
"""
EXAMPLE_DIFF = ['-  REPLICAS: "2"     # how many', '+  REPLICAS: "5"     # how many']
FIVE = SHOP.replace(b'"2"', b'"5"')


def of_operator(audit: AuditLog, mark: int, namespace: str) -> Requests:
    made = audit.since(mark).where(user=OPERATOR_USER).without_leases()
    return Requests(r for r in made if r.verb != "watch" and r.namespace == namespace)


@pytest.fixture
def scene(
    kubectl: Kubectl, git: FaultyGitServer, namespace: str, account: str, operators: Operators
) -> Scene:
    # Polls are so far apart that the edit falls between two of them.
    operators("--poll-interval=2s")
    return Scene(kubectl, git, namespace, account)


def test_the_worked_example_of_one_edit(scene: Scene, audit: AuditLog) -> None:
    shop = link(scene, "shop", EXAMPLE)
    first = shop.head()
    scene.git.reset_counts()
    mark = audit.mark()

    generation = shop.edit(REPLICAS="5")["metadata"]["generation"]
    seen = shop.wait()

    asked = of_operator(audit, mark, scene.namespace)
    assert len(asked) <= 5, asked.text()
    assert asked.lists() == ()
    assert scene.git.counts.total("receive-pack") == 1
    assert operations(scene.git) <= 3, scene.git.counts.requests
    assert scene.git.counts.total() <= 4, scene.git.counts.requests

    (commit, begin) = scene.git.log("shop")
    assert changed_lines(scene.git.diff("shop", commit.sha)) == EXAMPLE_DIFF
    assert commit.message == (f"Update shop\n\nEbbflow-Object: Template/{scene.namespace}/shop\n")
    assert commit.parents == (first,) == (begin.sha,)
    assert commit.author == "kubernetes-admin <kubernetes-admin@users.ebbflow.dev>"
    assert commit.committer == "ebbflow <ebbflow@ebbflow.dev>"
    assert seen["status"]["sync"]["commit"] == commit.sha
    assert seen["status"]["observedGeneration"] == generation == seen["metadata"]["generation"]
    shop.wait_settled()
    assert shop.ready() == ("True", "InStep", f"In step with main at {commit.sha[:7]}")
    the_poll_that_sees_the_commit_writes_nothing(shop, audit)


def the_poll_that_sees_the_commit_writes_nothing(shop: Synced, audit: AuditLog) -> None:
    mark = audit.mark()
    wait_questions(shop.world.git, 2)
    assert of_operator(audit, mark, shop.world.namespace).text() == ""
    assert len(shop.subjects()) == 2


def test_the_committer_is_the_accounts(shared: Shared) -> None:
    robot = git_account("robot").within(shared.namespace).using(shared.account)
    shared.kubectl.apply(robot.committing_as("Robot", "robot@acme.dev").build())
    scene = Scene(shared.kubectl, shared.git, shared.namespace, "robot")
    shop = link(scene, "by-robot")
    shop.edit(REPLICAS="5")
    shop.wait_file(FIVE)
    newest = shared.git.log("by-robot")[0]
    assert newest.committer == "Robot <robot@acme.dev>"
    assert newest.author == "kubernetes-admin <kubernetes-admin@users.ebbflow.dev>"


def test_the_subject_is_the_one_that_the_spec_gives(shared: Shared) -> None:
    message = "chore({namespace}): {kind} {name}"
    shop = link(shared, "subject", sync={"commitMessage": message})
    shop.edit(REPLICAS="5")
    shop.wait_file(FIVE)
    assert shop.subjects()[0] == f"chore({shared.namespace}): Template subject"


def test_a_json_file_is_edited_in_place(shared: Shared) -> None:
    text = as_json(document({"REPLICAS": "2", "RATIO": 1.0}, name="shop")).replace(b"1.0", b"1.00")
    shop = link(shared, "json", text, path="shop.json")
    shop.edit(REPLICAS="5")
    shop.wait_file(text.replace(b'"2"', b'"5"'))
    json.loads(shop.file())


def test_the_real_kubectl_edit_becomes_a_commit_with_comments_kept(shared: Shared) -> None:
    shop = link(shared, "by-kubectl-edit")
    expression = 's/REPLICAS: "2"/REPLICAS: "5"/'
    shared.kubectl.kubectl_edit("Template", shop.name, shared.namespace, expression)
    shop.wait_file(FIVE)
    assert shop.subjects() == ["Update by-kubectl-edit", "Begin"]


def test_a_whole_document_applied_server_side_is_an_edit_like_any_other(shared: Shared) -> None:
    shop = link(shared, "applied")
    manifest = {
        "apiVersion": "ebbflow.dev/v1alpha1",
        "kind": "Template",
        "metadata": {"name": shop.name, "namespace": shared.namespace},
        "spec": {"git": shop.get()["spec"]["git"]}
        | {"document": document({"REPLICAS": "5", "COLOUR": "red"})},
    }
    flags = ("--server-side", "--force-conflicts", "-f", "-")
    shared.kubectl.run("apply", *flags, input=json.dumps(manifest))
    shop.wait_file(FIVE)
    assert shop.subjects() == ["Update applied", "Begin"]
    # Applied again, as a pipeline does all day, it changes nothing.
    generation = shop.wait()["metadata"]["generation"]
    shared.kubectl.run("apply", *flags, input=json.dumps(manifest))
    shop.look_now()
    assert shop.get()["metadata"]["generation"] == generation
    assert len(shop.subjects()) == 2


def test_keys_are_added_and_removed_without_touching_other_lines(shared: Shared) -> None:
    shop = link(shared, "keys")
    shop.edit(SIZE="xl", COLOUR=None)
    shop.wait_file(SHOP.replace(b"  COLOUR: red\n", b"  SIZE: xl\n"))
    shop.edit(SIZE=None)
    shop.wait_file(SHOP.replace(b"  COLOUR: red\n", b""))
    assert shop.subjects() == ["Update keys", "Update keys", "Begin"]


def test_edits_one_after_the_other_are_each_on_top_of_the_last(shared: Shared) -> None:
    shop = link(shared, "series")
    for number in ("3", "4", "5"):
        shop.edit(REPLICAS=number)
        shop.wait_file(SHOP.replace(b'"2"', f'"{number}"'.encode()))
    log = shared.git.log("series")
    assert [c.parents for c in log] == [(log[1].sha,), (log[2].sha,), (log[3].sha,), ()]
    shop.wait_commit(log[0].sha)
    assert shop.arguments() == {"REPLICAS": "5", "COLOUR": "red"}


def test_an_edit_that_makes_no_document_is_not_committed_and_not_lost(shared: Shared) -> None:
    shop = link(shared, "invalid-edit")
    shop.patch(document={"speck": {}})
    message = shop.wait_stalled("InvalidDocument")
    assert message.startswith("spec.document.speck: unknown key")
    assert shop.file() == SHOP
    assert shop.document() is not None
    assert "speck" in (shop.document() or {})
    shop.patch(document={"speck": None, "arguments": {"REPLICAS": "5"}})
    shop.wait_file(FIVE)
    shop.wait()
