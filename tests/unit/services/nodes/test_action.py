"""Action nodes: what is changed, what is waited for, and that no command runs twice."""

from __future__ import annotations

from typing import Any

import pytest

from ebbflow.api.base import JsonObject
from ebbflow.domain.objects import Busy, ObjectId
from ebbflow.domain.pods.exec import Command, Outcome
from ebbflow.services.nodes.pods.executing import POD_RECHECK
from tests.support.run_stage import RunWorld, config_map

LABELS = {"app": "api"}
DEPLOYMENT = ObjectId("apps", "Deployment", "default", "api")


def deployment(replicas: int = 2, **metadata: Any) -> JsonObject:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "api", "uid": "deployment", **metadata},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": LABELS},
            "template": {"metadata": {"labels": LABELS}},
        },
    }


def pod(
    name: str, *, ready: bool = True, owner: str = "api-1", at: int = 1, **meta: Any
) -> JsonObject:
    """A pod of the Deployment, made `at` that second."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "labels": {**LABELS, "pod-template-hash": "1"},
            "creationTimestamp": f"2026-01-01T00:00:{at:02}Z",
            "ownerReferences": [
                {"kind": "ReplicaSet", "name": owner, "uid": "rs", "controller": True}
            ],
            **meta,
        },
        "spec": {"containers": [{"name": "web"}, {"name": "side"}]},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
        },
    }


def execute(**spec: Any) -> JsonObject:
    target = {"kind": "Deployment", "name": "api"}
    given = {"type": "execute", "target": target, "command": ["migrate", "--all"], **spec}
    return {"kind": "Action", "ref": "did", "spec": given}


def change(type_: str, **spec: Any) -> JsonObject:
    target = {"kind": "Deployment", "name": "api"}
    return {"kind": "Action", "ref": "did", "spec": {"type": type_, "target": target, **spec}}


@pytest.fixture
def world() -> RunWorld:
    return stocked(RunWorld())


@pytest.fixture
def impatient() -> RunWorld:
    """A world whose passes wait for no command that is under way."""
    return stocked(RunWorld(patience=0))


def stocked(world: RunWorld) -> RunWorld:
    world.objects.put(deployment())
    return world


def settled(world: RunWorld, replicas: int) -> None:
    """Let the Deployment's controller have done its work."""
    counts = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    status: JsonObject = dict.fromkeys(counts, replicas)
    status["conditions"] = [{"type": "Available", "status": "True"}]
    world.objects.set_status(DEPLOYMENT, status)


async def begin(world: RunWorld, *steps: JsonObject, name: str = "one", **spec: Any) -> None:
    world.template(*steps)
    world.ask(name, **spec)
    await world.settle()


class TestExecute:
    async def test_the_command_runs_in_the_newest_ready_pod_of_the_target(
        self, world: RunWorld
    ) -> None:
        world.objects.put(pod("api-old", at=1))
        world.objects.put(pod("api-new", at=5))
        world.objects.put(pod("api-newest", at=9, ready=False))
        world.objects.put(pod("api-going", at=8, deletionTimestamp="2026-01-01T00:01:00Z"))
        world.objects.put(pod("stranger", at=7, owner="other-1"))
        world.pods.outcomes.append(Outcome(0, "done"))
        seen = config_map("seen", code="${refs.did.exitCode}", said="${refs.did.output}")
        await begin(world, execute(), seen)
        assert world.phase() == "Succeeded", world.message()
        assert world.pods.commands == [Command("default", "api-new", "web", ("migrate", "--all"))]
        assert world.objects.live("ConfigMap", "seen")["data"] == {"code": "0", "said": "done"}

    async def test_a_container_is_chosen_as_kubectl_does(self, world: RunWorld) -> None:
        notes = {"kubectl.kubernetes.io/default-container": "side"}
        world.objects.put(pod("api-1", annotations=notes))
        await begin(world, execute())
        assert world.pods.commands[0].container == "side"

    async def test_a_container_that_is_not_there_is_told_with_those_that_are(
        self, world: RunWorld
    ) -> None:
        world.objects.put(pod("api-1"))
        await begin(world, execute(container="db"))
        assert "has no container db; it has web, side" in world.message()

    @pytest.mark.parametrize(
        ("outcome", "words"),
        [
            pytest.param(
                Outcome(3, "no\ndatabase"), "exit code 3; it wrote: no | database", id="code"
            ),
            pytest.param(Outcome(None, "", "no such file"), "its end: no such file", id="no end"),
        ],
    )
    async def test_a_command_that_fails_fails_the_node(
        self, world: RunWorld, outcome: Outcome, words: str
    ) -> None:
        world.objects.put(pod("api-1"))
        world.pods.outcomes.append(outcome)
        await begin(world, execute())
        assert world.phase() == "Failed"
        assert words in world.message()

    async def test_another_exit_code_can_be_right(self, world: RunWorld) -> None:
        world.objects.put(pod("api-1"))
        world.pods.outcomes.append(Outcome(3, ""))
        await begin(world, execute(expect=[0, 3]))
        assert world.phase() == "Succeeded"

    async def test_a_pod_that_is_not_ready_is_waited_for(self, world: RunWorld) -> None:
        await begin(world, execute())
        assert (world.phase(), world.pods.commands) == ("Waiting", [])
        words = "no pod of Deployment default/api is ready: it has no pod"
        assert world.node("0").message == words
        world.objects.put(pod("api-1"))
        await world.look_until("Succeeded")
        assert len(world.pods.commands) == 1

    async def test_what_waits_for_a_pod_goes_on_after_a_restart(self, world: RunWorld) -> None:
        await begin(world, execute())
        world.restart()
        world.objects.put(pod("api-1"))
        await world.look_until("Succeeded")
        assert len(world.pods.commands) == 1

    async def test_an_attempt_is_on_record_as_running_before_its_command_begins(
        self, impatient: RunWorld
    ) -> None:
        await begin(impatient, execute())
        impatient.objects.put(pod("api-1"))
        impatient.pods.released.clear()
        impatient.clock.advance(POD_RECHECK.total_seconds())
        await impatient.look()
        assert (impatient.node("0").phase, impatient.pods.commands) == ("Running", [])
        await impatient.look()
        assert len(impatient.pods.commands) == 1

    async def test_a_killed_operator_never_runs_a_command_twice(self, impatient: RunWorld) -> None:
        impatient.objects.put(pod("api-1"))
        impatient.pods.released.clear()
        await begin(impatient, execute())
        assert impatient.phase() == "Running"
        impatient.restart()
        await impatient.look()
        assert impatient.phase() == "Failed"
        assert "the command may have run, and nobody knows how it ended" in impatient.message()
        assert len(impatient.pods.commands) == 1

    async def test_another_attempt_may_run_it_again(self, impatient: RunWorld) -> None:
        impatient.objects.put(pod("api-1"))
        impatient.pods.released.clear()
        settings = {"maxAttempts": 2, "backoff": {"delay": 1}}
        await begin(impatient, execute() | {"settings": settings})
        impatient.restart()
        await impatient.look()
        impatient.pods.released.set()
        await impatient.look_until("Succeeded")
        assert (impatient.node("0").attempt, len(impatient.pods.commands)) == (2, 2)

    async def test_what_was_refused_before_it_began_is_tried_again(self, world: RunWorld) -> None:
        world.objects.put(pod("api-1"))
        world.pods.outcomes.append(Busy("the kubelet does not answer", code=500))
        await begin(world, execute())
        assert world.phase() == "Running"
        await world.look_until("Succeeded")
        assert len(world.pods.commands) == 1

    async def test_what_was_refused_after_a_while_is_tried_again(self, impatient: RunWorld) -> None:
        impatient.objects.put(pod("api-1"))
        impatient.pods.outcomes.append(Busy("the kubelet does not answer", code=500))
        impatient.pods.released.clear()
        await begin(impatient, execute())
        assert impatient.phase() == "Running"
        impatient.pods.released.set()
        await impatient.look_until("Succeeded")
        assert len(impatient.pods.commands) == 1

    async def test_nobody_waits_for_what_is_only_sent(self, world: RunWorld) -> None:
        world.objects.put(pod("api-1"))
        world.pods.released.clear()
        await begin(world, execute(wait=False))
        assert world.phase() == "Succeeded"

    async def test_a_cancelled_run_waits_for_no_command(self, impatient: RunWorld) -> None:
        impatient.objects.put(pod("api-1"))
        impatient.pods.released.clear()
        await begin(impatient, execute())
        impatient.edit("one", cancel=True)
        await impatient.look()
        assert impatient.phase() == "Cancelled"
        assert "it may go on in its container until the pod ends" in (
            impatient.node("0").message or ""
        )

    async def test_of_a_command_that_has_not_begun_nothing_goes_on(self, world: RunWorld) -> None:
        await begin(world, execute())
        world.edit("one", cancel=True)
        await world.look()
        assert world.phase() == "Cancelled"
        assert world.node("0").message == "the Run was cancelled"

    async def test_a_dry_run_runs_nothing(self, world: RunWorld) -> None:
        await begin(world, execute(), dryRun=True)
        assert world.pods.commands == []
        plan = world.run().status.plan or ()
        assert [one.object for one in plan] == ["Command in Deployment default/api"]

    async def test_northflanks_words_are_understood(self, world: RunWorld) -> None:
        world.objects.put(pod("api-1"))
        data = {"serviceId": "api", "command": "echo $HOME", "shell": "bash -l"}
        await begin(
            world,
            {
                "kind": "Action",
                "spec": {"kind": "Service", "spec": {"type": "execute", "data": data}},
            },
        )
        assert world.pods.commands[0].arguments == ("bash", "-l", "-c", "echo $HOME")


class TestWorkloads:
    async def test_a_restart_marks_the_pod_template_and_waits_for_the_rollout(
        self, world: RunWorld
    ) -> None:
        await begin(world, change("restart"))
        live = world.objects.live("Deployment", "api", group="apps")
        notes = live["spec"]["template"]["metadata"]["annotations"]
        assert notes == {"kubectl.kubernetes.io/restartedAt": world.node("0").started_at}
        assert live["spec"]["replicas"] == 2
        assert world.phase() == "Running"
        settled(world, 2)
        await world.look_until("Succeeded")

    async def test_a_killed_operator_restarts_nothing_twice(self, world: RunWorld) -> None:
        await begin(world, change("restart"))
        before = world.objects.live("Deployment", "api", group="apps")["spec"]
        world.restart()
        await world.look()
        assert world.objects.live("Deployment", "api", group="apps")["spec"] == before

    async def test_scale_sets_the_replicas_and_waits(self, world: RunWorld) -> None:
        await begin(world, change("scale", replicas=3))
        assert world.objects.live("Deployment", "api", group="apps")["spec"]["replicas"] == 3
        settled(world, 2)
        await world.told()
        assert "2 of 3 replicas are updated" in (world.node("0").message or "")
        settled(world, 3)
        await world.look_until("Succeeded")

    async def test_pause_and_resume_come_back_to_as_many_replicas(self, world: RunWorld) -> None:
        settled(world, 0)
        await begin(world, change("pause"))
        live = world.objects.live("Deployment", "api", group="apps")
        assert live["spec"]["replicas"] == 0
        assert live["metadata"]["annotations"] == {"ebbflow.dev/paused-replicas": "2"}
        assert world.phase() == "Succeeded"
        await begin(world, change("pause"), name="again")
        await begin(world, change("resume"), name="resumed")
        live = world.objects.live("Deployment", "api", group="apps")
        assert live["spec"]["replicas"] == 2
        assert live["metadata"].get("annotations", {}) == {}

    async def test_resume_needs_to_know_how_many(self, world: RunWorld) -> None:
        world.objects.put(deployment(replicas=0))
        await begin(world, change("resume"))
        assert "nobody knows how many replicas" in world.message()
        await begin(world, change("resume", replicas=4), name="two")
        assert world.objects.live("Deployment", "api", group="apps")["spec"]["replicas"] == 4

    async def test_an_object_that_was_made_anew_meanwhile_is_left_alone(
        self, world: RunWorld
    ) -> None:
        await begin(world, change("scale", replicas=3))
        assert "apply Deployment default/api as default" in world.objects.calls
        assert (
            world.objects.live("Deployment", "api", group="apps")["metadata"]["uid"] == "deployment"
        )

    async def test_what_is_changed_is_no_part_of_what_the_source_has_made(
        self, world: RunWorld
    ) -> None:
        settled(world, 3)
        await begin(world, change("scale", replicas=3))
        assert world.phase() == "Succeeded"
        world.change(config_map("a", v="1"), prune=True)
        await world.has_run("two")
        assert "Deployment default/api" in world.objects.names()

    async def test_a_dry_run_tells_the_change(self, world: RunWorld) -> None:
        await begin(world, change("scale", replicas=5), dryRun=True)
        (planned,) = world.run().status.plan or ()
        assert (planned.object, planned.action) == ("apps/v1 Deployment default/api", "update")
        assert [field.path for field in planned.fields or ()] == ["spec.replicas"]
        assert world.objects.live("Deployment", "api", group="apps")["spec"]["replicas"] == 2
