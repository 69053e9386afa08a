"""Every commit names who made the edit, however it was made."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from ebbflow.domain.edit_record import ANNOTATION
from tests.env.conftest import Shared
from tests.support.builders import document, template
from tests.support.people import Person, rights_in
from tests.support.synced import PATH, Synced, link
from tests.support.waiting import eventually

ALICE, BOB = "alice", "bob@acme.dev"
BY_ALICE = "alice <alice@users.ebbflow.dev>"
BY_BOB = "bob@acme.dev <bob@acme.dev>"


@pytest.fixture(scope="module")
def robot(shared: Shared) -> Person:
    name = {"name": "robot", "namespace": shared.namespace}
    shared.kubectl.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": name})
    return Person(f"system:serviceaccount:{shared.namespace}:robot", shared.kubectl)


@pytest.fixture(scope="module", autouse=True)
def _rights(shared: Shared, robot: Person) -> None:
    rights_in(shared.kubectl, shared.namespace, ALICE, BOB, robot.user)


@pytest.fixture(scope="module")
def alice(shared: Shared, _rights: None) -> Person:
    person = Person(ALICE, shared.kubectl)
    person.wait_recorded(link(shared, "first"))
    return person


@pytest.fixture(scope="module")
def bob(shared: Shared, alice: Person) -> Person:
    del alice
    return Person(BOB, shared.kubectl)


def authors(synced: Synced) -> list[str]:
    """The authors of all commits but the first, oldest first."""
    return [commit.author for commit in synced.world.git.log(synced.repository)][:-1][::-1]


def committed(synced: Synced, commits: int = 1) -> list[str]:
    """Wait until so many edits are committed; their authors."""
    wanted = commits + 1
    eventually(lambda: len(synced.subjects()) == wanted, 20, f"{commits} commits")
    synced.look_now()
    return authors(synced)


def test_two_people_who_edit_in_turns_are_each_the_author_of_their_own_commits(
    shared: Shared, alice: Person, bob: Person
) -> None:
    shop = link(shared, "turns")
    for number in range(1, 7):
        person = alice if number % 2 else bob
        person.sets(shop, REPLICAS=f"{number}0")
        committed(shop, number)
        assert shop.get()["status"]["sync"]["lastEditor"] == person.user
    assert authors(shop) == [BY_ALICE, BY_BOB] * 3


def by_patch(person: Person, shop: Synced) -> None:
    person.sets(shop, REPLICAS="5")


def by_edit(person: Person, shop: Synced) -> None:
    person.edits(shop, 's/REPLICAS: "2"/REPLICAS: "5"/')


def by_apply(person: Person, shop: Synced) -> None:
    person.applies(manifest(shop))


def by_server_side_apply(person: Person, shop: Synced) -> None:
    person.applies(manifest(shop), "--server-side", "--force-conflicts")


def by_replace(person: Person, shop: Synced) -> None:
    seen = shop.get()
    seen["spec"]["document"]["arguments"]["REPLICAS"] = "5"
    seen["metadata"].get("annotations", {}).pop(ANNOTATION, None)
    person.run("replace", "-f", "-", input=json.dumps(seen))


def manifest(shop: Synced) -> dict[str, object]:
    return {
        "apiVersion": "ebbflow.dev/v1alpha1",
        "kind": "Template",
        "metadata": {"name": shop.name, "namespace": shop.world.namespace},
        "spec": {
            "git": shop.get()["spec"]["git"],
            "document": document({"REPLICAS": "5", "COLOUR": "red"}),
        },
    }


@pytest.mark.parametrize("way", [by_patch, by_edit, by_apply, by_server_side_apply, by_replace])
def test_the_author_is_known_whatever_the_edit_is_made_with(
    shared: Shared, alice: Person, way: Callable[[Person, Synced], None]
) -> None:
    shop = link(shared, way.__name__.replace("_", "-"))
    way(alice, shop)
    assert committed(shop) == [BY_ALICE]


def test_a_service_account_is_called_by_namespace_and_name(
    shared: Shared, alice: Person, robot: Person
) -> None:
    del alice
    shop = link(shared, "by-robot")
    robot.sets(shop, REPLICAS="5")
    name = f"{shared.namespace}/robot"
    assert committed(shop) == [f"{name} <{name}@users.ebbflow.dev>"]


def test_who_creates_the_object_is_the_author_of_the_new_file(
    shared: Shared, alice: Person
) -> None:
    shared.git.create_repository("born", {"README.md": b"# Infra\n"})
    made = template("born").within(shared.namespace).holding(document({"REPLICAS": "2"}))
    alice.applies(made.at(shared.git.url_of("born"), PATH, account=shared.account).build())
    assert committed(Synced(shared, "born", "born", PATH)) == [BY_ALICE]


def test_a_document_of_almost_512_kib_has_its_author(shared: Shared, alice: Person) -> None:
    lines = "".join(f"  KEY_{n}: {'x' * 1000}\n" for n in range(500))
    text = f"apiVersion: v1.2\narguments:\n  REPLICAS: '2'\n{lines}spec: {{kind: Workflow, spec: {{type: sequential, steps: []}}}}\n"
    shop = link(shared, "large", text.encode())
    alice.sets(shop, REPLICAS="5")
    assert committed(shop) == [BY_ALICE]


def test_edits_within_one_commit_name_the_last_as_author_and_the_others_as_co_authors(
    shared: Shared, alice: Person, bob: Person
) -> None:
    shop = link(shared, "together")
    shop.patch(suspend=True)
    alice.sets(shop, REPLICAS="5")
    bob.sets(shop, COLOUR="blue")
    shop.patch(suspend=False)
    assert committed(shop) == [BY_BOB]
    assert shared.git.log("together")[0].message.splitlines()[2:] == [
        f"Ebbflow-Object: Template/{shared.namespace}/together",
        f"Co-authored-by: {BY_ALICE}",
    ]


def test_a_merge_is_by_who_edited_the_object(shared: Shared, alice: Person) -> None:
    shop = link(shared, "merged")
    shop.patch(suspend=True)
    alice.sets(shop, REPLICAS="5")
    shop.push(shop.file().replace(b"red", b"blue"))
    shop.patch(suspend=False)
    assert committed(shop, 2)[-1] == BY_ALICE
    shop.wait_arguments(REPLICAS="5", COLOUR="blue")


def test_a_record_that_a_user_writes_by_hand_names_nobody_else(
    shared: Shared, alice: Person, bob: Person
) -> None:
    shop, other = link(shared, "forged"), link(shared, "copied-from")
    alice.sets(other, REPLICAS="5")
    record = other.get()["metadata"]["annotations"][ANNOTATION]
    edit = {"spec": {"document": {"arguments": {"REPLICAS": "5"}}}}
    bob.patch(shop, {"metadata": {"annotations": {ANNOTATION: record}}, **edit})
    assert committed(shop) == [BY_BOB]
    bob.patch(shop, {"metadata": {"annotations": {ANNOTATION: record}}})
    assert shop.get()["metadata"]["annotations"][ANNOTATION] != record


def test_a_dry_run_leaves_nothing(shared: Shared, alice: Person) -> None:
    shop = link(shared, "dry")
    assert alice.is_recorded(shop)
    assert ANNOTATION not in shop.get()["metadata"].get("annotations", {})
    shop.look_now()
    assert authors(shop) == []


def test_reviews_are_counted(shared: Shared, alice: Person) -> None:
    before = shared.operator.metric("ebbflow_admission_reviews_total", outcome="recorded")
    alice.sets(link(shared, "counted"), REPLICAS="5")
    after = shared.operator.metric("ebbflow_admission_reviews_total", outcome="recorded")
    assert after > before
    assert shared.operator.metric("ebbflow_admission_up") == 1
    assert shared.operator.metric("ebbflow_admission_reviews_total", outcome="failed") == 0
