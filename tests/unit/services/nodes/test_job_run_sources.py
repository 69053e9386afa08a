"""JobRun: where its Job comes from, and the files of a commit that it is given."""

from __future__ import annotations

import base64
import gzip
import io
import json
import tarfile
from typing import Any

import pytest

from ebbflow.api.base import JsonObject
from ebbflow.domain.git import Unreachable
from ebbflow.domain.objects import Busy, Denied, ObjectError, ObjectId
from ebbflow.domain.source_archive import PART
from tests.support.memory_pods import Kubelet, job_run
from tests.support.run_stage import REPOSITORY, RunWorld

IMAGE = "busybox:1.36"


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
    await world.start({"kind": "JobRun", "spec": spec})
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


async def test_a_job_goes_on_whose_cron_job_has_gone_while_no_operator_was_there(
    world: RunWorld, kubelet: Kubelet
) -> None:
    world.objects.put(cron_job())
    await world.start({"kind": "JobRun", "spec": {"jobId": "reports"}})
    world.objects.remove(ObjectId("batch", "CronJob", "default", "reports"))
    world.restart()
    kubelet.end()
    await world.look()
    assert world.phase() == "Succeeded", world.message()


async def test_a_job_goes_on_whose_repository_has_gone_while_no_operator_was_there(
    world: RunWorld, kubelet: Kubelet
) -> None:
    await with_git(world)
    world.git.fail(REPOSITORY, Unreachable("it is away"))
    world.restart()
    kubelet.end()
    await world.look()
    assert world.phase() == "Succeeded", world.message()


async def test_northflanks_overrides_are_read(world: RunWorld, kubelet: Kubelet) -> None:
    world.objects.put(cron_job())
    docker = {
        "configType": "customEntrypointCustomCommand",
        "customEntrypoint": "/bin/tool --fast",
        "customCommand": "run 'all of it'",
    }
    deployment = {"docker": docker, "external": {"imagePath": "api:3"}}
    spec = {"jobId": "reports", "deployment": deployment, "runtimeEnvironment": {"C": "3"}}
    await world.start({"kind": "JobRun", "spec": spec | {"billing": {"deploymentPlan": "nf-1"}}})
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
    await world.start({"kind": "JobRun", "spec": spec})
    assert world.phase() == "Failed"
    assert words in world.message() or words.replace("Value error, ", "") in world.message()
    assert kubelet.jobs == []


async def test_a_dry_run_makes_no_job(world: RunWorld, kubelet: Kubelet) -> None:
    world.template(job_run())
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
    world.template(job_run(git=git), git=place)
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
    ("ref", "text"),
    [
        pytest.param("v1", b"# Tagged\n", id="a-tag"),
        pytest.param("both", b"# Branch\n", id="the-branch-of-a-name-that-a-tag-has-too"),
        pytest.param("v1.0", None, id="no-tag-that-only-begins-so"),
    ],
)
async def test_a_ref_names_a_branch_or_else_a_tag(
    world: RunWorld, kubelet: Kubelet, ref: str, text: bytes | None
) -> None:
    world.git.create_repository(REPOSITORY, {"README.md": b"# Shop\n"})
    tagged = world.git.commit(REPOSITORY, {"README.md": b"# Tagged\n"}, branch="old")
    world.git.point(REPOSITORY, "old", None)
    world.git.commit(REPOSITORY, {"README.md": b"# Branch\n"}, branch="both")
    for name in ("v1", "both", "v1.0.1"):
        world.git.tag(REPOSITORY, name, tagged)
    world.git.operations.clear()
    world.template(job_run(git={"repository": REPOSITORY, "ref": ref}))
    world.ask()
    await world.settle()
    assert world.git.operations["ls-remote"] == 1
    if text is None:
        assert f"there is no branch and no tag {ref}" in world.message()
        return
    assert files_in(world) == {"README.md": text}


@pytest.mark.parametrize(
    ("git", "words"),
    [
        pytest.param({"ref": "gone"}, "there is no branch and no tag gone of", id="neither-branch-nor-tag"),
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
    assert words in world.message()
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
    assert "it may not create secrets" in world.message()
    assert kubelet.jobs == []
