"""Whoever names a target in a GitTrigger may run it, by the real API server's own answers."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.env.conftest import Shared
from tests.support.approvers import RBAC, Approver, bind
from tests.support.builders import git_trigger
from tests.support.crd_cases_gittrigger import timer
from tests.support.installation import POLICY_SECONDS
from tests.support.ran import deployer, source, steps_document
from tests.support.waiting import eventually

WRITER, RUNNER = "wim", "rita"
NUMBERS = itertools.count()
MOST = 16


def target(name: str, kind: str = "Template") -> dict[str, str]:
    return {"kind": kind, "name": name}


SHOP, API, FLOW = target("shop"), target("api"), target("shop", "ReleaseFlow")


def manifest(name: str, *targets: dict[str, str], **spec: Any) -> dict[str, Any]:
    wished = timer(**{"suspend": True, **spec}, targets=list(targets))
    return git_trigger(name).spec(**wished).build()


@pytest.fixture(scope="module")
def writer(shared: Shared) -> Approver:
    """Somebody who may write triggers, and run nothing but the Template `api`."""
    rules = [
        {"apiGroups": ["ebbflow.dev"], "resources": ["gittriggers"], "verbs": ["*"]},
        {
            "apiGroups": ["ebbflow.dev"],
            "resources": ["templates"],
            "resourceNames": ["api"],
            "verbs": ["run"],
        },
    ]
    about = {"name": "writes-triggers"}
    shared.kubectl.apply(
        {"apiVersion": f"{RBAC}/v1", "kind": "ClusterRole", "metadata": about, "rules": rules}
    )
    bind(shared.kubectl, shared.namespace, WRITER, about["name"])
    made = Approver(WRITER, shared.kubectl, shared.namespace)

    def is_refused() -> bool:
        words = made.writes(manifest("targets-probe", SHOP), "create", "--dry-run=server")
        return "lacks the verb" in words

    eventually(is_refused, POLICY_SECONDS, "the policy to be in force")
    return made


@pytest.fixture(scope="module")
def runner(shared: Shared) -> Approver:
    """Somebody with the role `edit`, who may run every Template."""
    bind(shared.kubectl, shared.namespace, RUNNER, "ebbflow-view", "ebbflow-edit")
    return Approver(RUNNER, shared.kubectl, shared.namespace)


def test_making_a_trigger_takes_the_verb_run_on_its_target(
    writer: Approver, runner: Approver
) -> None:
    wished = manifest(f"targets-{next(NUMBERS)}", SHOP)
    words = writer.writes(wished, "create")
    assert "to start Template shop by a trigger takes the right to run it" in words
    assert "wim lacks the verb run on templates.ebbflow.dev in the namespace" in words
    assert "--verb=run --resource=templates.ebbflow.dev" in words
    assert runner.writes(wished, "create") == ""


def test_the_verb_on_one_target_lets_one_name_that_one(writer: Approver) -> None:
    name = f"targets-{next(NUMBERS)}"
    assert writer.writes(manifest(name, API), "create") == ""
    assert "to start Template shop " in writer.writes(manifest(name, API, SHOP))


def test_a_target_of_another_kind_takes_the_verb_on_that_kind(runner: Approver) -> None:
    words = runner.writes(manifest(f"targets-{next(NUMBERS)}", SHOP, FLOW), "create")
    assert "rita lacks the verb run on releaseflows.ebbflow.dev" in words


@pytest.mark.parametrize(
    ("before", "after", "needs"),
    [
        pytest.param([SHOP], [API], False, id="one that it may run in its place"),
        pytest.param([API], [SHOP], True, id="another in its place"),
        pytest.param([API], [API, SHOP], True, id="one more"),
        pytest.param([API, SHOP], [SHOP], False, id="one less"),
        pytest.param([API, SHOP], [SHOP, API], False, id="in another order"),
        pytest.param([SHOP], [FLOW], True, id="of the same name, of another kind"),
    ],
)
def test_an_edit_takes_the_verb_on_the_targets_that_it_adds(
    shared: Shared,
    writer: Approver,
    before: list[dict[str, str]],
    after: list[dict[str, str]],
    needs: bool,
) -> None:
    name = f"targets-{next(NUMBERS)}"
    made = manifest(name, *before)
    made["metadata"]["namespace"] = shared.namespace
    shared.kubectl.create(made)
    words = writer.writes(manifest(name, *after))
    assert ("wim lacks the verb run on " in words) is needs, words
    assert (words == "") is not needs


def test_other_edits_need_no_such_verb(writer: Approver, runner: Approver) -> None:
    name = f"targets-{next(NUMBERS)}"
    assert runner.writes(manifest(name, SHOP), "create") == ""
    assert writer.writes(manifest(name, SHOP, paused=True, pausedReason="the freeze")) == ""


def test_each_of_the_most_targets_is_looked_at(writer: Approver, runner: Approver) -> None:
    many = [target(f"t{number}") for number in range(MOST - 1)]
    name = f"targets-{next(NUMBERS)}"
    assert runner.writes(manifest(name, *many), "create") == ""
    assert "to start Template shop " in writer.writes(manifest(name, *many, SHOP))
    assert runner.writes(manifest(name, *many, SHOP)) == ""
    all_new = manifest(f"targets-{next(NUMBERS)}", *many, SHOP)
    assert runner.writes(all_new, "create") == ""


@pytest.mark.parametrize(
    ("also", "phase"), [((), "Failed"), (("templates",), "Succeeded")], ids=["lacks it", "has it"]
)
def test_a_node_makes_a_trigger_only_of_what_its_account_may_run(
    shared: Shared, writer: Approver, also: tuple[str, ...], phase: str
) -> None:
    name = f"targets-{next(NUMBERS)}"
    robot = deployer(shared.kubectl, shared.namespace, name, ["gittriggers", *also])
    spec = {"name": name, "wait": False, **timer(targets=[SHOP])}
    node = {"kind": "GitTrigger", "spec": spec}
    made = source(
        shared.kubectl, shared.namespace, name, steps_document(node), serviceAccountName=robot
    )
    run = made.wait_end(made.start(f"{name}-run"), phase)
    words = run["status"]["nodes"][0].get("message") or ""
    assert (f"{name} lacks the verb run on templates.ebbflow.dev" in words) is (phase == "Failed")
