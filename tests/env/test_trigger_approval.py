"""Who may let forks run, by the real API server's own answers."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from ebbflow.api.gittrigger import APPROVE_FORK
from tests.env.conftest import Shared
from tests.support.approvers import Approver, bind
from tests.support.builders import git_trigger
from tests.support.crd_cases_gittrigger import trigger
from tests.support.installation import POLICY_SECONDS
from tests.support.waiting import eventually

EDITOR, ADMIN = "eve", "ada@acme.dev"
SHA, OTHER = "a" * 40, "b" * 40
LETS_IN = {"allow": True}
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def people(shared: Shared) -> None:
    bind(shared.kubectl, shared.namespace, EDITOR, "ebbflow-view", "ebbflow-edit")
    bind(shared.kubectl, shared.namespace, ADMIN, "ebbflow-view", "ebbflow-edit", "ebbflow-admin")
    wished = manifest("forks-probe", forks=LETS_IN)

    def is_refused() -> bool:
        return "lacks the verb" in refusal(shared, EDITOR, wished, "create", "--dry-run=server")

    eventually(is_refused, POLICY_SECONDS, "the policy to be in force")


def manifest(name: str, approved: str | None = None, **spec: Any) -> dict[str, Any]:
    notes = {} if approved is None else {APPROVE_FORK: approved}
    wished = trigger("PullRequest", paused=True, suspend=True, **spec)
    return git_trigger(name).annotated(notes).spec(**wished).build()


def refusal(shared: Shared, user: str, wished: dict[str, Any], *verb: str) -> str:
    return Approver(user, shared.kubectl, shared.namespace).writes(wished, *verb)


@pytest.mark.parametrize(
    ("before", "after", "needs"),
    [
        pytest.param({}, {"approved": SHA}, True, id="the first approval"),
        pytest.param({"approved": SHA}, {"approved": f"{SHA},{OTHER}"}, True, id="one more"),
        pytest.param({"approved": SHA}, {"approved": SHA, "ignoreDrafts": True}, False, id="kept"),
        pytest.param({"approved": SHA}, {}, False, id="taken back"),
        pytest.param({}, {"forks": LETS_IN}, True, id="all forks"),
        pytest.param(
            {"forks": LETS_IN}, {"forks": LETS_IN, "ignoreDrafts": True}, False, id="as it was"
        ),
        pytest.param({"forks": LETS_IN}, {"forks": {"allow": False}}, False, id="none any more"),
    ],
)
def test_letting_forks_run_takes_the_verb_approve(
    shared: Shared, people: None, before: dict[str, Any], after: dict[str, Any], needs: bool
):
    name = f"forks-{next(NUMBERS)}"
    assert refusal(shared, ADMIN, manifest(name, **before), "create") == ""
    words = refusal(shared, EDITOR, manifest(name, **after))
    assert ("eve lacks the verb approve on gittriggers" in words) is needs, words
    assert (words == "") is not needs
    assert refusal(shared, ADMIN, manifest(name, **after)) == ""


@pytest.mark.parametrize("made", [{"approved": SHA}, {"forks": LETS_IN}], ids=["one", "all"])
def test_making_a_trigger_that_lets_forks_run_takes_it_too(
    shared: Shared, people: None, made: dict[str, Any]
):
    wished = manifest(f"forks-{next(NUMBERS)}", **made)
    assert "lacks the verb approve" in refusal(shared, EDITOR, wished, "create")
    assert refusal(shared, ADMIN, wished, "create") == ""


def test_other_edits_need_no_such_verb(shared: Shared, people: None):
    wished = manifest(f"forks-{next(NUMBERS)}")
    assert refusal(shared, EDITOR, wished, "create") == ""
    wished["metadata"]["annotations"] = {"ebbflow.dev/requested-at": "1"}
    assert refusal(shared, EDITOR, wished) == ""
