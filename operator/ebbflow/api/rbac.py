"""Who may do what: the operator's rights, from the rules beside the kinds, and roles for people.

Everything that grants a right is made from `POLICY` and `USER_ROLES`: the chart, the manifests
for kubectl, the table in docs/reference/rbac.md, and the roles that tests run the operator under.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ebbflow.api.base import GROUP, JsonObject, PolicyRule
from ebbflow.api.crd import PART_OF, crd_name
from ebbflow.api.kinds import KINDS

RBAC = "rbac.authorization.k8s.io"

WEBHOOK_CONFIGURATION = "ebbflow"
"""The MutatingWebhookConfiguration in which each operator has an entry."""

CREDENTIAL_SECRET = "ebbflow-admission"  # noqa: S105 - the name of one
"""The Secret with the keys of the admission webhook, in the operator's namespace."""

_OPERATOR = (
    PolicyRule(
        "apiextensions.k8s.io",
        ("customresourcedefinitions",),
        ("get",),
        "to wait at start until its own CustomResourceDefinitions are Established, by their names",
        names=tuple(crd_name(kind.declaration) for kind in KINDS),
        namespaced=False,
    ),
    PolicyRule(
        "",
        ("serviceaccounts",),
        ("impersonate",),
        "to do what documents say as the ServiceAccount that the Template names, and never as itself. "
        "Cluster-wide this reaches every ServiceAccount: the operator refuses those of kube-* namespaces "
        "and of its own; with --namespace the right is given in those namespaces only",
    ),
    PolicyRule(
        "",
        ("serviceaccounts",),
        ("get",),
        "to tell a ServiceAccount that does not exist from one that was given no rights",
    ),
    PolicyRule(
        "events.k8s.io",
        ("events",),
        ("create",),
        "to tell what happened to an object, once for each thing that happened",
    ),
    PolicyRule(
        "coordination.k8s.io",
        ("leases",),
        ("get", "create", "update"),
        "so that one of several operators leads",
        scope="OwnNamespace",
    ),
    PolicyRule(
        "",
        ("secrets",),
        ("get", "update"),
        "to keep the keys of the admission webhook, which all replicas share",
        names=(CREDENTIAL_SECRET,),
        scope="OwnNamespace",
    ),
    PolicyRule(
        "",
        ("secrets",),
        ("create",),
        "to make that Secret at the first start: RBAC cannot name what is being created",
        scope="OwnNamespace",
    ),
    PolicyRule(
        "admissionregistration.k8s.io",
        ("mutatingwebhookconfigurations",),
        ("get", "update"),
        "to register the webhook that records who edits a document, and to repair it",
        names=(WEBHOOK_CONFIGURATION,),
        namespaced=False,
    ),
    PolicyRule(
        "admissionregistration.k8s.io",
        ("mutatingwebhookconfigurations",),
        ("create",),
        "to register it the first time: RBAC cannot name what is being created",
        namespaced=False,
    ),
)

POLICY: tuple[PolicyRule, ...] = (
    *(rule for kind in KINDS for rule in kind.declaration.policy),
    *_OPERATOR,
)

_READ = ("get", "list", "watch")
_WRITE = ("create", "update", "patch", "delete", "deletecollection")


@dataclass(frozen=True, slots=True)
class UserRole:
    """A ClusterRole for people; Kubernetes adds its rules to the built-in role `aggregates_to`."""

    name: str
    aggregates_to: Literal["view", "edit", "admin"]
    rules: tuple[PolicyRule, ...]


USER_ROLES: tuple[UserRole, ...] = (
    UserRole(
        "ebbflow-view",
        "view",
        (
            PolicyRule(
                GROUP,
                ("templates",),
                _READ,
                "to see Templates and where their sync stands. GitAccounts are left out as Secrets are: they tell which Secret opens which server",
            ),
            PolicyRule(GROUP, ("runs",), _READ, "to see what ran, why, and how it went"),
            PolicyRule(
                GROUP, ("gittriggers",), _READ, "to see what starts runs, and why something did not"
            ),
        ),
    ),
    UserRole(
        "ebbflow-edit",
        "edit",
        (
            PolicyRule(GROUP, ("templates",), _WRITE, "to make, change and remove Templates"),
            PolicyRule(
                GROUP,
                ("gittriggers",),
                _WRITE,
                "to say what starts runs, and to pause it. Naming a target takes the verb run on it, letting forks in the verb approve",
            ),
            PolicyRule(
                GROUP,
                ("runs",),
                _WRITE,
                "to write Runs. Starting one, cancelling one and approving need verbs of their own as well",
            ),
            PolicyRule(
                GROUP,
                ("templates",),
                ("run", "rollback"),
                "to start Runs of a Template, and Runs that restore an earlier one",
            ),
            PolicyRule(GROUP, ("runs",), ("cancel",), "to stop Runs, by spec.cancel"),
            PolicyRule(GROUP, ("gitaccounts",), _READ, "to know which account a Template can name"),
        ),
    ),
    UserRole(
        "ebbflow-admin",
        "admin",
        (
            PolicyRule(
                GROUP,
                ("gitaccounts",),
                _WRITE,
                "to link accounts: this decides which Secret is sent to which server, and who may use it",
            ),
            PolicyRule(
                GROUP, ("runs",), ("approve",), "to approve or reject what Approval nodes wait for"
            ),
            PolicyRule(
                GROUP,
                ("gittriggers",),
                ("approve",),
                "to let commits of forks run: each by its SHA, or all of them",
            ),
        ),
    ),
)


def wire(rule: PolicyRule) -> JsonObject:
    """Return the rule as roles hold it."""
    out: JsonObject = {"apiGroups": [rule.group], "resources": list(rule.resources)}
    if rule.names:
        out["resourceNames"] = list(rule.names)
    return out | {"verbs": list(rule.verbs)}


@dataclass(frozen=True, slots=True)
class OperatorRules:
    """The operator's rules as roles hold them, by where they are granted."""

    cluster: tuple[JsonObject, ...]  # of resources without a namespace
    served: tuple[JsonObject, ...]  # in every namespace that it serves
    own: tuple[JsonObject, ...]  # in the namespace that it runs in


def operator_rules(policy: Iterable[PolicyRule] = POLICY) -> OperatorRules:
    """Sort the rules of a policy by where they are granted."""
    rules = tuple(policy)
    everywhere = [rule for rule in rules if rule.scope == "Cluster"]
    return OperatorRules(
        cluster=tuple(wire(rule) for rule in everywhere if not rule.namespaced),
        served=tuple(wire(rule) for rule in everywhere if rule.namespaced),
        own=tuple(wire(rule) for rule in rules if rule.scope == "OwnNamespace"),
    )


@dataclass(frozen=True, slots=True)
class Account:
    """The ServiceAccount that the operator runs as."""

    namespace: str = "ebbflow-system"
    name: str = "ebbflow"


def operator_objects(account: Account, watched: Iterable[str] = ()) -> list[JsonObject]:
    """Return the ServiceAccount, roles and bindings of an operator.

    `watched` are the namespaces that it serves (its `--namespace` flags): it gets a Role in each
    and cluster-wide only what has no namespace. None: it serves the whole cluster.
    """
    namespaces = tuple(watched)
    rules = operator_rules()
    cluster = rules.cluster if namespaces else rules.served + rules.cluster
    out: list[JsonObject] = [
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {
                "name": account.name,
                "namespace": account.namespace,
                "labels": dict(PART_OF),
            },
        },
        *_granted(account, None, cluster),
    ]
    for namespace in namespaces:
        out += _granted(account, namespace, rules.served)
    # The leases have a role of their own: the operator's namespace may be a watched one as well.
    out += _granted(account, account.namespace, rules.own, "-own")
    return out


def user_objects() -> list[JsonObject]:
    """Return the aggregated ClusterRoles for people."""
    return [
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": "ClusterRole",
            "metadata": {
                "name": role.name,
                "labels": {**PART_OF, f"{RBAC}/aggregate-to-{role.aggregates_to}": "true"},
            },
            "rules": [wire(rule) for rule in role.rules],
        }
        for role in USER_ROLES
    ]


def _granted(
    account: Account, namespace: str | None, rules: tuple[JsonObject, ...], suffix: str = ""
) -> list[JsonObject]:
    """Return a role with the rules and its binding, cluster-wide if `namespace` is None."""
    kind = "ClusterRole" if namespace is None else "Role"
    metadata: JsonObject = {"name": f"{account.name}-operator{suffix}", "labels": dict(PART_OF)}
    if namespace is not None:
        metadata["namespace"] = namespace
    subject = {
        "kind": "ServiceAccount",
        "name": account.name,
        "namespace": account.namespace,
    }
    return [
        {"apiVersion": f"{RBAC}/v1", "kind": kind, "metadata": metadata, "rules": list(rules)},
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": f"{kind}Binding",
            "metadata": metadata,
            "roleRef": {"apiGroup": RBAC, "kind": kind, "name": metadata["name"]},
            "subjects": [subject],
        },
    ]
