"""Who may start, cancel and approve Runs, by the real API server's own answers."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator

import pytest

from ebbflow.api.run import CREATED_BY, TRIGGER, TRIGGER_KEY
from ebbflow.api.run_policy import INSTALL_COMMAND, RUN_POLICY
from tests.env.conftest import Shared
from tests.support.approvers import Approver, bind, said
from tests.support.installation import POLICY_SECONDS, policy_bites
from tests.support.people import Person
from tests.support.ran import Source, config_map, deployer, source, steps_document
from tests.support.waiting import eventually

VIEWER, EDITOR = ("ebbflow-view",), ("ebbflow-view", "ebbflow-edit")
ADMIN = (*EDITOR, "ebbflow-admin")
ASKS = {"kind": "Approval", "spec": {}}
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def person(shared: Shared) -> Callable[..., Approver]:
    def made(user: str, *roles: str) -> Approver:
        bind(shared.kubectl, shared.namespace, user, *roles)
        return Approver(user, shared.kubectl, shared.namespace)

    return made


@pytest.fixture(scope="module")
def robot(shared: Shared) -> str:
    return deployer(shared.kubectl, shared.namespace)


@pytest.fixture(scope="module")
def gate(shared: Shared, robot: str) -> Source:
    """A Template that waits for one approval and then makes a ConfigMap."""
    document = steps_document(ASKS, config_map("released", v="1"))
    return source(shared.kubectl, shared.namespace, "gate", document, serviceAccountName=robot)


@pytest.fixture(scope="module")
def ada(person: Callable[..., Approver], gate: Source) -> Approver:
    who = person("ada@acme.dev", *ADMIN)
    who.wait_recorded(gate.name)
    return who


@pytest.fixture(scope="module")
def bob(person: Callable[..., Approver]) -> Approver:
    return person("bob", *ADMIN)


@pytest.fixture(scope="module")
def eve(person: Callable[..., Approver]) -> Approver:
    return person("eve", *EDITOR)


@pytest.fixture
def asked(gate: Source) -> str:
    """A Run that waits for an approval; its name."""
    name = gate.start(f"asked-{next(NUMBERS)}")
    gate.wait_phase(name, "Waiting")
    return name


def test_a_run_waits_for_who_may_approve_and_then_goes_on(
    gate: Source, asked: str, ada: Approver
) -> None:
    assert ada.says(asked) == ""
    run = gate.wait_end(asked)
    assert run["status"]["nodes"][0]["message"] == "approved by ada@acme.dev"


def test_who_lacks_the_verb_is_told_which_and_how_it_is_given(asked: str, eve: Approver) -> None:
    refusal = eve.says(asked)
    assert "eve lacks the verb approve on runs.ebbflow.dev in the namespace" in refusal
    assert "kubectl create role NAME --verb=approve --resource=runs.ebbflow.dev" in refusal
    assert "lacks the verb approve" in eve.says(asked, "Reject")


def test_the_verb_can_be_given_for_one_run(
    shared: Shared, gate: Source, asked: str, person: Callable[..., Approver]
) -> None:
    dan = person("dan", *EDITOR)
    other = gate.start(f"other-{next(NUMBERS)}")
    in_place = f"--namespace={shared.namespace}"
    shared.kubectl.run(
        *("create", "role", "one-run", "--verb=approve", "--resource=runs.ebbflow.dev"),
        *(f"--resource-name={asked}", in_place),
    )
    shared.kubectl.run("create", "rolebinding", "one-run", "--role=one-run", "--user=dan", in_place)
    eventually(lambda: dan.says(asked) == "", 10, "the role to count")
    assert "lacks the verb approve" in dan.says(other)


def test_nobody_approves_in_anothers_name(asked: str, ada: Approver) -> None:
    refusal = ada.says(asked, user="bob")
    assert "the user must be ada@acme.dev, not bob" in refusal


def test_a_run_is_not_born_with_an_approval_of_another(gate: Source, ada: Approver) -> None:
    assert "not bob" in ada.starts(gate.name, "born", approvals=[said("bob")])


def test_what_was_said_is_neither_changed_nor_taken_back(
    gate: Source, asked: str, ada: Approver, bob: Approver
) -> None:
    del gate
    assert ada.says(asked, node="7") == ""
    before = said("ada@acme.dev", node="7")
    entry = "/spec/approvals"
    for who in (ada, bob):
        changed = {"op": "replace", "path": entry, "value": [before | {"decision": "Reject"}]}
        assert "cannot be changed" in who.patches(asked, changed)
        assert "approvals" in who.patches(asked, {"op": "remove", "path": entry})
        told = {"op": "add", "path": f"{entry}/0/message", "value": "never said"}
        assert who.patches(asked, told)
    assert ada.kubectl.get("Run", asked, ada.namespace)["spec"]["approvals"] == [before]


def test_two_different_people_are_needed_where_the_node_says_two(
    shared: Shared, robot: str, ada: Approver, bob: Approver
) -> None:
    two = source(
        shared.kubectl,
        shared.namespace,
        "two",
        steps_document({"kind": "Approval", "spec": {"amount": 2}}),
        serviceAccountName=robot,
    )
    name = two.start("two-1")
    two.wait_phase(name, "Waiting")
    assert ada.says(name) == ""
    assert "Duplicate value" in ada.says(name)
    eventually(
        lambda: "waits for 1 more" in two.run(name)["status"]["nodes"][0].get("message", ""),
        20,
        "one of two to be counted",
    )
    assert bob.says(name) == ""
    two.wait_end(name)


@pytest.fixture(scope="module")
def strict(shared: Shared, robot: str) -> Source:
    """A Template whose author may not approve."""
    document = steps_document({"kind": "Approval", "spec": {"excludeAuthor": True}})
    return source(shared.kubectl, shared.namespace, "strict", document, serviceAccountName=robot)


def test_who_made_the_run_is_shown_and_does_not_count(
    strict: Source, ada: Approver, bob: Approver
) -> None:
    assert ada.starts("strict", "strict-1") == ""
    run = strict.wait_phase("strict-1", "Waiting")
    assert run["status"]["trigger"] == {"type": "Manual", "actor": "ada@acme.dev"}
    assert ada.says("strict-1") == ""
    eventually(
        lambda: "does not count" in strict.run("strict-1")["status"]["nodes"][0]["message"],
        20,
        "the author to be left out",
    )
    assert bob.says("strict-1") == ""
    assert strict.wait_end("strict-1")["status"]["nodes"][0]["message"] == "approved by bob"


def test_a_record_or_trigger_that_is_written_by_hand_names_nobody_else(
    strict: Source, ada: Approver, bob: Approver
) -> None:
    assert bob.starts("strict", "copied-from") == ""
    theirs = strict.wait_phase("copied-from", "Waiting")["metadata"]["annotations"][CREATED_BY]
    trigger = json.dumps({"type": "Update", "actor": "bob"})
    notes = {CREATED_BY: theirs, TRIGGER: trigger, TRIGGER_KEY: "0" * 64}
    assert ada.starts("strict", "forged", annotations=notes) == ""
    run = strict.wait_phase("forged", "Waiting")
    assert run["status"]["trigger"] == {"type": "Manual", "actor": "ada@acme.dev"}


def test_who_edited_the_document_does_not_count(
    shared: Shared, robot: str, ada: Approver, bob: Approver
) -> None:
    made = source(
        shared.kubectl, shared.namespace, "edited", steps_document(), serviceAccountName=robot
    )
    new = steps_document({"kind": "Approval", "spec": {"excludeAuthor": True}})
    patch = json.dumps({"spec": {"document": new}})
    about = ("templates.ebbflow.dev", "edited", f"--namespace={shared.namespace}")
    Person("bob", shared.kubectl).run("patch", *about, "--type=merge", f"--patch={patch}")
    assert ada.starts("edited", "edited-1") == ""
    made.wait_phase("edited-1", "Waiting")
    assert bob.says("edited-1") == ""
    eventually(
        lambda: "bob made the Run" in made.run("edited-1")["status"]["nodes"][0]["message"],
        20,
        "the editor to be left out",
    )


def test_a_run_is_started_by_who_has_the_verb_run_on_its_source(
    shared: Shared, gate: Source, eve: Approver, person: Callable[..., Approver]
) -> None:
    assert eve.starts(gate.name, "by-eve") == ""
    writer = person("writer", *VIEWER)
    in_place = f"--namespace={shared.namespace}"
    shared.kubectl.run(
        "create", "role", "writes", "--verb=create,patch", "--resource=runs.ebbflow.dev", in_place
    )
    shared.kubectl.run(
        "create", "rolebinding", "writes", "--role=writes", "--user=writer", in_place
    )
    refusal = ""

    def is_refused_by_the_policy() -> bool:
        nonlocal refusal
        refusal = writer.starts(gate.name, "by-writer")
        return RUN_POLICY.name in refusal

    eventually(is_refused_by_the_policy, 10, "the role to count")
    assert "writer lacks the verb run on templates.ebbflow.dev" in refusal
    restores = writer.starts(gate.name, "by-writer", rollbackTo="by-eve")
    assert "lacks the verb rollback on templates.ebbflow.dev" in restores
    other = writer.starts("pr-1", "by-writer", kind="Preview")
    assert "lacks the verb run on previews.ebbflow.dev" in other


def test_a_run_is_cancelled_by_who_has_the_verb_cancel(
    gate: Source, asked: str, eve: Approver, person: Callable[..., Approver]
) -> None:
    writer = person("writer-2", *VIEWER)
    in_place = f"--namespace={gate.namespace}"
    gate.kubectl.run(
        "create", "role", "patches", "--verb=patch", "--resource=runs.ebbflow.dev", in_place
    )
    gate.kubectl.run(
        "create", "rolebinding", "patches", "--role=patches", "--user=writer-2", in_place
    )
    stop = {"op": "add", "path": "/spec/cancel", "value": True}
    eventually(
        lambda: "lacks the verb cancel on runs.ebbflow.dev" in writer.patches(asked, stop),
        10,
        "the role to count",
    )
    assert eve.patches(asked, stop) == ""
    gate.wait_end(asked, "Cancelled")


@pytest.mark.parametrize("value", [{"B": "1"}, {}, {"A": "2"}], ids=["renamed", "gone", "changed"])
def test_arguments_stay_as_they_are(gate: Source, ada: Approver, value: object) -> None:
    name = gate.start(f"argued-{next(NUMBERS)}", arguments={"A": "1"})
    path = "/spec/arguments"
    assert "cannot be changed" in ada.patches(name, {"op": "replace", "path": path, "value": value})


def test_large_arguments_hold_up_no_later_write(gate: Source, ada: Approver) -> None:
    name = gate.start("large", arguments={f"K{n}": ["x" * 100] * 10 for n in range(500)})
    assert ada.patches(name, {"op": "add", "path": "/metadata/labels", "value": {"a": "b"}}) == ""


def test_who_made_a_run_stays_written(asked: str, ada: Approver) -> None:
    path = f"/metadata/annotations/{CREATED_BY.replace('/', '~1')}"
    for change in ({"op": "remove"}, {"op": "replace", "value": "{}"}):
        assert "cannot be changed" in ada.patches(asked, change | {"path": path})
    key = f"/metadata/annotations/{TRIGGER_KEY.replace('/', '~1')}"
    assert "cannot be changed" in ada.patches(asked, {"op": "add", "path": key, "value": "x"})


@pytest.fixture
def without_policy(shared: Shared) -> Iterator[None]:
    policy, binding = RUN_POLICY.objects()
    cluster = shared.kubectl.cluster
    kind = "validatingadmissionpolicybinding"
    shared.kubectl.run("delete", kind, binding["metadata"]["name"])
    eventually(lambda: not policy_bites(cluster), POLICY_SECONDS, "the policy to be out of force")
    yield
    for each in (policy, binding):
        shared.kubectl.run("apply", "--server-side", "-f", "-", input=json.dumps(each))
    eventually(lambda: policy_bites(cluster), POLICY_SECONDS, "the policy to be in force")


def test_without_the_policy_an_approval_fails_and_says_what_installs_it(
    without_policy: None, gate: Source
) -> None:
    del without_policy
    run = gate.wait_end(gate.start("unguarded", approvals=[said("bob")]), "Failed")
    assert INSTALL_COMMAND in run["status"]["nodes"][0]["message"]
