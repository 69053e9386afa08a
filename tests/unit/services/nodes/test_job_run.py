"""JobRun: what becomes of a Job, and what people are told of it."""

from __future__ import annotations

import pytest

from ebbflow.api.base import JsonObject
from ebbflow.domain.objects import Busy, Denied, ObjectError, ObjectId
from ebbflow.domain.pods.jobs import ATTEMPT
from tests.support.memory_pods import Kubelet, job_run
from tests.support.run_stage import RunWorld

PATIENCE = 6


async def test_a_job_is_named_for_its_run_node_and_attempt(
    world: RunWorld, kubelet: Kubelet
) -> None:
    await world.start(job_run(command=["true"]))
    job = kubelet.job
    assert job["metadata"]["name"].startswith("one-migrate-1-")
    assert job["metadata"]["labels"]["ebbflow.dev/run"] == "one"
    assert job["metadata"]["ownerReferences"] == [
        {
            "apiVersion": "ebbflow.dev/v1alpha1",
            "kind": "Run",
            "name": "one",
            "uid": world.run().metadata.uid,
        }
    ]
    assert job["spec"]["backoffLimit"] == 0
    pod = job["spec"]["template"]["spec"]
    assert pod["restartPolicy"] == "Never"
    assert pod["serviceAccountName"] == "default"
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["containers"][0]["image"] == "busybox:1.36"


async def test_its_end_and_its_log_are_outputs(world: RunWorld, kubelet: Kubelet) -> None:
    seen = {"LOG": "${refs.migrate.log}", "CODE": "${refs.migrate.exitCode}"}
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "seen"}, "data": seen}
    await world.start(job_run(), {"kind": "Manifest", "spec": {"manifest": manifest}})
    kubelet.end(log=b"one\ntwo\n")
    await world.look()
    assert world.phase() == "Succeeded", world.message()
    assert world.objects.live("ConfigMap", "seen")["data"] == {"LOG": "one\ntwo", "CODE": "0"}
    assert world.node("0").outputs == {"exitCode": 0, "log": "one\ntwo"}


@pytest.mark.parametrize(
    ("ended", "words"),
    [
        pytest.param({"code": 7}, "container main ended with exit code 7", id="exit-code"),
        pytest.param(
            {"code": 137, "reason": "OOMKilled"},
            "used more memory than its limit (OOMKilled, exit code 137)",
            id="out-of-memory",
        ),
        pytest.param(
            {"code": 128, "reason": "StartError", "message": 'exec: "migrat": not found'},
            'container main could not be started: exec: "migrat": not found',
            id="command-not-found",
        ),
        pytest.param({"code": 127}, "a shell's word for: command not found", id="shell-not-found"),
        pytest.param({"code": 143}, "(ended by SIGTERM)", id="signal"),
    ],
)
async def test_a_failure_says_how_the_container_ended_and_what_it_wrote_last(
    world: RunWorld, kubelet: Kubelet, ended: JsonObject, words: str
) -> None:
    await world.start(job_run())
    kubelet.end(log=b"begin\nno such table: orders\n", **ended)
    await world.look()
    assert world.phase() == "Failed"
    for said in (world.message(), world.node("0").message or ""):
        assert words in said
        assert "its log ends: begin | no such table: orders" in said


async def test_an_exit_code_that_is_expected_is_no_failure(
    world: RunWorld, kubelet: Kubelet
) -> None:
    await world.start(job_run(expect=[0, 7]))
    kubelet.end(code=7)
    await world.look()
    assert world.phase() == "Succeeded"


async def test_each_attempt_has_a_job_of_its_own(world: RunWorld, kubelet: Kubelet) -> None:
    step = job_run() | {"settings": {"maxAttempts": 2, "backoff": {"delay": 1}}}
    await world.start(step)
    first = kubelet.job["metadata"]["name"]
    kubelet.end(code=1)
    await world.look()
    assert (
        world.phases() == {"": "Running", "0": "Retrying"} or "Retrying" in world.phases().values()
    )
    world.clock.advance(2)
    await world.look()
    names = [job["metadata"]["name"] for job in kubelet.jobs]
    assert len(names) == 2
    (second,) = set(names) - {first}
    assert second.startswith("one-migrate-2-")
    kubelet.end(name=second)
    await world.look()
    assert world.phase() == "Succeeded"


async def test_a_killed_operator_follows_the_job_that_it_had_made(
    world: RunWorld, kubelet: Kubelet
) -> None:
    await world.start(job_run())
    world.restart()
    await world.look()
    assert len(kubelet.jobs) == 1
    kubelet.end()
    world.restart()
    await world.look()
    assert world.phase() == "Succeeded"


async def test_an_image_that_cannot_be_had_fails_soon_and_leaves_no_job(
    world: RunWorld, kubelet: Kubelet
) -> None:
    await world.start(job_run() | {"timeout": "1h"})
    kubelet.start(waiting={"reason": "ErrImagePull", "message": "not found"})
    world.clock.advance(PATIENCE)
    await world.look()
    assert world.phase() == "Failed"
    assert "the image busybox:1.36 of container main cannot be had (ErrImagePull: not found)" in (
        world.message()
    )
    assert kubelet.jobs == []


async def test_pods_that_a_quota_refuses_are_waited_for(world: RunWorld, kubelet: Kubelet) -> None:
    await world.start(job_run())
    name = kubelet.job["metadata"]["name"]
    world.pod_logs.warnings[name] = 'pods "x" is forbidden: exceeded quota: small'
    world.clock.advance(PATIENCE)
    await world.look()
    await world.told()
    assert world.phase() == "Running"
    assert "exceeded quota: small" in (world.node("0").message or "")


@pytest.mark.parametrize(
    ("refusal", "advice"),
    [
        pytest.param(
            'violates PodSecurity "restricted:latest": runAsNonRoot != true',
            "or the namespace's level",
            id="pod-security",
        ),
        pytest.param(
            'error looking up service account jobs/robot: serviceaccount "robot" not found',
            "create that ServiceAccount",
            id="service-account",
        ),
        pytest.param(
            "maximum memory usage per Container is 128Mi, but limit is 256Mi",
            "change the node's resources, or have the namespace's LimitRange changed",
            id="above-the-maximum-of-a-container",
        ),
        pytest.param(
            "minimum cpu usage per Pod is 100m, but request is 50m",
            "change the node's resources",
            id="below-the-minimum-of-a-pod",
        ),
        pytest.param(
            "memory max limit to request ratio per Container is 2, but provided ratio is 4.000000",
            "change the node's resources",
            id="ratio",
        ),
        pytest.param(
            "failed quota: small: must specify limits.memory for: main",
            "give the node resources, or the namespace a LimitRange with defaults",
            id="a-quota-for-what-the-pod-does-not-say",
        ),
    ],
)
async def test_pods_that_the_cluster_will_never_take_fail_the_node_which_says_what_to_do(
    world: RunWorld, kubelet: Kubelet, refusal: str, advice: str
) -> None:
    await world.start(job_run())
    name = kubelet.job["metadata"]["name"]
    world.pod_logs.warnings[name] = f'Error creating: pods "x" is forbidden: {refusal}'
    world.clock.advance(PATIENCE)
    await world.look()
    assert world.phase() == "Failed"
    assert refusal in world.message()
    assert advice in world.message()
    assert kubelet.jobs == []


async def test_a_job_deleted_by_hand_is_a_failure_that_says_so(
    world: RunWorld, kubelet: Kubelet
) -> None:
    await world.start(job_run())
    world.objects.remove(ObjectId.of(kubelet.job))
    await world.look()
    assert world.phase() == "Failed"
    assert "was deleted before its end was seen" in world.message()


@pytest.mark.parametrize(
    ("change", "phase", "words"),
    [
        pytest.param(
            {"metadata": {"deletionTimestamp": "2026-11-21T12:00:00Z"}},
            "Failed",
            "was deleted before its end",
            id="is-being-deleted",
        ),
        pytest.param(
            {"spec": {"suspend": True}}, "Running", "somebody suspended the Job", id="suspended"
        ),
    ],
)
async def test_what_somebody_does_to_the_job_is_said(
    world: RunWorld, kubelet: Kubelet, change: JsonObject, phase: str, words: str
) -> None:
    await world.start(job_run())
    held = world.objects.live("Job", kubelet.job["metadata"]["name"], group="batch")
    for part, fields in change.items():
        held[part] |= fields
    await world.look()
    await world.told()
    assert world.phase() == phase
    assert words in (world.node("0").message or "")


async def test_a_pod_that_is_lost_with_its_node_is_a_failure_that_says_so(
    world: RunWorld, kubelet: Kubelet
) -> None:
    await world.start(job_run())
    kubelet.finish("Failed", message="Job has reached the specified backoff limit")
    await world.look()
    assert world.phase() == "Failed"
    assert "its pod cannot be seen: it was deleted, its node was lost" in world.message()


async def test_cancelling_deletes_the_job(world: RunWorld, kubelet: Kubelet) -> None:
    await world.start(job_run())
    world.edit("one", cancel=True)
    await world.look()
    assert world.phase() == "Cancelled"
    assert kubelet.jobs == []


async def test_a_job_that_takes_too_long_is_deleted(world: RunWorld, kubelet: Kubelet) -> None:
    await world.start(job_run() | {"timeout": "60s"})
    assert kubelet.job["spec"]["activeDeadlineSeconds"] == 90
    world.clock.advance(61)
    await world.look()
    assert world.phase() == "Failed"
    assert kubelet.jobs == []


CANCEL = "cancel"
"""How an attempt is broken off: by hand, or by its timeout."""
TIMEOUT = "timeout"


async def break_off(world: RunWorld, how: str) -> None:
    if how == CANCEL:
        world.edit("one", cancel=True)
    else:
        world.clock.advance(61)
    await world.look()


BROKEN_OFF = pytest.mark.parametrize(
    ("how", "phase", "why"),
    [
        pytest.param(CANCEL, "Cancelled", "the Run was cancelled", id="cancelled"),
        pytest.param(TIMEOUT, "Failed", "it took longer than 1m", id="timed-out"),
    ],
)


@BROKEN_OFF
async def test_an_attempt_that_is_broken_off_says_how_its_log_ended(
    world: RunWorld, kubelet: Kubelet, how: str, phase: str, why: str
) -> None:
    await world.start(job_run() | {"timeout": "60s"})
    kubelet.run(log=b"begin\nwaits for a lock\n")
    await break_off(world, how)
    assert world.phase() == phase
    said = world.node("0").message or ""
    assert said.startswith(why)
    assert said.endswith("; its log ends: begin | waits for a lock")
    assert kubelet.jobs == []


@BROKEN_OFF
@pytest.mark.parametrize(
    "log", [pytest.param("refused", id="refused"), pytest.param("late", id="does-not-come")]
)
async def test_a_log_that_cannot_be_read_holds_no_end_up(
    how: str, phase: str, why: str, log: str
) -> None:
    world = RunWorld(log_patience=0.0)
    kubelet = Kubelet(world.objects, world.pod_logs)
    await world.start(job_run() | {"timeout": "60s"})
    kubelet.run(log=b"waits for a lock\n")
    if log == "refused":
        world.pod_logs.refusal = Denied("cannot read the log", code=403)
    else:
        world.pod_logs.released.clear()
    await break_off(world, how)
    assert world.phase() == phase
    assert (world.node("0").message or "").startswith(why)
    assert "log" not in (world.node("0").message or "")
    assert kubelet.jobs == []


async def test_each_of_many_jobs_that_are_broken_off_says_how_its_log_ended(
    world: RunWorld, kubelet: Kubelet
) -> None:
    steps = [{**job_run(), "ref": f"part{number}"} for number in range(20)]
    world.template(*steps, type="parallel")
    world.ask()
    await world.settle()
    for job in kubelet.jobs:
        kubelet.run(log=job["metadata"]["name"].encode(), name=job["metadata"]["name"])
    world.edit("one", cancel=True)
    await world.look()
    nodes = world.run().status.nodes or ()
    assert len(nodes) == 20
    for node in nodes:
        assert f"its log ends: one-{node.ref}-1-" in (node.message or "")
    assert kubelet.jobs == []


async def test_a_job_of_this_name_that_another_made_is_left_alone(
    world: RunWorld, kubelet: Kubelet
) -> None:
    await world.start(job_run())
    name = kubelet.job["metadata"]["name"]
    held = world.objects.live("Job", name, group="batch")["metadata"]
    held["annotations"][ATTEMPT] = "somebody else's"
    await world.look()
    assert world.phase() == "Failed"
    assert "that this node did not make" in world.message()
    assert len(kubelet.jobs) == 1


async def test_what_an_account_may_not_read_is_left_out(world: RunWorld, kubelet: Kubelet) -> None:
    await world.start(job_run())
    kubelet.end(log=b"done\n")
    world.pod_logs.refusal = Denied("cannot read the log", code=403)
    await world.look()
    assert world.phase() == "Succeeded"


async def test_a_busy_api_server_does_not_make_a_second_job(
    world: RunWorld, kubelet: Kubelet
) -> None:
    busy: list[ObjectError] = [Busy("the answer was lost", code=0)]

    def lose(words: str) -> ObjectError | None:
        return busy.pop() if busy and words.startswith("create Job") else None

    world.objects.refusals.append(lose)
    await world.start(job_run())
    assert kubelet.jobs == []
    world.clock.advance(PATIENCE)
    await world.look()
    assert len(kubelet.jobs) == 1


async def test_a_job_costs_few_requests(world: RunWorld, kubelet: Kubelet) -> None:
    await world.start(job_run())
    kubelet.end(log=b"done\n")
    await world.look()
    assert [" ".join(call.split()[:2]) for call in world.objects.calls if "Run" not in call] == [
        "create Job",
        "get Job",
        "list Pod",
    ]
