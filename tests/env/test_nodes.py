"""Kinds of nodes on a real API server: what it takes, what it refuses, and what comes later.

The Run itself is in memory; its objects are real, and made as the ServiceAccount default/default.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from ebbflow.api.base import JsonObject
from ebbflow.devcluster.cluster import ControlPlane
from ebbflow.domain.objects import OWNER_LABEL, owner_mark
from tests.support.kubectl import Kubectl
from tests.support.real_objects import RBAC, SECONDS, binding, run_to, until, within, world_on
from tests.support.run_stage import SHOP, RunWorld, config_map
from tests.support.waiting import soon


@pytest.fixture
def tenant(kubectl: Kubectl, namespace: str) -> Iterator[str]:
    """A namespace in which the account may edit."""
    kubectl.apply(binding("RoleBinding", "tenant", namespace, "ClusterRole", "edit"))
    yield namespace
    for kind in ("ClusterRoleBinding", "ClusterRole"):
        if kubectl.find(kind, "default-namespaces"):
            kubectl.delete(kind, "default-namespaces")


@pytest_asyncio.fixture
async def world(cluster: ControlPlane, tenant: str, rbac_usage: None) -> AsyncIterator[RunWorld]:
    async with world_on(cluster) as made:
        yield made


async def test_short_forms_make_what_the_api_server_takes(
    world: RunWorld, tenant: str, kubectl: Kubectl
) -> None:
    document = {"apiVersion": "v1.2", "spec": {"kind": "Workflow", "spec": {"steps": []}}}
    variables = {"LEVEL": 3, "NAME": "shop"}
    files = {"/etc/motd": {"data": "aGk="}}
    secrets = {"variables": variables, "files": files}
    await run_to(
        world,
        "Succeeded",
        tenant,
        {"kind": "SecretGroup", "spec": {"name": "App Keys", "secrets": secrets}},
        {"kind": "SecretGroup", "spec": {"name": "app", "type": "config", "secrets": secrets}},
        {"kind": "Volume", "spec": {"name": "data", "storageSize": 10}},
        {"kind": "Template", "spec": {"name": "inner", "document": document, "wait": False}},
    )
    secret = kubectl.get("Secret", "app-keys", tenant)
    assert secret["data"] == {"LEVEL": "Mw==", "NAME": "c2hvcA==", "etc_motd": "aGk="}
    assert secret["metadata"]["labels"][OWNER_LABEL] == owner_mark(SHOP)
    assert kubectl.get("ConfigMap", "app", tenant)["data"] == {**variables, "LEVEL": "3", "etc_motd": "hi"}  # fmt: skip
    claim = kubectl.get("PersistentVolumeClaim", "data", tenant)
    assert claim["spec"]["resources"] == {"requests": {"storage": "10Mi"}}
    assert kubectl.get("Template", "inner", tenant)["spec"]["document"] == document


async def test_a_key_that_left_a_secret_is_removed(
    world: RunWorld, tenant: str, kubectl: Kubectl
) -> None:
    """Kept as stringData it would stay for ever."""

    def secret(**data: str) -> JsonObject:
        metadata = {"name": "keys"}
        raw = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}
        return {"kind": "Manifest", "spec": {"manifest": raw}}

    await run_to(world, "Succeeded", tenant, secret(a="1", b="2"))
    world.template(within(tenant, secret(a="1")))
    world.ask("two")
    await world.settle()
    assert world.phase("two") == "Succeeded"
    assert kubectl.get("Secret", "keys", tenant)["data"] == {"a": "MQ=="}


async def test_a_namespace_needs_a_right_that_the_failure_names(
    world: RunWorld, tenant: str, kubectl: Kubectl
) -> None:
    project = {"kind": "Project", "ref": "it", "spec": {"name": f"{tenant}-x"}}
    await run_to(world, "Failed", tenant, project)
    message = world.run().status.message or ""
    assert "namespaces in the whole cluster; an admin can allow it: " in message
    for command in message.partition("an admin can allow it: ")[2].split(" && "):
        kubectl.run(*command.split()[1:])
    world.ask("two")

    async def succeeded() -> bool:
        await world.settle()
        if world.phase("two") == "Failed":  # the right was not seen everywhere yet
            world.cluster.delete(world.run("two").key)
            world.ask("two")
        return world.phase("two") == "Succeeded"

    try:
        await soon(succeeded, SECONDS, "the Run to succeed")
        assert kubectl.get("Namespace", f"{tenant}-x")["metadata"]["labels"][OWNER_LABEL]
    finally:
        kubectl.delete("Namespace", f"{tenant}-x")


async def test_a_kind_whose_definition_comes_later_is_waited_for(
    world: RunWorld, tenant: str, kubectl: Kubectl
) -> None:
    group = f"g{uuid.uuid4().hex[:8]}.example.com"
    thing = {"apiVersion": f"{group}/v1", "kind": "Thing", "metadata": {"name": "x"}}
    rule = {"apiGroups": [group], "resources": ["things"], "verbs": ["*"]}
    role = {"apiVersion": f"{RBAC}/v1", "kind": "Role", "rules": [rule]}
    kubectl.apply(role | {"metadata": {"name": "things", "namespace": tenant}})
    kubectl.apply(binding("RoleBinding", "things", tenant, "Role", "things"))
    await run_to(world, "Running", tenant, {"kind": "Manifest", "spec": {"manifest": thing}})
    await world.told()
    assert f"no CustomResourceDefinition of {group} is installed" in (
        world.node("0.0").message or ""
    )
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    kubectl.apply(
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"things.{group}"},
            "spec": {
                "group": group,
                "scope": "Namespaced",
                "names": {"kind": "Thing", "plural": "things"},
                "versions": [version],
            },
        }
    )
    try:
        await until(world, "Succeeded")
    finally:
        kubectl.delete("CustomResourceDefinition", f"things.{group}")


async def test_pods_that_cannot_be_scheduled_are_told_of(
    world: RunWorld, tenant: str, kubectl: Kubectl
) -> None:
    labels = {"app": "api"}
    container = {"name": "api", "image": "registry.example.com/api:1"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    manifest = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "api"},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }
    await run_to(world, "Running", tenant, {"kind": "Manifest", "spec": {"manifest": manifest}})

    async def told() -> bool:
        await world.told()
        return "no node takes it" in (world.node("0.0").message or "")

    await soon(told, SECONDS, "the scheduler's words")
    assert "; Pod api-" in (world.node("0.0").message or "")


async def test_a_dry_run_changes_nothing_on_the_server(
    world: RunWorld, tenant: str, kubectl: Kubectl
) -> None:
    world.template(within(tenant, config_map("a", v="1"), config_map("b", uid="${refs.a.kind}")))
    world.ask(dryRun=True)
    await world.settle()
    planned = [(one.object, one.action) for one in world.run().status.plan or ()]
    assert planned == [(f"v1 ConfigMap {tenant}/{name}", "create") for name in ("a", "b")]
    assert kubectl.find("ConfigMap", "a", tenant) is None
