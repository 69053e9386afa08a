"""The admission policies fit what they guard. What they refuse, tests/env tries: test_approvals.py,
test_trigger_approval.py, test_trigger_targets.py."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import get_args

import pytest
import yaml

from ebbflow.api.admission_policy import APPROVE, Policy
from ebbflow.api.base import JsonObject
from ebbflow.api.gittrigger import TargetKind
from ebbflow.api.policies import POLICIES
from ebbflow.api.rbac import POLICY, USER_ROLES
from ebbflow.api.run import SourceKind
from ebbflow.api.run_policy import (
    CANCEL,
    CHECKS,
    IN_ANOTHERS_NAME,
    ROLLBACK,
    RUN,
    SOURCES,
)
from ebbflow.api.trigger_policy import TARGETS

DEPLOY = Path(__file__).parents[3] / "deploy"


@cache
def shipped(name: str) -> dict[tuple[str, str], JsonObject]:
    """Return the objects of a file, by kind and name."""
    objects = yaml.load_all((DEPLOY / name).read_text(), yaml.CSafeLoader)
    return {(each["kind"], each["metadata"]["name"]): each for each in objects}


EACH = pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.resource)


@EACH
def test_what_is_not_checked_is_refused(policy: Policy) -> None:
    wished, binding = policy.objects()
    assert wished["spec"]["failurePolicy"] == "Fail"
    assert binding["spec"] == {
        "policyName": wished["metadata"]["name"],
        "validationActions": ["Deny"],
    }


@EACH
@pytest.mark.parametrize("name", ["crds.yaml", "ebbflow.yaml"])
def test_it_is_installed_with_the_crds(name: str, policy: Policy) -> None:
    for wished in policy.objects():
        found = shipped(name)[wished["kind"], wished["metadata"]["name"]]
        assert found["spec"] == wished["spec"]


def test_every_kind_of_source_has_its_resource() -> None:
    assert set(SOURCES) == set(get_args(SourceKind))


def test_every_kind_of_target_has_its_resource() -> None:
    assert set(TARGETS) == set(get_args(TargetKind))
    assert {kind: TARGETS[kind] for kind in SOURCES if kind in TARGETS}.items() <= SOURCES.items()


def test_the_operator_has_the_verbs_that_it_needs_and_cannot_approve() -> None:
    verbs = {(verb, resource) for r in POLICY for resource in r.resources for verb in r.verbs}
    assert {(RUN, "templates"), (CANCEL, "runs")} <= verbs
    assert not {verb for verb, _ in verbs} & {APPROVE, ROLLBACK}


def test_people_who_edit_start_and_cancel_and_only_admins_approve() -> None:
    given = {
        (verb, role.aggregates_to)
        for role in USER_ROLES
        for rule in role.rules
        for verb in rule.verbs
        if verb in (APPROVE, CANCEL, RUN, ROLLBACK)
    }
    assert given == {(RUN, "edit"), (ROLLBACK, "edit"), (CANCEL, "edit"), (APPROVE, "admin")}


def test_the_refusal_by_which_the_operator_knows_the_policy_begins_with_its_words() -> None:
    assert [c for c in CHECKS if c.message.startswith(f"'{IN_ANOTHERS_NAME}: ")]
