"""JobRun: what becomes of a Job, and what people are told of it."""

from __future__ import annotations

import base64
import gzip
import io
import json
import tarfile
from typing import Any

import pytest

from ebbflow.api.base import JsonObject
from ebbflow.domain.objects import Busy, Denied, ObjectError, ObjectId
from ebbflow.domain.pods.jobs import ATTEMPT
from ebbflow.domain.source_archive import PART
from tests.support.memory_pods import Kubelet
from tests.support.run_stage import REPOSITORY, RunWorld

IMAGE = "busybox:1.36"
PATIENCE = 6


@pytest.fixture
def world() -> RunWorld:
    return RunWorld()


@pytest.fixture
def kubelet(world: RunWorld) -> Kubelet:
    return Kubelet(world.objects, world.pod_logs)


def node(**spec: Any) -> JsonObject:
    return {"kind": "JobRun", "ref": "migrate", "spec": {"image": IMAGE, **spec}}


async def begin(world: RunWorld, step: JsonObject, *more: JsonObject) -> None:
    world.template(step, *more)
    world.ask()
    await world.settle()


def message(world: RunWorld) -> str:
    return world.run().status.message or ""


async def test_a_job_is_named_for_its_run_node_and_attempt(
    world: RunWorld, kubelet: Kubelet
) -> None:
    await begin(world, node(command=["true"]))
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
    assert pod["containers"][0]["image"] == IMAGE


async def test_its_end_and_its_log_are_outputs(world: RunWorld, kubelet: Kubelet) -> None:
    seen = {"LOG": "${refs.migrate.log}", "CODE": "${refs.migrate.exitCode}"}
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "seen"}, "data": seen}
    await begin(world, node(), {"kind": "Manifest", "spec": {"manifest": manifest}})
    kubelet.end(log=b"one\ntwo\n")
    await world.look()
    assert world.phase() == "Succeeded", message(world)
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
    await begin(world, node())
    kubelet.end(log=b"begin\nno such table: orders\n", **ended)
    await world.look()
    assert world.phase() == "Failed"
    for said in (message(world), world.node("0").message or ""):
        assert words in said
        assert "its log ends: begin | no such table: orders" in said


async def test_an_exit_code_that_is_expected_is_no_failure(
    world: RunWorld, kubelet: Kubelet
) -> None:
    await begin(world, node(expect=[0, 7]))
    kubelet.end(code=7)
    await world.look()
    assert world.phase() == "Succeeded"


async def test_each_attempt_has_a_job_of_its_own(world: RunWorld, kubelet: Kubelet) -> None:
    step = node() | {"settings": {"maxAttempts": 2, "backoff": {"delay": 1}}}
    await begin(world, step)
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
    await begin(world, node())
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
    await begin(world, node() | {"timeout": "1h"})
    kubelet.start(waiting={"reason": "ErrImagePull", "message": "not found"})
    world.clock.advance(PATIENCE)
    await world.look()
    assert world.phase() == "Failed"
    assert f"the image {IMAGE} of container main cannot be had (ErrImagePull: not found)" in (
        message(world)
    )
    assert kubelet.jobs == []


async def test_pods_that_a_quota_refuses_are_waited_for(world: RunWorld, kubelet: Kubelet) -> None:
    await begin(world, node())
    name = kubelet.job["metadata"]["name"]
    world.pod_logs.warnings[name] = 'pods "x" is forbidden: exceeded quota: small'
    world.clock.advance(PATIENCE)
    await world.look()
    await world.told()
    assert world.phase() == "Running"
    assert "exceeded quota: small" in (world.node("0").message or "")


async def test_pods_that_the_cluster_will_never_take_fail_the_node(
    world: RunWorld, kubelet: Kubelet
) -> None:
    await begin(world, node())
    name = kubelet.job["metadata"]["name"]
    world.pod_logs.warnings[name] = 'pods "x" is forbidden: violates PodSecurity "restricted"'
    world.clock.advance(PATIENCE)
    await world.look()
    assert world.phase() == "Failed"
    assert "violates PodSecurity" in message(world)
    assert kubelet.jobs == []


async def test_a_job_deleted_by_hand_is_a_failure_that_says_so(
    world: RunWorld, kubelet: Kubelet
) -> None:
    await begin(world, node())
    world.objects.remove(ObjectId.of(kubelet.job))
    await world.look()
    assert world.phase() == "Failed"
    assert "was deleted before its end was seen" in message(world)


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
    await begin(world, node())
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
    await begin(world, node())
    kubelet.finish("Failed", message="Job has reached the specified backoff limit")
    await world.look()
    assert world.phase() == "Failed"
    assert "its pod cannot be seen: it was deleted, its node was lost" in message(world)


async def test_cancelling_deletes_the_job(world: RunWorld, kubelet: Kubelet) -> None:
    await begin(world, node())
    world.edit("one", cancel=True)
    await world.look()
    assert world.phase() == "Cancelled"
    assert kubelet.jobs == []


async def test_a_job_that_takes_too_long_is_deleted(world: RunWorld, kubelet: Kubelet) -> None:
    await begin(world, node() | {"timeout": "60s"})
    assert kubelet.job["spec"]["activeDeadlineSeconds"] == 90
    world.clock.advance(61)
    await world.look()
    assert world.phase() == "Failed"
    assert kubelet.jobs == []


async def test_a_job_of_this_name_that_another_made_is_left_alone(
    world: RunWorld, kubelet: Kubelet
) -> None:
    await begin(world, node())
    name = kubelet.job["metadata"]["name"]
    held = world.objects.live("Job", name, group="batch")["metadata"]
    held["annotations"][ATTEMPT] = "somebody else's"
    await world.look()
    assert world.phase() == "Failed"
    assert "that this node did not make" in message(world)
    assert len(kubelet.jobs) == 1


async def test_what_an_account_may_not_read_is_left_out(world: RunWorld, kubelet: Kubelet) -> None:
    await begin(world, node())
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
    await begin(world, node())
    assert kubelet.jobs == []
    world.clock.advance(PATIENCE)
    await world.look()
    assert len(kubelet.jobs) == 1


async def test_a_job_costs_few_requests(world: RunWorld, kubelet: Kubelet) -> None:
    await begin(world, node())
    kubelet.end(log=b"done\n")
    await world.look()
    assert [" ".join(call.split()[:2]) for call in world.objects.calls if "Run" not in call] == [
        "create Job",
        "get Job",
        "list Pod",
    ]


# From what is there


def cron_job(**pod: Any) -> JsonObject:
    container = {"name": "app", "image": "api:1", "env": [{"name": "A", "value": "1"}]}
    template = {
        "metadata": {"labels": {"app": "api", "job-name": "x"}},
        "spec": {"containers": [container], "restartPolicy": "OnFailure", **pod},
    }
    spec = {"backoffLimit": 6, "ttlSecondsAfterFinished": 60, "template": template}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "reports"},
        "spec": {"schedule": "0 3 * * *", "jobTemplate": {"spec": spec}},
    }


@pytest.mark.parametrize(
    "source",
    [
        pytest.param({"from": {"kind": "CronJob", "name": "reports"}}, id="ours"),
        pytest.param({"jobId": "reports"}, id="northflank"),
    ],
)
async def test_a_cron_jobs_job_is_run_with_what_the_node_changes(
    world: RunWorld, kubelet: Kubelet, source: JsonObject
) -> None:
    world.objects.put(cron_job())
    spec = {**source, "image": "api:2", "args": ["--now"], "env": {"B": 2}}
    await begin(world, {"kind": "JobRun", "spec": spec})
    made = kubelet.job["spec"]
    assert made["backoffLimit"] == 0
    assert "ttlSecondsAfterFinished" not in made
    assert made["template"]["metadata"]["labels"]["app"] == "api"
    assert "job-name" not in made["template"]["metadata"]["labels"]
    assert made["template"]["spec"] == {
        "containers": [
            {
                "name": "app",
                "image": "api:2",
                "args": ["--now"],
                "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
            }
        ],
        "restartPolicy": "Never",
    }


async def test_northflanks_overrides_are_read(world: RunWorld, kubelet: Kubelet) -> None:
    world.objects.put(cron_job())
    docker = {
        "configType": "customEntrypointCustomCommand",
        "customEntrypoint": "/bin/tool --fast",
        "customCommand": "run 'all of it'",
    }
    deployment = {"docker": docker, "external": {"imagePath": "api:3"}}
    spec = {"jobId": "reports", "deployment": deployment, "runtimeEnvironment": {"C": "3"}}
    await begin(world, {"kind": "JobRun", "spec": spec | {"billing": {"deploymentPlan": "nf-1"}}})
    (container,) = kubelet.job["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "api:3"
    assert container["command"] == ["/bin/tool", "--fast"]
    assert container["args"] == ["run", "all of it"]
    assert container["env"][-1] == {"name": "C", "value": "3"}


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        pytest.param({}, "give exactly one of from, jobId and template", id="nothing-to-run"),
        pytest.param(
            {"jobId": "nightly"}, "there is no CronJob or Job nightly in namespace", id="missing"
        ),
        pytest.param(
            {"jobId": "a", "from": {"name": "a"}}, "give exactly one of", id="two-sources"
        ),
        pytest.param(
            {"template": {"spec": {"hostNetwork": True, "containers": [{"name": "a"}]}}},
            "spec.template: Value error, spec.hostNetwork",
            id="host-network",
        ),
        pytest.param(
            {"image": IMAGE, "container": "other"},
            "spec.container: there is no container other: there are main",
            id="no-such-container",
        ),
        pytest.param({"image": IMAGE, "git": {}}, "name a repository", id="no-repository"),
        pytest.param(
            {"image": IMAGE, "env": {"A": "${secrets.shop.values.password}"}},
            "a secret would be readable in the Job",
            id="readable-secret",
        ),
        pytest.param({"image": IMAGE, "expect": [256]}, "numbers from 0 to 255", id="exit-code"),
        pytest.param(
            {"image": IMAGE, "runtimeFiles": {"/a": {}}}, "make a SecretGroup", id="runtime-files"
        ),
    ],
)
async def test_what_is_wrong_with_a_node_is_said(
    world: RunWorld, kubelet: Kubelet, spec: JsonObject, words: str
) -> None:
    world.objects.put(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "shop"},
            "data": {"password": base64.b64encode(b"hunter2").decode()},
        }
    )
    await begin(world, {"kind": "JobRun", "spec": spec})
    assert world.phase() == "Failed"
    assert words in message(world) or words.replace("Value error, ", "") in message(world)
    assert kubelet.jobs == []


async def test_a_dry_run_makes_no_job(world: RunWorld, kubelet: Kubelet) -> None:
    world.template(node())
    world.ask(dryRun=True)
    await world.settle()
    assert world.phase() == "Succeeded"
    (change,) = world.run().status.plan or ()
    assert change.action == "create"
    assert "Job default/one-migrate-1-" in change.object
    assert kubelet.jobs == []


# A clone


def files_in(world: RunWorld) -> dict[str, bytes]:
    """Return what the Secrets of the only Job unpack to."""
    secrets = [raw for raw in world.objects.all() if raw["kind"] == "Secret"]
    whole = b"".join(base64.b64decode(raw["data"][PART]) for raw in secrets)
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(whole))) as archive:
        found = {}
        for member in archive.getmembers():
            file = archive.extractfile(member)
            found[member.name] = file.read() if file else b""
        return found


async def with_git(world: RunWorld, **git: Any) -> str:
    files = {"app/main.py": b"print(1)\n", "README.md": b"# Shop\n"}
    commit = world.git.create_repository(REPOSITORY, files)
    place = {"repository": REPOSITORY, "branch": "main", "path": "shop.yaml"}
    world.template(node(git=git), git=place)
    world.synced(REPOSITORY)
    world.ask()
    await world.settle()
    return commit


async def test_a_clone_is_handed_over_before_the_job_starts(
    world: RunWorld, kubelet: Kubelet
) -> None:
    commit = await with_git(world, path="/src")
    job = kubelet.job
    assert job["spec"]["suspend"] is False
    assert job["metadata"]["annotations"]["ebbflow.dev/commit"] == commit
    assert files_in(world) == {"app/main.py": b"print(1)\n", "README.md": b"# Shop\n"}
    pod = job["spec"]["template"]["spec"]
    assert pod["containers"][0]["volumeMounts"] == [
        {"name": "ebbflow-workspace", "mountPath": "/src"}
    ]
    (unpack,) = pod["initContainers"]
    assert unpack["image"] == IMAGE
    assert unpack["command"][-1] == "/src"
    created = [call for call in world.objects.calls if call.startswith(("create", "apply"))]
    assert [call.split()[1] for call in created] == ["Job", "Secret", "Job"]


async def test_the_secrets_of_a_clone_go_when_the_job_has_ended(
    world: RunWorld, kubelet: Kubelet
) -> None:
    commit = await with_git(world)
    kubelet.end()
    await world.look()
    assert world.phase() == "Succeeded"
    assert [raw["kind"] for raw in world.objects.all() if raw["kind"] == "Secret"] == []
    assert commit


async def test_only_the_directory_that_is_named_is_handed_over(world: RunWorld) -> None:
    await with_git(world, directory="app")
    assert files_in(world) == {"main.py": b"print(1)\n"}


async def test_an_operator_killed_before_the_clone_was_there_hands_it_over_later(
    world: RunWorld, kubelet: Kubelet
) -> None:
    refused = [True]

    def refuse(words: str) -> ObjectError | None:
        return Busy("away", code=0) if refused[0] and words.startswith("create Secret") else None

    world.objects.refusals.append(refuse)
    commit = await with_git(world)
    assert kubelet.job["spec"]["suspend"] is True
    world.git.commit(REPOSITORY, {"README.md": b"# Newer\n"})
    refused[0] = False
    world.restart()
    await world.look()
    assert kubelet.job["spec"]["suspend"] is False
    assert files_in(world)["README.md"] == b"# Shop\n"
    assert kubelet.job["metadata"]["annotations"]["ebbflow.dev/commit"] == commit
    given = json.loads(kubelet.job["metadata"]["annotations"]["ebbflow.dev/source"])
    assert len(given) == 1


@pytest.mark.parametrize(
    ("git", "words"),
    [
        pytest.param({"ref": "gone"}, "there is no branch gone of", id="no-branch"),
        pytest.param({"ref": "0123456789" * 4}, "the commit is not there", id="no-commit"),
        pytest.param({"directory": "web"}, "there is no directory web", id="no-directory"),
        pytest.param(
            {"accountRef": {"name": "nobody"}}, "AccountNotFound", id="account-that-is-missing"
        ),
        pytest.param(
            {"repository": "https://git.example.com/acme/other"}, "spec.git.ref: name a branch", id="ref"
        ),
        pytest.param({"path": "workspace"}, "must be an absolute path", id="relative"),
    ],
)  # fmt: skip
async def test_a_clone_that_cannot_be_had_makes_no_job(
    world: RunWorld, kubelet: Kubelet, git: JsonObject, words: str
) -> None:
    await with_git(world, **git)
    assert world.phase() == "Failed"
    assert words in message(world)
    assert kubelet.jobs == []


async def test_an_account_that_may_make_no_secrets_leaves_no_job_behind(
    world: RunWorld, kubelet: Kubelet
) -> None:
    def deny(words: str) -> ObjectError | None:
        denied = words.startswith("create Secret")
        return Denied("it may not create secrets", code=403) if denied else None

    world.objects.refusals.append(deny)
    await with_git(world)
    assert world.phase() == "Failed"
    assert "it may not create secrets" in message(world)
    assert kubelet.jobs == []
