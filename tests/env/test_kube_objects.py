"""Any object of a real API server, as a tenant: rights, refusals in words, and watches."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from ebbflow.adapters.kube.client import KubeClient
from ebbflow.adapters.kube.connection import Connection, Kubeconfig
from ebbflow.api.base import JsonObject, Key
from ebbflow.devcluster.cluster import ControlPlane
from ebbflow.domain.health import InProgress, health
from ebbflow.domain.objects import (
    Absent,
    Account,
    AccountMissing,
    Denied,
    Invalid,
    KindMissing,
    NamespaceMissing,
    NamespaceTerminating,
    ObjectId,
    Powerless,
    RejectedByAdmission,
    SystemNamespace,
    Usable,
)
from ebbflow.domain.plan import FieldChange, plan_object
from ebbflow.domain.secret import Tainted
from tests.support.audit import AuditLog
from tests.support.installation import ACCOUNT, OPERATOR_USER, operator_kubeconfig
from tests.support.kubectl import Kubectl
from tests.support.objects_contract import ObjectsContract
from tests.support.tenant_world import Uncounted, World, refusal

CANARY = "canary-of-a-made-secret"


def account(namespace: str, name: str) -> JsonObject:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}


@pytest.fixture
def tenant(kubectl: Kubectl, namespace: str) -> str:
    """A namespace with the account `worker` that may edit, and `nobody` that has no rights."""
    for name in ("worker", "nobody"):
        kubectl.apply(account(namespace, name))
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"}
    kubectl.apply(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "worker", "namespace": namespace},
            "roleRef": role,
            "subjects": [{"kind": "ServiceAccount", "name": "worker", "namespace": namespace}],
        }
    )
    return namespace


@pytest_asyncio.fixture
async def world(
    cluster: ControlPlane, kubectl: Kubectl, tenant: str, rbac_usage: None
) -> AsyncIterator[World]:
    source = Kubeconfig(str(operator_kubeconfig(cluster)), None)
    client = KubeClient(await Connection.open(source), Uncounted())
    made = World(client, kubectl, tenant)
    yield made
    await made.watch.close()
    await client.close()


class TestKubeObjects(ObjectsContract):
    """The port's contract, on the real API server."""


async def test_every_request_about_an_object_goes_as_the_tenant(
    world: World, audit: AuditLog
) -> None:
    start = audit.mark()
    await world.apply(world.config_map(a="1"), dry_run=True)
    await world.apply(world.config_map(a="1"))
    await world.objects.get(world.target(), world.worker)
    made = audit.since(start).where(user=OPERATOR_USER, namespace=world.namespace)
    assert {(r.verb, r.as_user) for r in made} == {
        ("patch", world.worker.user),
        ("get", world.worker.user),
    }


async def test_a_dry_run_changes_nothing_and_gives_the_plan(world: World) -> None:
    dry = await world.apply(world.config_map(a="1"), dry_run=True)
    assert plan_object(None, dry).action == "create"
    assert await world.objects.get(world.target(), world.worker) is None

    await world.apply(world.config_map(a="1"))
    live = await world.objects.get(world.target(), world.worker)
    assert (
        plan_object(live, await world.apply(world.config_map(a="1"), dry_run=True)).action == "none"
    )
    dry = await world.apply(world.config_map(a="2", b="3"), dry_run=True)
    assert plan_object(live, dry).fields == (
        FieldChange("data.a", "1", "2"),
        FieldChange("data.b", None, "3"),
    )


async def test_an_account_without_the_right_is_told_what_an_admin_would_run(world: World) -> None:
    nobody = Account(world.namespace, "nobody")
    with pytest.raises(Denied) as caught:
        await world.objects.get(world.target(), nobody)
    said = str(caught.value)
    assert f"cannot get ConfigMap {world.namespace}/settings as ServiceAccount" in said
    assert f"it may not get configmaps in namespace {world.namespace}" in said

    _, _, commands = said.partition("an admin can allow it: ")
    for command in commands.split(" && "):
        world.kubectl.run(*command.split()[1:])
    assert await world.objects.get(world.target(), nobody) is None

    with pytest.raises(Denied, match=r"may not (create|patch) configmaps"):
        await world.objects.apply(world.config_map(), nobody, manager="m")


async def test_an_account_that_is_missing_is_told_apart_from_one_without_rights(
    world: World,
) -> None:
    missing = Account(world.namespace, "missing")
    with pytest.raises(AccountMissing, match="kubectl create serviceaccount missing -n"):
        await world.objects.get(world.target(), missing)
    assert isinstance(await world.objects.check_account(missing), Absent)
    state = await world.objects.check_account(Account(world.namespace, "nobody"))
    assert isinstance(state, Powerless)
    assert await world.objects.check_account(world.worker) == Usable()


async def test_rights_that_the_account_lacks_cannot_be_given_away(world: World) -> None:
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": f"{world.namespace}-grab"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": "worker", "namespace": world.namespace}],
    }  # fmt: skip
    with pytest.raises(Denied, match="clusterrolebindings"):
        await world.apply(role)


@pytest.mark.parametrize("namespace", ["kube-system", "kube-public", ACCOUNT.namespace])
async def test_namespaces_of_the_system_are_never_touched(
    world: World, audit: AuditLog, namespace: str
) -> None:
    start = audit.mark()
    manifest = world.config_map()
    manifest["metadata"]["namespace"] = namespace
    with pytest.raises(SystemNamespace):
        await world.apply(manifest)
    with pytest.raises(SystemNamespace):
        await world.objects.get(world.target(), Account(namespace, "default"))
    asked = audit.since(start).where(user=OPERATOR_USER)
    assert [request for request in asked if request.as_user] == []


async def test_a_kind_is_found_once_its_definition_has_come(world: World) -> None:
    group = f"g{uuid.uuid4().hex[:8]}.example.com"
    thing = {"apiVersion": f"{group}/v1", "kind": "Thing", "metadata": {"name": "x"}}
    with pytest.raises(KindMissing, match=f"no CustomResourceDefinition of {group} is installed"):
        await world.apply(thing)
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    world.kubectl.apply(
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"things.{group}"},
            "spec": {
                "group": group,
                "scope": "Namespaced",
                "names": {"kind": "Thing", "plural": "things"},
                "versions": [
                    {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
                ],
            },
        }
    )  # fmt: skip
    try:
        # The role `edit` knows nothing of the kind: that it is denied means that it was found.
        assert "things" in str(await refusal(Denied, lambda: world.apply(thing)))
        with pytest.raises(KindMissing, match="served as v1: change apiVersion"):
            await world.apply(thing | {"apiVersion": f"{group}/v2"})
        with pytest.raises(KindMissing, match=r"did you mean Thing\?"):
            await world.apply(thing | {"kind": "Things"})
    finally:
        world.kubectl.delete("CustomResourceDefinition", f"things.{group}")


async def test_an_invalid_object_is_refused_with_its_fields(world: World) -> None:
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "api"},
        "spec": {"replicas": -1, "selector": {"matchLabels": {"a": "b"}}, "template": {}},
    }
    with pytest.raises(Invalid) as caught:
        await world.apply(deployment)
    assert "spec.replicas" in caught.value.fields
    with pytest.raises(Invalid, match="replicaz"):
        await world.apply(deployment | {"spec": {"replicaz": 1}})
    with pytest.raises(Invalid):
        await world.apply(world.config_map("Not_A_Name"))


async def test_a_name_can_be_made_by_the_server(world: World) -> None:
    generated = world.config_map()
    generated["metadata"] = {"generateName": "some-"}
    made = await world.objects.create(generated, world.worker, manager="m")
    assert made["metadata"]["name"].startswith("some-")


async def test_a_namespace_that_is_missing_or_being_deleted_is_told_so(world: World) -> None:
    admin = Account(world.namespace, "worker")
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": f"{world.namespace}-everywhere"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"},
        "subjects": [{"kind": "ServiceAccount", "name": "worker", "namespace": world.namespace}],
    }
    world.kubectl.apply(binding)
    other = f"{world.namespace}-x"
    manifest = world.config_map()
    manifest["metadata"]["namespace"] = other
    try:
        missing = await refusal(
            NamespaceMissing, lambda: world.objects.apply(manifest, admin, manager="m")
        )
        assert f"kubectl create namespace {other}" in str(missing)
        held = {"name": other}
        world.kubectl.create({"apiVersion": "v1", "kind": "Namespace", "metadata": held})
        kept = world.config_map("kept")
        kept["metadata"] |= {"namespace": other, "finalizers": ["example.com/hold"]}
        await world.objects.apply(kept, admin, manager="m")
        world.kubectl.run("delete", "namespace", other, "--wait=false")
        with pytest.raises(NamespaceTerminating, match=f"{other} is being deleted"):
            await world.objects.apply(manifest, admin, manager="m")
        patch = json.dumps({"metadata": {"finalizers": None}})
        world.kubectl.run("patch", "cm", "kept", "-n", other, "--type=merge", "-p", patch)
    finally:
        world.kubectl.delete("ClusterRoleBinding", f"{world.namespace}-everywhere")


@pytest.fixture
def strict_policy(kubectl: Kubectl, tenant: str) -> Iterator[str]:
    """A ValidatingAdmissionPolicy that refuses ConfigMaps with the key `forbidden`."""
    name = f"{tenant}-policy"
    kind = "admissionregistration.k8s.io/v1"
    place = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": tenant}}}
    rule = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": ["*"],
        "resources": ["configmaps"],
    }
    kubectl.apply(
        {
            "apiVersion": kind,
            "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": name},
            "spec": {
                "matchConstraints": {"resourceRules": [rule], **place},
                "validations": [
                    {"expression": "!('forbidden' in object.data)", "message": "not this key"}
                ],
            },
        }
    )
    kubectl.apply(
        {
            "apiVersion": kind,
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": name},
            "spec": {"policyName": name, "validationActions": ["Deny"]},
        }
    )
    yield name
    kubectl.delete("ValidatingAdmissionPolicyBinding", name)
    kubectl.delete("ValidatingAdmissionPolicy", name)


async def test_an_admission_policy_that_refuses_is_named_with_its_words(
    world: World, strict_policy: str
) -> None:
    manifest = world.config_map(forbidden="1")
    refused = await refusal(RejectedByAdmission, lambda: world.apply(manifest, dry_run=True))
    assert refused.by == strict_policy
    assert "not this key" in str(refused)


async def test_a_quota_that_refuses_is_told_in_its_words(world: World) -> None:
    metadata = {"name": "few", "namespace": world.namespace}
    world.kubectl.apply(
        {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": metadata,
            "spec": {"hard": {"count/secrets": "0"}},
        }
    )
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}
    refused = await refusal(RejectedByAdmission, lambda: world.apply(secret, dry_run=True))
    assert "exceeded quota: few" in str(refused)


async def test_a_secret_goes_in_and_is_never_shown(world: World) -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "keys"},
        "stringData": {"token": Tainted(CANARY)},
    }
    made = await world.apply(secret)
    assert isinstance(made["data"]["token"], Tainted)
    live = await world.objects.get(ObjectId("", "Secret", "", "keys", "v1"), world.worker)
    assert live is not None
    assert CANARY not in repr(live)
    assert CANARY in world.secrets

    dry = await world.apply(
        secret | {"stringData": {"token": Tainted("other-canary")}}, dry_run=True
    )
    assert plan_object(live, dry).fields == (FieldChange("data.token", "(secret)", "(secret)"),)

    plain = await world.apply(world.config_map(url=Tainted(f"https://{CANARY}@example.com")))
    assert isinstance(plain["data"]["url"], Tainted)
    with pytest.raises(Invalid) as caught:
        await world.apply(world.config_map() | {"data": {"a": {"b": Tainted(CANARY)}}})
    assert CANARY not in str(caught.value)


async def test_a_change_of_a_made_object_wakes_who_waits_for_it(world: World) -> None:
    await world.apply(world.config_map(a="1"))
    await world.apply(world.config_map("other", a="1"))
    run, later = Key("Run", world.namespace, "r1"), Key("Run", world.namespace, "r2")
    world.watch.follow(run, world.worker, [world.target()])
    world.watch.follow(later, world.worker, [world.target("other")])
    assert world.watch.open == 1
    assert {await world.next_woken(), await world.next_woken()} == {run, later}
    await asyncio.sleep(0)
    await world.apply(world.config_map(a="2"))
    while await world.next_woken() != run:
        pass
    await world.quiet()
    await world.apply(world.config_map(a="3"))
    assert await world.next_woken() == run
    world.watch.forget(run)
    await world.apply(world.config_map(a="4"))
    await world.apply(world.config_map("other", a="2"))
    assert await world.next_woken() == later


async def test_an_object_that_others_made_is_waited_for_by_its_name(world: World) -> None:
    run = Key("Run", world.namespace, "r1")
    claim = ObjectId("", "PersistentVolumeClaim", world.namespace, "disk", "v1")
    world.watch.follow(run, world.worker, [claim], made=False)
    await world.next_woken()
    await world.quiet()
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    world.kubectl.apply(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "disk", "namespace": world.namespace},
            "spec": spec,
        }
    )
    assert await world.next_woken() == run
    live = await world.objects.get(claim, world.worker)
    assert live is not None
    assert isinstance(health(live), InProgress)


async def test_who_may_not_watch_is_woken_by_the_clock(world: World) -> None:
    run = Key("Run", world.namespace, "r1")
    world.watch.follow(run, Account(world.namespace, "nobody"), [world.target()])
    assert await world.next_woken() == run
