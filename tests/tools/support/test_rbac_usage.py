"""The RBAC check finds what was forbidden and what nothing used, and nothing else."""

from __future__ import annotations

import dataclasses

import pytest

from ebbflow.api.base import PolicyRule
from tests.support.audit import AuditRequest, Requests
from tests.support.rbac_usage import Window, measure

GROUP = "ebbflow.dev"
OWN = "ebbflow-system"
TEMPLATES = PolicyRule(GROUP, ("templates",), ("get", "patch"), "to see edits")
STATUS = PolicyRule(GROUP, ("templates/status",), ("patch",), "to say where it stands")
LEASES = PolicyRule(
    "coordination.k8s.io", ("leases",), ("update",), "to lead", ("ebbflow",), "OwnNamespace"
)
ACCOUNTS = PolicyRule("", ("serviceaccounts",), ("impersonate",), "to act as the tenant")

REQUEST = AuditRequest(
    verb="get",
    group=GROUP,
    resource="templates",
    namespace="a",
    name="shop",
    user="operator",
    as_user="",
    user_agent="ebbflow",
    code=200,
    allowed=True,
    at=100.0,
    uri="/apis/x",
)


def asked(verb="get", resource="templates", **more):
    return dataclasses.replace(REQUEST, verb=verb, resource=resource, **more)


def refused(**more):
    return asked(**{"code": 403, "allowed": False} | more)


def check(policy, *requests, windows=()):
    return measure(policy, Requests(requests), own_namespace=OWN, windows=windows)


def unused(policy, *requests):
    return [(right.verb, right.resource) for right in check(policy, *requests).unused]


def test_rules_that_are_all_used_are_fine():
    report = check(
        [TEMPLATES, STATUS], asked(), asked("patch"), asked("patch", "templates/status", code=409)
    )
    assert report.table(whole_suite=True) == ""


def test_each_pair_of_verb_and_resource_must_be_used():
    assert unused([TEMPLATES, STATUS], asked()) == [
        ("patch", "templates"),
        ("patch", "templates/status"),
    ]


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(refused(), id="refused"),
        pytest.param(asked(group="other.dev"), id="of-another-group"),
        pytest.param(asked(resource="templates/status"), id="of-a-subresource"),
    ],
)
def test_some_requests_use_no_right(request_):
    rule = dataclasses.replace(TEMPLATES, verbs=("get",))
    assert unused([rule], request_) == [("get", "templates")]


@pytest.mark.parametrize(
    ("name", "namespace", "is_used"),
    [
        pytest.param("ebbflow", OWN, True, id="its-own"),
        pytest.param("other", OWN, False, id="of-another-name"),
        pytest.param("ebbflow", "a", False, id="elsewhere"),
    ],
)
def test_a_rule_for_a_name_and_namespace_is_used_by_that_object_only(name, namespace, is_used):
    seen = asked("update", "leases", group="coordination.k8s.io", name=name, namespace=namespace)
    assert (unused([LEASES], seen) == []) is is_used


def test_a_wildcard_is_never_used():
    rule = dataclasses.replace(TEMPLATES, verbs=("*",))
    assert unused([rule], asked(), asked("patch")) == [("*", "templates")]


def test_acting_as_another_uses_impersonate_and_not_what_the_other_did():
    seen = asked(as_user="system:serviceaccount:a:deployer", code=403, allowed=False)
    report = check([ACCOUNTS, TEMPLATES], seen)
    assert report.forbidden == ()
    assert [right.verb for right in report.unused] == ["get", "patch"]


def test_whatever_is_forbidden_is_found():
    report = check([], refused(resource="secrets", group="", verb="list"))
    assert [request.resource for request in report.forbidden] == ["secrets"]
    assert "list  secrets" in report.table(whole_suite=False)


def test_a_refusal_by_an_admission_plugin_is_no_question_of_rbac():
    assert check([], refused(allowed=True)).forbidden == ()


@pytest.mark.parametrize(("at", "count"), [(99.0, 1), (100.0, 0), (105.0, 0), (105.1, 1)], ids=str)
def test_a_refusal_on_purpose_is_excused_in_its_time_only(at, count):
    window = Window(100.0, 105.0, "the right was taken away")
    assert len(check([], refused(at=at), windows=[window]).forbidden) == count


def test_unused_rights_are_told_with_their_reason_when_the_whole_suite_ran():
    report = check([STATUS])
    assert "patch  templates/status.ebbflow.dev  to say where it stands" in report.table(
        whole_suite=True
    )
    assert report.table(whole_suite=False) == ""
