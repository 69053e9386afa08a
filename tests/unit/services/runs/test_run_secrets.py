"""Secrets in Runs: read as the tenant, when they are needed, and shown nowhere."""

from __future__ import annotations

import base64

import pytest

from ebbflow.api.base import JsonObject
from ebbflow.domain.objects import Account, Denied
from ebbflow.domain.secret import Tainted
from tests.support.run_stage import RunWorld, config_map

VALUE = "s3cret/value"


@pytest.fixture
async def world() -> RunWorld:
    made = RunWorld()
    await keep(made, "db")
    made.objects.calls.clear()
    return made


async def keep(world: RunWorld, name: str, value: str = VALUE) -> None:
    manifest = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": "default"},
        "data": {"password": base64.b64encode(value.encode()).decode()},
    }
    await world.objects.create(manifest, Account("default", "person"), manager="kubectl")


def made(world: RunWorld, name: str) -> JsonObject:
    """Return the data of a ConfigMap in plain text."""
    data: JsonObject = world.objects.live("ConfigMap", name)["data"]
    return {k: v.reveal() if isinstance(v, Tainted) else v for k, v in data.items()}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("${secrets.db.values.password}", id="by its name"),
        pytest.param("${fn.get(fn.fetchSecret('db'), 'values.password')}", id="fetched"),
        pytest.param(
            "${fn.get(fn.fetchSecret(fn.toLower('DB')), 'values.password')}", id="computed"
        ),
    ],
)
async def test_a_secret_is_read_as_the_tenant(world: RunWorld, text: str) -> None:
    world.template(config_map("a", v=text), serviceAccountName="robot")
    run = await world.has_run("one")
    assert run.status.phase == "Succeeded", run.status.message
    assert made(world, "a") == {"v": VALUE}
    assert "get Secret default/db as robot" in world.objects.calls
    assert Tainted(VALUE, frozenset({"db"})) in world.secrets


@pytest.mark.parametrize("name", ["secrets.nope.values.x", "fn.fetchSecret(fn.slug('nope'))"])
async def test_a_secret_that_is_not_there_is_named(world: RunWorld, name: str) -> None:
    world.template(config_map("a", v=f"${{{name}}}"))
    run = await world.has_run("one")
    assert run.status.phase == "Failed"
    assert "nope" in (run.status.message or "")


async def test_a_refused_read_fails_the_node_with_what_helps(world: RunWorld) -> None:
    denied = Denied("robot may not get secrets; kubectl create role …", code=403)
    world.objects.refusals.append(lambda call: denied if call.startswith("get Secret") else None)
    world.template(config_map("a", v="${secrets.db.values.password}"))
    run = await world.has_run("one")
    assert run.status.phase == "Failed"
    assert "kubectl create role" in (run.status.message or "")


async def test_a_status_keeps_no_secret_that_a_later_node_needs(world: RunWorld) -> None:
    copy = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "copy"},
        "stringData": {"v": "${secrets.db.values.password}"},
    }
    world.template(
        {"kind": "Manifest", "ref": "copy", "spec": {"manifest": copy}},
        {"kind": "Delay", "spec": {"duration": "5s"}},
        config_map("a", v="${fn.fromBase64(refs.copy.data.v)}", n="${refs.copy.metadata.name}"),
    )
    await world.has_run("one")
    assert world.node("0").outputs == {"metadata": {"name": "copy"}}
    world.restart()
    world.clock.advance(5)
    await world.look()
    assert made(world, "a") == {"v": VALUE, "n": "copy"}


async def test_an_argument_that_the_document_calls_sensitive_is_treated_as_a_secret(
    world: RunWorld,
) -> None:
    world.template(config_map("a", v="${args.KEY}"), arguments={"KEY": "public?"})
    world.cluster.edit(
        world.shop().key,
        lambda raw: raw["spec"]["document"].update(sensitiveArguments=["KEY"]),
    )
    run = await world.has_run("dry", dryRun=True)
    assert "public?" not in run.status.model_dump_json()
    assert "(secret)" in run.status.model_dump_json()


async def test_random_values_stay_over_runs_and_restarts(world: RunWorld) -> None:
    world.template(
        config_map("a", v="${fn.randomSecret(12)}"), config_map("b", v="${fn.randomSecret(12)}")
    )
    await world.has_run("one")
    first = made(world, "a"), made(world, "b")
    assert first[0] != first[1]
    world.restart()
    await world.has_run("two")
    assert (made(world, "a"), made(world, "b")) == first
    generated = world.objects.live("Secret", "shop-generated")
    assert [o["name"] for o in generated["metadata"]["ownerReferences"]] == ["shop"]


async def test_what_people_put_beside_random_values_does_no_harm(world: RunWorld) -> None:
    binary = base64.b64encode(b"\xff\xfe").decode()
    manifest = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "shop-generated", "namespace": "default"},
        "data": {"mine": binary},
    }
    await world.objects.create(manifest, Account("default", "person"), manager="kubectl")
    world.template(config_map("a", v="${fn.randomSecret(12)}"))
    assert (await world.has_run("one")).status.phase == "Succeeded"
    assert world.objects.live("Secret", "shop-generated")["data"]["mine"] == binary
