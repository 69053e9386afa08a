"""A Run from its request to its end, on a cluster that lives in memory."""

from __future__ import annotations

import pytest

from ebbflow.api.base import JsonObject
from tests.support.run_stage import RunWorld, config_map


@pytest.fixture
def world() -> RunWorld:
    return RunWorld()


async def test_a_run_makes_what_the_document_says(world: RunWorld) -> None:
    await world.start(config_map("a", v="${args.V}"), config_map("b", v="x"), arguments={"V": "5"})
    assert world.phase() == "Succeeded"
    assert world.objects.live("ConfigMap", "a")["data"] == {"v": "5"}
    assert world.phases() == {"0": "Succeeded", "1": "Succeeded"}
    assert world.shop().status.active == ()
    assert world.shop().status.last_run is not None
    assert world.shop().status.last_run.phase == "Succeeded"
    assert world.run().metadata.finalizers == ()


async def test_a_later_node_reads_what_an_earlier_one_made(world: RunWorld) -> None:
    await world.start(config_map("a", v="1"), config_map("b", uid="${refs.a.metadata.uid}"))
    uid = world.objects.live("ConfigMap", "a")["metadata"]["uid"]
    assert world.objects.live("ConfigMap", "b")["data"] == {"uid": uid}


async def test_an_unknown_name_is_found_before_anything_is_made(world: RunWorld) -> None:
    await world.start(config_map("a", v="1"), config_map("b", v="${args.NOPE}"))
    assert world.phase() == "Failed"
    assert "NOPE" in world.message()
    assert world.objects.names() == []


async def test_a_delay_takes_its_time(world: RunWorld) -> None:
    await world.start({"kind": "Delay", "spec": {"duration": "30s"}}, config_map("a", v="1"))
    assert world.phases() == {"0": "Waiting"}
    world.advance(await world.look())
    await world.look()
    assert world.phases() == {"0": "Succeeded", "1": "Succeeded"}


async def test_who_asks_for_a_pass_gets_an_answer_whatever_the_run_is_at(world: RunWorld) -> None:
    world.template({"kind": "Delay", "spec": {"duration": "30s"}}, concurrencyPolicy="Queue")
    world.ask("one")
    world.ask("two")
    await world.settle()
    assert (world.phase("one"), world.phase("two")) == ("Waiting", "Queued")
    for name in ("one", "two"):
        world.request(name, "now")
        await world.look(name)
        assert world.run(name).status.last_handled_requested_at == "now"
    await world.look_until("Succeeded", "one")
    world.request("one", "again")
    await world.look("one")
    assert world.run("one").status.last_handled_requested_at == "again"
    assert world.phase("one") == "Succeeded"


async def test_an_approval_waits_for_people(world: RunWorld) -> None:
    await world.start({"kind": "Approval", "spec": {"amount": 2}}, config_map("a", v="1"))
    assert world.phase() == "Waiting"
    said = [{"node": "0", "user": user, "decision": "Approve"} for user in ("ada", "bob")]
    world.edit("one", approvals=said[:1])
    await world.look()
    assert world.phase() == "Waiting"
    world.edit("one", approvals=said)
    await world.look()
    assert world.phase() == "Succeeded"


async def test_a_run_goes_on_where_a_killed_operator_was(world: RunWorld) -> None:
    await world.start(
        config_map("a", v="1"),
        {"kind": "Delay", "spec": {"duration": "10s"}},
        config_map("b", uid="${refs.a.metadata.uid}"),
    )
    world.restart()
    world.clock.advance(10)
    await world.look()
    assert world.phase() == "Succeeded"
    assert world.objects.live("ConfigMap", "b")["data"]["uid"]


async def test_a_cancelled_run_makes_nothing_more(world: RunWorld) -> None:
    await world.start({"kind": "Delay", "spec": {"duration": "1h"}}, config_map("a", v="1"))
    world.edit("one", cancel=True)
    await world.look()
    assert world.phase() == "Cancelled"
    assert world.objects.names() == []


async def test_runs_take_turns_under_queue(world: RunWorld) -> None:
    world.template({"kind": "Delay", "spec": {"duration": "5s"}}, concurrencyPolicy="Queue")
    world.ask("one")
    world.ask("two")
    await world.settle()
    assert (world.phase("one"), world.phase("two")) == ("Waiting", "Queued")
    assert world.run("two").status.position == 1
    world.clock.advance(5)
    await world.look("one")
    await world.settle()
    assert (world.phase("one"), world.phase("two")) == ("Succeeded", "Waiting")


async def test_an_unchanged_run_is_written_no_more(world: RunWorld) -> None:
    await world.start({"kind": "Approval", "spec": {}})
    await world.look()
    world.cluster.calls.clear()
    world.clock.advance(60)
    await world.look()
    assert [call.split()[0] for call in world.cluster.calls] == ["get", "get"]


async def test_each_sequential_node_costs_one_write(world: RunWorld) -> None:
    await world.start(*(config_map(f"m{number}", v="1") for number in range(10)))
    writes = [call for call in world.cluster.calls if call.startswith("write status of Run")]
    assert len(writes) == 11


@pytest.mark.parametrize(
    ("node", "reason"),
    [
        pytest.param({"kind": "Delay", "spec": {"duration": "1h"}}, "Waiting", id="a-delay"),
        pytest.param({"kind": "Approval", "spec": {}}, "WaitingForApproval", id="an-approval"),
        pytest.param(
            {
                "kind": "Condition",
                "spec": {
                    "object": {"apiVersion": "v1", "kind": "ConfigMap", "name": "x"},
                    "until": "has(object.data)",
                },
            },
            "Waiting",
            id="a-condition",
        ),
    ],
)
async def test_only_who_waits_for_people_says_so(
    world: RunWorld, node: JsonObject, reason: str
) -> None:
    world.template(node)
    await world.has_run("one")
    status = world.run().status
    assert (status.phase, status.reason) == ("Waiting", reason)
