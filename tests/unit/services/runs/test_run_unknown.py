"""A dry run goes on where a value exists only after a real run, and says so."""

from __future__ import annotations

from typing import Any

import pytest

from ebbflow.api.base import JsonObject
from ebbflow.api.run import PlannedChange, Run
from ebbflow.domain.runs.planned import NOT_KNOWN
from tests.support.run_stage import SHOP, RunWorld, config_map

DB = config_map("db", host="a")
ADDRESS = "${refs.db.status.loadBalancer.ingress.0.ip}"


@pytest.fixture
def world() -> RunWorld:
    return RunWorld()


SNAPSHOT = {"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot", "spec": {}}


async def planned(world: RunWorld, *steps: JsonObject, **fields: Any) -> Run:
    world.template(*steps, **fields)
    run = await world.has_run("dry", dryRun=True)
    assert run.status.phase == "Succeeded", run.status.message
    assert [call for call in world.objects.calls if call.split()[0] not in ("get", "dry-run")] == []
    return run


def change(run: Run, node: str) -> PlannedChange:
    return next(one for one in run.status.plan or () if one.node == node)


def fields(run: Run, node: str) -> dict[str, str | None]:
    return {field.path: field.to for field in change(run, node).fields or ()}


def note(world: RunWorld, node: str) -> str:
    return world.node(node, "dry").message or ""


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(ADDRESS, id="alone"),
        pytest.param("http://${refs.db.status.host}:80", id="in-a-text"),
        pytest.param("${fn.toUpper(refs.db.status.host)}", id="in-a-function"),
        pytest.param("${fn.if(refs.db.status.host, 'x', 'y')}", id="as-a-condition"),
        pytest.param("${refs.db.metadata.uid}", id="a-uid-that-a-dry-run-makes-up"),
    ],
)
async def test_a_field_that_is_known_later_is_shown_as_such(world: RunWorld, text: str) -> None:
    run = await planned(world, DB, config_map("a", known="1", later=text))
    assert fields(run, "1")["data.later"] == NOT_KNOWN
    assert fields(run, "1")["data.known"] == "1"
    assert change(run, "1").object == "v1 ConfigMap default/a"


async def test_what_comes_of_an_unknown_value_is_unknown_too(world: RunWorld) -> None:
    first = config_map("first", ip=ADDRESS, known="1")
    run = await planned(
        world,
        DB,
        first,
        config_map("second", ip="${refs.first.data.ip}", known="${refs.first.data.known}"),
    )
    assert fields(run, "2")["data.ip"] == NOT_KNOWN
    assert fields(run, "2")["data.known"] == "1"


@pytest.mark.parametrize(
    ("kind", "spec", "made"),
    [
        pytest.param("Volume", {"name": "a", "storageSize": 1}, "made", id="claim"),
        pytest.param(
            "Subdomain", {"domain": "a.com", "service": {"name": "a"}}, "made.ingress", id="ingress"
        ),
        pytest.param(
            "DeploymentService", {"name": "a", "image": "a:1"}, "made.deployment", id="deployment"
        ),
        pytest.param("Job", {"name": "a", "image": "a:1"}, "made.job", id="job"),
        pytest.param(
            "Addon", {"name": "a", "type": "redis", "version": "7"}, "made.statefulset", id="set"
        ),
        pytest.param("AddonBackup", {"manifest": SNAPSHOT}, "made", id="made-once"),
    ],
)
async def test_what_a_node_is_to_make_has_no_uid_yet(
    world: RunWorld, kind: str, spec: JsonObject, made: str
) -> None:
    node = {"kind": kind, "ref": "made", "spec": spec}
    uid, group = (f"${{refs.{made}.{field}}}" for field in ("metadata.uid", "apiVersion"))
    run = await planned(world, node, config_map("later", uid=uid, group=group))
    assert fields(run, "1")["data.uid"] == NOT_KNOWN
    assert fields(run, "1")["data.group"] != NOT_KNOWN


async def test_the_answer_of_a_request_is_known_later(world: RunWorld) -> None:
    ask = {"kind": "HTTP", "ref": "ask", "spec": {"url": "https://api.example.com/next"}}
    run = await planned(world, ask, config_map("a", id="${refs.ask.body.id}"))
    assert fields(run, "1")["data.id"] == NOT_KNOWN
    assert world.http.requests == []


@pytest.mark.parametrize(
    "when",
    [
        pytest.param({"when": "refs.db.status.ready == true"}, id="when"),
        pytest.param({"skipNodeExecution": "${refs.db.status.off}"}, id="skip"),
    ],
)
async def test_a_node_whose_condition_is_undecided_is_planned_with_a_note(
    world: RunWorld, when: JsonObject
) -> None:
    run = await planned(world, DB, {**config_map("a", v="1"), **when})
    assert change(run, "1").action == "create"
    assert f"whether it runs is {NOT_KNOWN}" in note(world, "1")


async def test_a_condition_that_can_be_decided_is(world: RunWorld) -> None:
    skipped = {**config_map("a", v="1"), "when": "refs.db.data.host == 'other'"}
    run = await planned(world, DB, skipped)
    assert world.phases("dry") == {"0": "Succeeded", "1": "Skipped"}
    assert len(run.status.plan or ()) == 1


@pytest.mark.parametrize(
    "node",
    [
        pytest.param({"kind": "Delay", "spec": {"duration": ADDRESS}}, id="a-duration"),
        pytest.param(config_map("${refs.db.status.host}", v="1"), id="a-name"),
        pytest.param(
            {
                "kind": "Workflow",
                "spec": {
                    "context": {"namespace": "${refs.db.status.namespace}"},
                    "steps": [config_map("a", v="1")],
                },
            },
            id="a-context",
        ),
    ],
)
async def test_a_node_that_cannot_be_planned_is_planned_as_a_whole(
    world: RunWorld, node: JsonObject
) -> None:
    run = await planned(world, DB, node)
    path = "1.0" if node["kind"] == "Workflow" else "1"
    assert NOT_KNOWN in change(run, path).object
    assert NOT_KNOWN in note(world, path)


async def test_how_often_a_loop_runs_may_be_known_later(world: RunWorld) -> None:
    loop = {
        "kind": "LoopWorkflow",
        "spec": {"iterations": "${refs.db.status.hosts}", "steps": [config_map("x", v="1")]},
    }
    await planned(world, DB, loop)
    assert f"for what it runs is {NOT_KNOWN}" in note(world, "1")


async def test_how_long_a_node_may_take_does_not_matter_to_a_plan(world: RunWorld) -> None:
    run = await planned(world, DB, {**config_map("a", v="1"), "timeoutDuration": ADDRESS})
    assert change(run, "1").action == "create"


async def test_nothing_is_listed_for_deletion_while_it_is_unknown_what_is_named(
    world: RunWorld,
) -> None:
    world.template(DB, config_map("old", v="1"), prune=True)
    await world.has_run("one")
    world.change(DB, config_map("${refs.db.status.host}", v="1"))
    dry = await world.has_run("dry", dryRun=True)
    assert [one.action for one in dry.status.plan or ()].count("delete") == 0
    assert "known after the run" in (dry.status.message or "")


async def test_a_name_that_nobody_has_is_an_error_all_the_same(world: RunWorld) -> None:
    world.template(DB, config_map("a", v="${refs.trigger.pullRequestId}"))
    run = await world.has_run("dry", dryRun=True)
    assert run.status.phase == "Failed"


async def test_a_real_run_takes_nothing_for_known(world: RunWorld) -> None:
    world.template(DB, config_map("a", v=ADDRESS))
    run = await world.has_run("one")
    assert run.status.phase == "Failed"
    assert NOT_KNOWN not in run.status.model_dump_json()
    assert world.cluster.raw(SHOP) is not None
