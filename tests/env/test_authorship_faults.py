"""Whatever is killed, missing or changed in between, no commit names somebody who did not edit."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from ebbflow.domain.edit_record import ANNOTATION
from tests.env.conftest import fresh_namespace
from tests.support.builders import template
from tests.support.canary import CanarySearch
from tests.support.gitserver import FaultyGitServer
from tests.support.installation import ACCOUNT
from tests.support.kubectl import KINDS, Kubectl
from tests.support.operator_process import OperatorProcess
from tests.support.operators import Operators
from tests.support.people import Person, rights_in
from tests.support.synced import SHOP, Scene, Synced, link
from tests.support.waiting import eventually

BY_ALICE = "alice <alice@users.ebbflow.dev>"
BY_BOB = "bob <bob@users.ebbflow.dev>"
UNRESOLVED = "unresolved <unresolved@ebbflow.dev>"
WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/ebbflow"
SECRET = KINDS["Secret"].path(ACCOUNT.namespace, "ebbflow-admission")


@pytest.fixture
def scene(kubectl: Kubectl, git: FaultyGitServer, namespace: str, account: str) -> Scene:
    rights_in(kubectl, namespace, "alice", "bob")
    return Scene(kubectl, git, namespace, account)


@pytest.fixture
def alice(kubectl: Kubectl) -> Person:
    return Person("alice", kubectl)


@pytest.fixture
def bob(kubectl: Kubectl) -> Person:
    return Person("bob", kubectl)


def authors(synced: Synced) -> list[str]:
    """The authors of all commits but the first, oldest first."""
    return [commit.author for commit in synced.world.git.log(synced.repository)][:-1][::-1]


def wait_commits(synced: Synced, commits: int) -> None:
    eventually(lambda: len(authors(synced)) == commits, 20, f"{commits} commits")
    synced.wait()


def entries(kubectl: Kubectl) -> dict[str, dict[str, object]]:
    """The registered webhooks by their names."""
    found = kubectl.api.call("GET", WEBHOOKS)
    return {entry["name"]: entry for entry in found.get("webhooks", [])}


def entry_of(kubectl: Kubectl, namespace: str) -> dict[str, object] | None:
    """The entry that sends writes of this namespace."""
    for entry in entries(kubectl).values():
        if namespace in str(entry["namespaceSelector"]):
            return entry
    return None


def test_an_edit_while_the_operator_is_down_is_nobodys(
    scene: Scene, operators: Operators, alice: Person, bob: Person
) -> None:
    operator = operators()
    shop = link(scene, "down")
    alice.wait_recorded(shop)
    alice.sets(shop, REPLICAS="5")
    wait_commits(shop, 1)
    operator.kill()
    bob.sets(shop, REPLICAS="7")
    operator.restart()
    wait_commits(shop, 2)
    assert authors(shop) == [BY_ALICE, UNRESOLVED]
    assert shop.get()["status"]["sync"]["lastEditor"] == "unresolved"


def test_the_same_content_made_again_unseen_is_not_by_who_made_it_first(
    scene: Scene, operators: Operators, alice: Person, bob: Person
) -> None:
    operator = operators()
    shop = link(scene, "again")
    alice.wait_recorded(shop)
    alice.sets(shop, REPLICAS="5")
    wait_commits(shop, 1)
    for number, commits in (("2", 2), ("5", 3)):
        operator.kill()
        bob.sets(shop, REPLICAS=number)
        operator.restart()
        wait_commits(shop, commits)
    assert authors(shop) == [BY_ALICE, UNRESOLVED, UNRESOLVED]


def test_a_recorded_edit_keeps_its_author_over_a_crash(
    scene: Scene, operators: Operators, alice: Person
) -> None:
    operator = operators()
    shop = link(scene, "crash")
    alice.wait_recorded(shop)
    shop.patch(suspend=True)
    alice.sets(shop, REPLICAS="5")
    shop.patch(suspend=False)
    operator.kill()
    operator.restart()
    wait_commits(shop, 1)
    # What else changed in the spec (suspend) was seen too, so nothing is in doubt.
    assert authors(shop) == [BY_ALICE]


@pytest.mark.parametrize("pause", [0.0, 0.02, 0.05], ids=lambda pause: f"after-{pause * 1000:g}-ms")
def test_a_kill_between_the_edits_of_two_people_never_names_the_wrong_one(
    scene: Scene, operators: Operators, alice: Person, bob: Person, pause: float
) -> None:
    operator = operators()
    shop = link(scene, "two")
    alice.wait_recorded(shop)
    for turn in range(2):
        alice.sets(shop, REPLICAS=str(4 + turn))
        kill_after(operator, pause)
        bob.sets(shop, COLOUR=f"blue-{turn}")
        operator.restart()
        shop.wait_file(
            b"# The shop\napiVersion: v1.2\narguments:\n"
            + f'  REPLICAS: "{4 + turn}"     # how many\n  COLOUR: blue-{turn}\n'.encode()
            + b"spec: {kind: Workflow, spec: {type: sequential, steps: []}}\n"
        )
        shop.wait()
        alice.wait_recorded(shop)
    for commit in scene.git.log("two")[:-1]:
        diff = scene.git.diff("two", commit.sha)
        is_by_bob, is_by_alice = "+  COLOUR" in diff, "+  REPLICAS" in diff
        assert is_by_bob or is_by_alice
        # Bob's edits were never seen, so a commit that holds one is nobody's.
        assert commit.author in ([UNRESOLVED] if is_by_bob else [BY_ALICE, UNRESOLVED])
        assert "Co-authored-by" not in commit.message


def kill_after(operator: OperatorProcess, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    eventually(lambda: time.monotonic() >= deadline, seconds + 1, "the moment of the crash")
    operator.kill()


def test_a_record_from_before_is_no_proof_for_what_is_written_unseen(
    scene: Scene, operators: Operators, alice: Person, bob: Person
) -> None:
    operator = operators()
    shop = link(scene, "old-record")
    alice.wait_recorded(shop)
    alice.sets(shop, REPLICAS="5")
    wait_commits(shop, 1)
    record = shop.get()["metadata"]["annotations"][ANNOTATION]
    operator.kill()
    bob.sets(shop, REPLICAS="2")
    bob.sets(shop, REPLICAS="7")
    edit = {"spec": {"document": {"arguments": {"REPLICAS": "5", "COLOUR": "blue"}}}}
    bob.patch(shop, {"metadata": {"annotations": {ANNOTATION: record}}, **edit})
    operator.restart()
    wait_commits(shop, 2)
    assert authors(shop) == [BY_ALICE, UNRESOLVED]


def test_a_replica_that_takes_over_records_edits(
    scene: Scene, operators: Operators, alice: Person, bob: Person
) -> None:
    leader, standby = operators("--lease-duration=3s"), operators("--lease-duration=3s")
    shop = link(scene, "replicas")
    alice.wait_recorded(shop)
    alice.sets(shop, REPLICAS="5")
    wait_commits(shop, 1)
    leader.kill()
    eventually(
        lambda: standby.metric("leader_election_master_status") == 1, 20, "the standby to lead"
    )
    bob.wait_recorded(shop)
    bob.sets(shop, REPLICAS="7")
    wait_commits(shop, 2)
    assert authors(shop) == [BY_ALICE, BY_BOB]


def remove_configuration(kubectl: Kubectl) -> None:
    kubectl.api.call("DELETE", WEBHOOKS)


def spoil_configuration(kubectl: Kubectl) -> None:
    patch = {"webhooks": []}
    kubectl.api.call("PATCH", WEBHOOKS, patch, content_type="application/merge-patch+json")


@pytest.mark.parametrize("damage", [remove_configuration, spoil_configuration])
def test_the_next_leader_repairs_the_registration(
    scene: Scene, operators: Operators, alice: Person, damage: Callable[[Kubectl], None]
) -> None:
    operator = operators()
    shop = link(scene, "repaired")
    alice.wait_recorded(shop)
    damage(scene.kubectl)
    eventually(lambda: not alice.is_recorded(shop), 10, "edits to go on unrecorded")
    operator.kill()
    operator.restart()
    alice.wait_recorded(shop)


def test_other_namespaces_are_not_sent(
    scene: Scene, operators: Operators, alice: Person, canary_search: CanarySearch
) -> None:
    operator = operators()
    alice.wait_recorded(link(scene, "sent"))
    before = operator.metric("ebbflow_admission_reviews_total")
    with fresh_namespace(scene.kubectl, "not-served", canary_search) as other:
        thing = {
            "apiVersion": "ebbflow.dev/v1alpha1",
            "kind": "Template",
            "metadata": {"name": "shop", "namespace": other},
            "spec": {"document": {"apiVersion": "v1.2"}},
        }
        stored = scene.kubectl.create(thing)
    assert ANNOTATION not in stored["metadata"].get("annotations", {})
    assert operator.metric("ebbflow_admission_reviews_total") == before


def test_a_new_object_is_sent_only_with_a_document_or_a_record(
    scene: Scene, operators: Operators, alice: Person
) -> None:
    operator = operators()
    alice.wait_recorded(link(scene, "sent"))
    before = operator.metric("ebbflow_admission_reviews_total")
    plain = template("plain").within(scene.namespace).suspended()
    scene.kubectl.create(plain.build())
    assert operator.metric("ebbflow_admission_reviews_total") == before
    forged = replace(plain, name="forged").annotated({ANNOTATION: "by hand"})
    stored = scene.kubectl.create(forged.build())
    assert ANNOTATION not in stored["metadata"].get("annotations", {})
    full = replace(plain, name="full").holding({"apiVersion": "v1.2"})
    assert ANNOTATION in scene.kubectl.create(full.build())["metadata"]["annotations"]
    assert operator.metric("ebbflow_admission_reviews_total") == before + 2


def test_what_the_operator_takes_from_git_is_sent_only_over_a_record(
    scene: Scene, operators: Operators, alice: Person
) -> None:
    operator = operators()
    shop = link(scene, "taken")
    alice.wait_recorded(shop)

    def sent_by(value: str) -> float:
        """Push another value, and count the reviews until it is in the object."""
        before = operator.metric("ebbflow_admission_reviews_total")
        shop.push(SHOP.replace(b'REPLICAS: "2"', f'REPLICAS: "{value}"'.encode()))
        shop.wait_arguments(REPLICAS=value, COLOUR="red")
        return operator.metric("ebbflow_admission_reviews_total") - before

    assert sent_by("3") == 0
    alice.sets(shop, REPLICAS="5")
    wait_commits(shop, 2)
    assert sent_by("7") == 1


def test_operators_of_different_namespaces_leave_each_other_alone(
    scene: Scene, operators: Operators, alice: Person, canary_search: CanarySearch
) -> None:
    shop = None
    with fresh_namespace(scene.kubectl, "another", canary_search) as other:
        first, second = operators(), operators(namespaces=[other])
        shop = link(scene, "alone")
        alice.wait_recorded(shop)
        assert entry_of(scene.kubectl, other) is not None
        second.terminate()
        assert entry_of(scene.kubectl, other) is None
        assert entry_of(scene.kubectl, scene.namespace) is not None
        assert alice.is_recorded(shop)
        first.terminate()
        assert entry_of(scene.kubectl, scene.namespace) is None


def test_a_write_is_never_refused_while_the_webhook_is_away_or_stuck(
    scene: Scene, operators: Operators, alice: Person
) -> None:
    operator = operators()
    shop = link(scene, "stuck")
    alice.wait_recorded(shop)
    operator.pause()
    began = time.monotonic()
    alice.sets(shop, REPLICAS="5")
    assert time.monotonic() - began < 5
    operator.resume()
    wait_commits(shop, 1)
    assert authors(shop) == [UNRESOLVED]


def test_another_address_gets_a_certificate_of_its_own(
    scene: Scene, operators: Operators, alice: Person
) -> None:
    operators().terminate()
    before = scene.kubectl.api.call("GET", SECRET)["data"]
    operators("--admission-address=127.0.0.9:0")
    shop = link(scene, "address")
    alice.wait_recorded(shop)
    entry = entry_of(scene.kubectl, scene.namespace)
    assert "https://127.0.0.9:" in str(entry)
    after = scene.kubectl.api.call("GET", SECRET)["data"]
    assert (after["records.key"], after["ca.crt"]) == (before["records.key"], before["ca.crt"])
    assert after["tls.crt"] != before["tls.crt"]


def test_a_taken_address_is_logged_and_the_operator_works_on(
    scene: Scene, operators: Operators, alice: Person
) -> None:
    where = scene.git.url_of("x").split("/")[2]
    operator = operators(f"--admission-address={where}")
    shop = link(scene, "taken")
    alice.sets(shop, REPLICAS="5")
    wait_commits(shop, 1)
    assert authors(shop) == [UNRESOLVED]
    said = [str(record["msg"]) for record in operator.records()]
    assert any("choose another with --admission-address" in text for text in said)
    assert operator.metric("ebbflow_admission_up") == 0
