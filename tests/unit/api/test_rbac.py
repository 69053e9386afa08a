"""The operator's rights are few, and every role that is made holds exactly them."""

from __future__ import annotations

import pytest

from ebbflow.api.base import PolicyRule
from ebbflow.api.kinds import KINDS
from ebbflow.api.rbac import (
    POLICY,
    USER_ROLES,
    Account,
    operator_objects,
    operator_rules,
    user_objects,
    wire,
)

RULES = [*POLICY, *(rule for role in USER_ROLES for rule in role.rules)]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.verbs} {rule.resources}")
def test_no_rule_has_a_wildcard_and_each_says_why(rule: PolicyRule):
    assert "*" not in (rule.group, *rule.resources, *rule.verbs, *rule.names)
    assert len(rule.why) > 20
    assert rule.verbs
    assert rule.resources


def test_secrets_are_only_read_by_name_or_made_and_only_the_own_one_is_changed():
    rules = [rule for rule in POLICY if "secrets" in rule.resources]
    served = {verb for rule in rules if rule.scope == "Cluster" for verb in rule.verbs}
    own = {(rule.names, verb) for rule in rules if rule.scope != "Cluster" for verb in rule.verbs}
    assert served == {"get", "create"}
    assert own == {
        (("ebbflow-admission",), "get"),
        (("ebbflow-admission",), "update"),
        ((), "create"),
    }


def test_people_get_no_right_to_secrets_by_these_roles():
    assert not [rule for role in USER_ROLES for rule in role.rules if rule.group != "ebbflow.dev"]


def test_nothing_grants_rights_or_workloads():
    powers = {"escalate", "bind", "delete", "deletecollection"}
    powerful = [rule for rule in POLICY if powers & set(rule.verbs)]
    assert [(rule.resources, rule.verbs) for rule in powerful] == [
        (("runs",), ("delete",)),
        (("controllerrevisions",), ("delete",)),
        (("gittriggers",), ("delete",)),
    ]
    assert {rule.group for rule in POLICY} <= {
        "",
        "apps",
        "ebbflow.dev",
        "apiextensions.k8s.io",
        "events.k8s.io",
        "coordination.k8s.io",
        "admissionregistration.k8s.io",
    }


def test_the_operator_can_be_a_service_account_but_no_other_user_or_group():
    (rule,) = [rule for rule in POLICY if "impersonate" in rule.verbs]
    assert (rule.group, rule.resources) == ("", ("serviceaccounts",))
    assert rule.namespaced  # so that `--namespace` confines it


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.declaration.kind)
def test_every_kind_can_be_watched_and_its_status_written(kind):
    plural = kind.declaration.plural
    granted = {
        (resource, verb)
        for rule in kind.declaration.policy
        for resource in rule.resources
        for verb in rule.verbs
    }
    assert {(plural, verb) for verb in ("get", "list", "watch")} <= granted
    assert (f"{plural}/status", "patch") in granted


def test_every_rule_is_granted_in_exactly_one_place():
    rules = operator_rules()
    granted = [*rules.cluster, *rules.served, *rules.own]
    assert sorted(map(str, granted)) == sorted(str(wire(rule)) for rule in POLICY)


def kinds_and_places(objects) -> set[tuple[str, str]]:
    return {(o["kind"], o["metadata"].get("namespace", "")) for o in objects}


def test_an_operator_of_the_whole_cluster_has_one_cluster_role_and_one_role():
    objects = operator_objects(Account("ops", "flow"))
    assert kinds_and_places(objects) == {
        ("ServiceAccount", "ops"),
        ("ClusterRole", ""),
        ("ClusterRoleBinding", ""),
        ("Role", "ops"),
        ("RoleBinding", "ops"),
    }
    (cluster,) = (o["rules"] for o in objects if o["kind"] == "ClusterRole")
    assert cluster == [*operator_rules().served, *operator_rules().cluster]


def test_an_operator_of_some_namespaces_has_no_right_in_others():
    objects = operator_objects(Account("ops", "flow"), ["a", "b"])
    (cluster,) = (o["rules"] for o in objects if o["kind"] == "ClusterRole")
    assert {r for rule in cluster for r in rule["resources"]} == {
        "namespaces",
        "customresourcedefinitions",
        "mutatingwebhookconfigurations",
    }
    roles = {o["metadata"]["namespace"]: o["rules"] for o in objects if o["kind"] == "Role"}
    assert roles["a"] == roles["b"] == list(operator_rules().served)
    assert roles["ops"] == list(operator_rules().own)


def test_an_operator_may_serve_its_own_namespace():
    objects = operator_objects(Account("ops", "flow"), ["ops"])
    names = [o["metadata"]["name"] for o in objects if o["kind"] == "Role"]
    assert names == ["flow-operator", "flow-operator-own"]


def test_every_binding_names_the_account_and_a_role_that_is_made():
    objects = operator_objects(Account("ops", "flow"), ["a"])
    roles = {(o["kind"], o["metadata"]["name"]) for o in objects}
    bindings = [o for o in objects if o["kind"].endswith("Binding")]
    assert len(bindings) >= 3
    for binding in bindings:
        assert binding["subjects"] == [
            {"kind": "ServiceAccount", "name": "flow", "namespace": "ops"}
        ]
        assert (binding["roleRef"]["kind"], binding["roleRef"]["name"]) in roles


def test_viewers_do_not_see_accounts_and_editors_do_not_link_them():
    by_name = {
        role["metadata"]["name"]: {
            (resource, verb)
            for rule in role["rules"]
            for resource in rule["resources"]
            for verb in rule["verbs"]
        }
        for role in user_objects()
    }
    assert ("gitaccounts", "get") not in by_name["ebbflow-view"]
    assert ("gitaccounts", "get") in by_name["ebbflow-edit"]
    assert ("gitaccounts", "create") not in by_name["ebbflow-edit"]
    assert ("gitaccounts", "create") in by_name["ebbflow-admin"]
