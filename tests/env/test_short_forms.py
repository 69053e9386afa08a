"""Short forms on a simulated node, in a namespace that takes restricted pods only.

The Run itself is in memory; its objects are real, and made as the ServiceAccount default/default.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings

from ebbflow.api.base import JsonObject
from ebbflow.devcluster.cluster import ControlPlane
from ebbflow.domain.pods.allowed import refused
from ebbflow.domain.pods.pod_fields import CAPABILITIES, SELINUX_TYPES, SYSCTLS
from ebbflow.domain.pods.restricted import restricted
from tests.support.installation import install_rbac
from tests.support.pod_templates import templates
from tests.support.real_objects import SECONDS, binding, run_to, until, within, world_on
from tests.support.run_stage import RunWorld
from tests.support.waiting import eventually, soon

RBAC_PATH = "/apis/rbac.authorization.k8s.io/v1"
ENFORCE = "pod-security.kubernetes.io/enforce"
EXIT_CODE = "ebbflow.dev/kwok-exit-code"
DURATION = "ebbflow.dev/kwok-duration"
IMAGE = "registry.example.com/api:1"
CREATED = 201


@pytest.fixture(scope="module")
def simulated(kwok_cluster: ControlPlane) -> ControlPlane:
    """The cluster with the operator's rights."""
    install_rbac(kwok_cluster)
    return kwok_cluster


def make(cluster: ControlPlane, path: str, thing: JsonObject) -> JsonObject:
    answer = cluster.request("POST", path, thing)
    assert answer.status == CREATED, answer.body
    made: JsonObject = answer.json()
    return made


def make_namespace(cluster: ControlPlane, profile: str) -> str:
    name = f"{profile}-{secrets.token_hex(3)}"
    metadata = {"name": name, "labels": {ENFORCE: profile}}
    make(cluster, "/api/v1/namespaces", {"metadata": metadata})
    cluster.wait_for_service_account(name)
    return name


@pytest.fixture
def tenant(simulated: ControlPlane) -> Iterator[str]:
    """A namespace of restricted pods in which the account may edit."""
    name = make_namespace(simulated, "restricted")
    may_edit = binding("RoleBinding", "tenant", name, "ClusterRole", "edit")
    make(simulated, f"{RBAC_PATH}/namespaces/{name}/rolebindings", may_edit)
    yield name
    simulated.request("DELETE", f"/api/v1/namespaces/{name}")


@pytest_asyncio.fixture
async def world(simulated: ControlPlane, tenant: str) -> AsyncIterator[RunWorld]:
    async with world_on(simulated) as made:
        yield made


def live(cluster: ControlPlane, path: str) -> JsonObject:
    found: JsonObject = cluster.request("GET", path).json()
    return found


def service(**fields: Any) -> JsonObject:
    spec = {"name": "api", "image": IMAGE, "replicas": 2, **fields}
    return {"kind": "DeploymentService", "ref": "api", "spec": spec}


def job(**fields: Any) -> JsonObject:
    return {"kind": "Job", "spec": {"name": "migrate", "image": IMAGE, "backoffLimit": 0, **fields}}


def ending(code: int, after: str = "0s") -> JsonObject:
    return {"metadata": {"annotations": {EXIT_CODE: str(code), DURATION: after}}}


async def test_a_service_is_rolled_out(
    world: RunWorld, tenant: str, simulated: ControlPlane
) -> None:
    files = {"/etc/motd": {"data": base64.b64encode(b"hi").decode()}}
    ports = [{"name": "web", "internalPort": 8080, "public": True, "domains": ["a.example.com"]}]
    seen = {"ready": "${refs.api.deployment.status.readyReplicas}", "at": "${refs.api.ports.0.dns}"}
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "seen"}, "data": seen}
    await run_to(
        world,
        "Succeeded",
        tenant,
        service(ports=ports, runtimeFiles=files, runtimeEnvironment={"LEVEL": 3}),
        {"kind": "Manifest", "spec": {"manifest": config}},
    )
    core = f"/api/v1/namespaces/{tenant}"
    assert live(simulated, f"{core}/configmaps/seen")["data"] == {
        "ready": "2",
        "at": "a.example.com",
    }
    slices = f"/apis/discovery.k8s.io/v1/namespaces/{tenant}/endpointslices"

    def pods_behind_the_service() -> list[int]:
        return [len(one["endpoints"]) for one in live(simulated, slices)["items"]]

    eventually(lambda: pods_behind_the_service() == [2], SECONDS, "the Service's two pods")
    assert live(simulated, f"{core}/secrets/api-service-runtime")["data"] == {"etc_motd": "aGk="}


async def test_a_new_secret_value_makes_new_pods(
    world: RunWorld, tenant: str, simulated: ControlPlane
) -> None:
    path = f"/apis/apps/v1/namespaces/{tenant}/deployments/api"
    marks = []
    for run, value in (("one", "hunter1"), ("two", "hunter2"), ("three", "hunter2")):
        keys = {"name": "keys", "secrets": {"variables": {"password": value}}}
        url = "db://${refs.keys.data.password}"
        world.template(
            within(
                tenant,
                {"kind": "SecretGroup", "ref": "keys", "spec": keys},
                service(runtimeEnvironment={"URL": url}),
            )
        )
        world.ask(run)
        await world.settle()
        await until(world, "Succeeded", run)
        template = live(simulated, path)["spec"]["template"]
        assert "hunter" not in str(template)
        marks.append(template["metadata"]["annotations"]["ebbflow.dev/runtime"])
    assert marks[0] != marks[1] == marks[2]


async def test_jobs_run_by_themselves_by_a_schedule_and_by_hand(
    world: RunWorld, tenant: str, simulated: ControlPlane
) -> None:
    cron = {"name": "backup", "image": IMAGE, "schedule": "0 3 * * *"}
    await run_to(
        world,
        "Succeeded",
        tenant,
        job(),
        {"kind": "CronJob", "spec": cron},
        {"kind": "ManualJob", "spec": {"name": "seed", "image": IMAGE}},
    )
    batch = f"/apis/batch/v1/namespaces/{tenant}"
    assert live(simulated, f"{batch}/jobs/migrate")["status"]["succeeded"] == 1
    crons = live(simulated, f"{batch}/cronjobs")["items"]
    assert [one["spec"]["suspend"] for one in crons] == [False, True]
    simulated.kubectl_run("create", "job", "by-hand", "--from=cronjob/seed", "-n", tenant)
    done = ("wait", "job/by-hand", "-n", tenant, "--for=condition=Complete", "--timeout=20s")
    simulated.kubectl_run(*done)


async def test_a_job_that_failed_or_is_to_be_another_is_made_anew(
    world: RunWorld, tenant: str, simulated: ControlPlane
) -> None:
    path, uids = f"/apis/batch/v1/namespaces/{tenant}/jobs/migrate", []
    for run, node, phase in (
        ("failing", job(podTemplate=ending(7)), "Failed"),
        ("failing-again", job(podTemplate=ending(7)), "Failed"),
        ("another", job(podTemplate=ending(0)), "Succeeded"),
        ("the-same", job(podTemplate=ending(0)), "Succeeded"),
    ):
        world.template(within(tenant, node))
        world.ask(run)
        await world.settle()
        await until(world, phase, run)
        uids.append(live(simulated, path)["metadata"]["uid"])
    assert len(set(uids)) == 3
    assert uids[2] == uids[3]


async def test_a_job_is_deleted_with_its_run_cancelled(
    world: RunWorld, tenant: str, simulated: ControlPlane
) -> None:
    await run_to(world, "Running", tenant, job(podTemplate=ending(0, after="1h")))
    path = f"/apis/batch/v1/namespaces/{tenant}/jobs/migrate"
    assert live(simulated, path)["kind"] == "Job"
    world.edit("one", cancel=True)
    await world.settle()
    assert world.phase() == "Cancelled"
    assert simulated.request("GET", path).status == 404


async def test_a_database_is_ready_with_a_password_that_stays(
    world: RunWorld, tenant: str, simulated: ControlPlane
) -> None:
    volume = {
        "metadata": {"name": f"volume-{tenant}"},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": "/nowhere"},
        },
    }
    make(simulated, "/api/v1/persistentvolumes", volume)
    database = {"kind": "Addon", "spec": {"name": "db", "type": "postgresql", "version": "17"}}
    path, seen = f"/api/v1/namespaces/{tenant}/secrets/db-credentials", []
    for run in ("one", "two"):
        world.template(within(tenant, database))
        world.ask(run)
        await world.settle()
        await until(world, "Succeeded", run)
        seen.append(live(simulated, path)["data"]["PASSWORD"])
    assert seen[0] == seen[1]
    assert len(base64.b64decode(seen[0])) == 32
    simulated.request("DELETE", f"/api/v1/persistentvolumes/volume-{tenant}")


async def test_a_host_name_leads_to_a_service(
    world: RunWorld, tenant: str, simulated: ControlPlane
) -> None:
    shop = {"domain": "example.com", "subdomain": "shop", "service": {"name": "api", "port": 8080}}
    await run_to(world, "Succeeded", tenant, {"kind": "Subdomain", "spec": shop})
    path = f"/apis/networking.k8s.io/v1/namespaces/{tenant}/ingresses/shop-example-com"
    assert live(simulated, path)["spec"]["rules"][0]["host"] == "shop.example.com"


async def test_root_on_purpose_is_for_the_namespace_to_decide(world: RunWorld, tenant: str) -> None:
    loose = service(securityContext={"runAsNonRoot": False})
    await run_to(world, "Running", tenant, loose)
    await until_said(world, 'violates PodSecurity "restricted')


async def until_said(world: RunWorld, words: str) -> None:
    """Make passes until the node says something."""

    async def said() -> bool:
        await world.told()
        return words in (world.node("0.0").message or "")

    await soon(said, SECONDS, f"the node to say {words!r}")


async def test_a_dry_run_of_every_form_makes_nothing(
    world: RunWorld, tenant: str, simulated: ControlPlane
) -> None:
    files = {"/etc/motd": {"data": "aGk="}}
    world.template(
        within(
            tenant,
            service(runtimeFiles=files),
            job(),
            {"kind": "ManualJob", "spec": {"name": "seed", "image": IMAGE}},
            {"kind": "Addon", "spec": {"name": "db", "type": "redis", "version": "8"}},
            {"kind": "Subdomain", "spec": {"domain": "a.example.com", "service": {"name": "api"}}},
        )
    )
    world.ask(dryRun=True)
    await world.settle()
    assert world.phase() == "Succeeded", world.run().status.message
    plan = [(one.object.split()[1], one.action) for one in world.run().status.plan or ()]
    kinds = (
        "Secret",
        "Deployment",
        "Job",
        "CronJob",
        "Secret",
        "Service",
        "StatefulSet",
        "Ingress",
    )
    assert sorted(plan) == sorted((kind, "create") for kind in kinds)
    for path in ("/apis/apps/v1", "/apis/batch/v1"):
        for plural in ("deployments", "statefulsets") if "apps" in path else ("jobs", "cronjobs"):
            assert live(simulated, f"{path}/namespaces/{tenant}/{plural}")["items"] == []


# The profile, as the API server's own admission has it


def admitted(cluster: ControlPlane, namespace: str, template: JsonObject) -> str:
    """Return what the API server has against a pod; empty if it would take it."""
    pod = {"metadata": {"generateName": "try-"}, "spec": template["spec"]}
    answer = cluster.request("POST", f"/api/v1/namespaces/{namespace}/pods?dryRun=All", pod)
    return "" if answer.status == CREATED else str(answer.json()["message"])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(templates())
def test_the_api_server_takes_what_we_restrict(
    simulated: ControlPlane, tenant: str, template: JsonObject
) -> None:
    assert admitted(simulated, tenant, restricted(template)) == ""


def test_what_documents_may_ask_for_is_within_the_baseline_profile(
    simulated: ControlPlane,
) -> None:
    """All of it at once: what is allowed here and refused there would be a hole or a trap."""
    namespace = make_namespace(simulated, "baseline")
    context = {"runAsUser": 0, "capabilities": {"add": list(CAPABILITIES)}}
    for type_ in SELINUX_TYPES:
        template = {
            "spec": {
                "hostUsers": False,
                "securityContext": {
                    "sysctls": [{"name": name, "value": "1"} for name in SYSCTLS],
                    "seLinuxOptions": {"type": type_, "level": "s0"},
                    "appArmorProfile": {"type": "RuntimeDefault"},
                },
                "containers": [{"name": "a", "image": IMAGE, "securityContext": context}],
            }
        }
        assert refused(template) == ()
        assert admitted(simulated, namespace, restricted(template)) == ""
    simulated.request("DELETE", f"/api/v1/namespaces/{namespace}")
