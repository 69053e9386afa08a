"""Nodes inside of others: loops, refs, contexts, documents within documents, what is left out."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from ebbflow.api.base import JsonObject
from ebbflow.domain.objects import Account
from ebbflow.domain.secret import Tainted
from tests.support.run_stage import RunWorld, config_map

ROBOT = Account("default", "robot")


@pytest.fixture
def world() -> RunWorld:
    return RunWorld()


def loop(iterations: Any, *steps: JsonObject, **spec: Any) -> JsonObject:
    inner = {"type": "sequential", "iterations": iterations, "steps": list(steps), **spec}
    return {"kind": "LoopWorkflow", "spec": inner}


def workflow(*steps: JsonObject, **spec: Any) -> JsonObject:
    return {"kind": "Workflow", "spec": {"type": "sequential", "steps": list(steps), **spec}}


def delay(duration: str, **envelope: Any) -> JsonObject:
    return {"kind": "Delay", "spec": {"duration": duration}, **envelope}


def values(world: RunWorld) -> dict[str, str]:
    """What the ConfigMaps hold, by name."""
    found = {}
    for title in world.objects.names():
        name = title.rpartition("/")[2]
        found[name] = world.objects.live("ConfigMap", name)["data"]["v"]
    return found


# Loops


async def test_a_loop_runs_its_steps_for_each_item(world: RunWorld) -> None:
    step = config_map("m-${loop.index}", v="${loop.item.name}")
    items = [{"name": "x"}, {"name": "y"}]
    await world.start(loop("${args.ITEMS}", step), arguments={"ITEMS": items})
    assert world.phase() == "Succeeded"
    assert values(world) == {"m-0": "x", "m-1": "y"}


async def test_a_ref_within_a_loop_is_that_of_the_same_iteration(world: RunWorld) -> None:
    first = config_map("first-${loop.index}", v="${loop.item}") | {"ref": "first"}
    second = config_map("second-${loop.index}", v="${refs.first.data.v}") | {"ref": "second"}
    await world.start(loop(["a", "b", "c"], first, second, parallelism=3))
    found = values(world)
    assert [found[f"second-{n}"] for n in range(3)] == ["a", "b", "c"]


async def test_loops_within_loops_see_the_inner_item_and_the_refs_of_both(world: RunWorld) -> None:
    outer = config_map("outer-${loop.item}", v="${loop.item}") | {"ref": "outer"}
    inner = config_map("inner-${refs.outer.data.v}-${loop.item}", v="${loop.index}")
    await world.start(loop(["a", "b"], outer, loop([1, 2], inner | {"ref": "inner"})))
    assert sorted(values(world)) == [
        *("inner-a-1", "inner-a-2", "inner-b-1", "inner-b-2"),
        *("outer-a", "outer-b"),
    ]


async def test_a_loop_has_no_more_iterations_under_way_than_its_parallelism(
    world: RunWorld,
) -> None:
    await world.start(loop(list(range(5)), delay("10s"), parallelism="2"))
    waits = {path for path, phase in world.phases().items() if phase == "Waiting"}
    assert waits == {"0[0].0", "0[1].0"}
    for _ in range(3):
        world.clock.advance(10)
        await world.look()
    assert world.phase() == "Succeeded"
    assert world.node("0").iterations is not None
    assert (world.node("0").iterations.total, world.node("0").iterations.done) == (5, 5)


async def test_a_failed_iteration_begins_no_other_and_names_itself(world: RunWorld) -> None:
    step = config_map("m-${loop.index}", v="${loop.item.name}")
    await world.start(loop([{"name": "x"}, {}, {"name": "z"}], step))
    assert world.phase() == "Failed"
    assert values(world) == {"m-0": "x"}
    message = world.message()
    assert "0[1].0" in message
    assert "spec.spec.steps[0].spec.steps[0].spec.manifest.data.v" in message
    assert "name" in message


async def test_what_is_no_list_of_items_fails_the_loop_with_words(world: RunWorld) -> None:
    await world.start(loop("${args.TEXT}", delay("0s")), arguments={"TEXT": "x"})
    assert world.phase() == "Failed"
    assert world.message() == 'LoopWorkflow 0: iterations must be an array, not "x"'


async def test_a_loop_over_nothing_is_done(world: RunWorld) -> None:
    await world.start(loop([], config_map("a", v="1")))
    assert world.phase() == "Succeeded"
    assert world.objects.names() == []


async def test_a_loop_of_many_iterations_leaves_neither_states_nor_memory(world: RunWorld) -> None:
    step = config_map("m", v="${loop.item}")
    await world.start(loop(list(range(300)), step, parallelism=10), delay("1h"))
    assert world.phases() == {"0": "Succeeded", "1": "Waiting"}
    ((_, memory),) = world.execution._memories.values()
    for held in (memory.outputs, memory.begun, memory.ended, memory.contexts):
        assert len(held) < 40


async def test_a_loop_goes_on_where_a_killed_operator_was(world: RunWorld) -> None:
    items = [f"i{n}" for n in range(4)]
    step = config_map("m-${loop.item}", v="${loop.index}")
    await world.start(loop("${args.ITEMS}", delay("5s"), step), arguments={"ITEMS": items})
    for _ in range(2):
        world.clock.advance(5)
        await world.look()
    world.restart()
    for _ in range(2):
        world.clock.advance(5)
        await world.look()
    assert world.phase() == "Succeeded"
    assert values(world) == {f"m-i{n}": str(n) for n in range(4)}


# Contexts


async def test_nodes_take_the_defaults_of_the_workflows_around_them(world: RunWorld) -> None:
    outer = {"labels": {"team": "a", "tier": "web"}, "annotations": {"note": "x"}}
    inner = {"namespace": "inner", "labels": {"tier": "db", "count": 3, "on": True}}
    step = config_map("a", v="1")
    await world.start(workflow(workflow(step, context=inner), context=outer))
    metadata = world.objects.live("ConfigMap", "a", "inner")["metadata"]
    given = {key: metadata["labels"][key] for key in ("team", "tier", "count", "on")}
    assert given == {"team": "a", "tier": "db", "count": "3", "on": "true"}
    assert metadata["annotations"] == {"note": "x"}


async def test_what_an_object_says_itself_wins_over_its_context(world: RunWorld) -> None:
    step = config_map("a", v="1")
    step["spec"]["manifest"]["metadata"] |= {"namespace": "own", "labels": {"team": "own"}}
    context = {"namespace": "other", "labels": {"team": "other"}}
    await world.start(workflow(step, context=context))
    metadata = world.objects.live("ConfigMap", "a", "own")["metadata"]
    assert metadata["labels"]["team"] == "own"


async def test_northflanks_project_is_the_namespace(world: RunWorld) -> None:
    project = config_map("p", v="shop")
    step = workflow(config_map("a", v="1"), context={"projectId": "${refs.p.data.v}"})
    await world.start(project, step)
    assert world.objects.live("ConfigMap", "a", "shop")["data"] == {"v": "1"}


async def test_the_context_of_a_loop_can_use_its_item(world: RunWorld) -> None:
    context = {"namespace": "${loop.item}"}
    await world.start(loop(["one", "two"], config_map("a", v="1"), context=context))
    assert world.objects.names() == ["ConfigMap one/a", "ConfigMap two/a"]


async def test_the_account_of_a_context_does_the_work(world: RunWorld) -> None:
    step = workflow(config_map("a", v="1"), context={"serviceAccountName": "robot"})
    await world.start(step, config_map("b", v="1"), serviceAccountName="boss")
    applied = [call for call in world.objects.calls if call.startswith("apply")]
    assert applied == [
        "apply ConfigMap default/a as robot",
        "apply ConfigMap default/b as boss",
    ]


@pytest.mark.parametrize(
    ("context", "words"),
    [
        pytest.param(
            {"namespace": "${args.LIST}"},
            "spec.spec.steps[0].spec.context.namespace: must be a text, not an array",
            id="namespace",
        ),
        pytest.param(
            {"labels": "${args.LIST}"},
            "spec.spec.steps[0].spec.context.labels: must be an object, not an array",
            id="labels",
        ),
    ],
)
async def test_a_default_of_the_wrong_type_is_refused_with_its_place(
    world: RunWorld, context: JsonObject, words: str
) -> None:
    await world.start(workflow(config_map("a", v="1"), context=context), arguments={"LIST": []})
    assert world.message() == f"Manifest a (0.0): {words}"


async def test_a_secret_is_no_default(world: RunWorld) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}
    value = Tainted(base64.b64encode(b"hush-hush").decode())
    await world.objects.create(secret | {"data": {"key": value}}, ROBOT, manager="test")
    context = {"labels": {"x": "${secrets.s.values.key}"}}
    await world.start(workflow(config_map("a", v="1"), context=context))
    assert "a secret cannot be a default" in world.message()
    assert "hush-hush" not in str(world.run().dump())


# Left out


@pytest.mark.parametrize(
    ("envelope", "phase"),
    [
        pytest.param({"skipNodeExecution": "true"}, "Skipped", id="the-text-true"),
        pytest.param({"skipNodeExecution": True}, "Skipped", id="true"),
        pytest.param({"skipNodeExecution": "false"}, "Succeeded", id="the-text-false"),
        pytest.param({"skipNodeExecution": "${args.NO}"}, "Succeeded", id="an-expression"),
        pytest.param(
            {"skipNodeExecution": "${fn.eq(args.ENV, 'prod')}"}, "Skipped", id="a-function"
        ),
        pytest.param({"when": "args.ENV == 'prod'"}, "Succeeded", id="when-it-holds"),
        pytest.param({"when": "args.ENV == 'test'"}, "Skipped", id="when-it-does-not"),
        pytest.param(
            {"when": "has(refs.first) && refs.first.data.v == '1'"}, "Succeeded", id="a-ref"
        ),
        pytest.param({"when": "refs['first'].data.v == '2'"}, "Skipped", id="a-ref-in-brackets"),
        pytest.param({"when": "size(refs) == 2"}, "Succeeded", id="all-refs"),
    ],
)
async def test_a_node_is_left_out_as_the_document_says(
    world: RunWorld, envelope: JsonObject, phase: str
) -> None:
    arguments = {"ENV": "prod", "NO": False}
    node = delay("0s", **envelope)
    await world.start(config_map("first", v="1"), node, config_map("b", v="1"), arguments=arguments)
    assert world.phase() == "Succeeded", world.message()
    assert world.phases()["1"] == phase
    assert world.phases()["2"] == "Succeeded"


@pytest.mark.parametrize(
    ("envelope", "why"),
    [
        pytest.param({"skipNodeExecution": True}, "skipNodeExecution is true", id="skip"),
        pytest.param({"when": "false"}, "when is false", id="when"),
    ],
)
async def test_a_node_that_is_left_out_says_why(
    world: RunWorld, envelope: JsonObject, why: str
) -> None:
    await world.start(delay("0s", **envelope))
    assert world.node("0").message == why


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(config_map("first", v="1") | {"when": "false"}, id="skipped"),
        pytest.param(
            config_map("first", v="${args.LIST.x}") | {"onFailure": "continue"}, id="failed"
        ),
    ],
)
async def test_what_a_node_without_outputs_was_asked_for_is_said(
    world: RunWorld, first: JsonObject
) -> None:
    last = config_map("b", v="${refs.first.data.v}")
    await world.start(first, last, arguments={"LIST": []})
    said = world.message()
    assert 'the node "first" has no outputs: it failed, was skipped or is not done' in said
    assert "has(refs.first)" in said


async def test_a_condition_in_a_loop_sees_the_item_and_its_number(world: RunWorld) -> None:
    step = config_map("m-${loop.item}", v="1") | {"when": "item != 'b' && index < 3"}
    await world.start(loop(["a", "b", "c", "d"], step))
    assert sorted(values(world)) == ["m-a", "m-c"]


async def test_a_workflow_is_left_out_with_all_in_it(world: RunWorld) -> None:
    await world.start(workflow(config_map("a", v="1")) | {"when": "false"}, config_map("b", v="1"))
    assert world.phases() == {"0": "Skipped", "1": "Succeeded"}


@pytest.mark.parametrize(
    ("envelope", "words"),
    [
        pytest.param(
            {"skipNodeExecution": "${args.WORD}"},
            'Delay 0: spec.spec.steps[0].skipNodeExecution must be true or false, not "perhaps"',
            id="no-truth-value",
        ),
        pytest.param(
            {"when": "args.NONE == 1"},
            "Delay 0: spec.spec.steps[0].when: column 6: there is no NONE; "
            "ask with has(…) first if it may be missing",
            id="a-field-that-is-not-there",
        ),
        pytest.param(
            {"when": "args.WORD"},
            "Delay 0: spec.spec.steps[0].when: the expression is a text, but must be true or "
            "false; compare it with something",
            id="no-condition",
        ),
        pytest.param(
            {"timeout": "${args.WORD}"},
            'Delay 0: timeout must be seconds or a duration such as 10m, not "perhaps"',
            id="no-duration",
        ),
        pytest.param(
            {"timeout": "${fn.toUpper(args.LIST)}"},
            "Delay 0: spec.spec.steps[0]: the argument string must be a string, not an array",
            id="an-expression-without-a-value",
        ),
        pytest.param(
            {"settings": {"maxAttempts": "${args.WORD}"}},
            'Delay 0: settings.maxAttempts must be a whole number from 1 to 20, not "perhaps"',
            id="no-number-of-attempts",
        ),
    ],
)
async def test_a_setting_that_cannot_be_used_fails_its_node_with_words(
    world: RunWorld, envelope: JsonObject, words: str
) -> None:
    arguments = {"WORD": "perhaps", "LIST": []}
    await world.start(delay("0s", **envelope), arguments=arguments)
    assert world.phase() == "Failed"
    assert world.message().startswith(words)


# Documents within documents


async def test_template_resolves_outside_of_a_document_inside(world: RunWorld) -> None:
    inside = {
        "apiVersion": "ebbflow.dev/v1",
        "arguments": {"B": "own"},
        "spec": {
            "kind": "Workflow",
            "spec": {
                "type": "sequential",
                "steps": [config_map("x", a="${template.args.A}", b="${args.B}")],
            },
        },
    }
    node = {"kind": "Template", "ref": "t", "spec": {"name": "inside", "document": inside}}
    await world.start(node, arguments={"A": "from outside"})
    made = world.objects.live("Template", "inside", group="ebbflow.dev")
    (step,) = made["spec"]["document"]["spec"]["spec"]["steps"]
    assert step["spec"]["manifest"]["data"] == {"a": "from outside", "b": "${args.B}"}
