"""Build: one image for one commit, whoever asks for it, and its digest from the builder."""

from __future__ import annotations

from typing import Any

import pytest

from ebbflow.api.base import JsonObject
from ebbflow.domain.objects import ObjectId
from tests.support.memory_pods import Kubelet
from tests.support.run_stage import REPOSITORY, RunWorld

DIGEST = f"sha256:{'ab' * 32}"
TARGET = "registry.example.com/acme/api"
ARGS = ["--destination=$(EBBFLOW_IMAGE)"]


@pytest.fixture
def world() -> RunWorld:
    made = RunWorld()
    made.git.create_repository(REPOSITORY, {"Dockerfile": b"FROM scratch\n"})
    return made


def node(**spec: Any) -> JsonObject:
    builder = {"image": "kaniko:1", "args": ARGS}
    return {"kind": "Build", "ref": "api", "spec": {"image": TARGET, "builder": builder, **spec}}


def document(world: RunWorld, step: JsonObject, **fields: Any) -> None:
    data = {"IMAGE": "${refs.api.image}"}
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "seen"}, "data": data}
    place = {"repository": REPOSITORY, "branch": "main", "path": "shop.yaml"}
    use = {"kind": "Manifest", "spec": {"manifest": manifest}}
    world.template(step, use, git=place, **fields)
    world.synced(REPOSITORY)


async def begin(world: RunWorld, step: JsonObject, name: str = "one") -> None:
    document(world, step)
    world.ask(name)
    await world.settle()


def commit_of(world: RunWorld) -> str:
    head = world.git.head(REPOSITORY)
    assert head is not None
    return head


def reference(world: RunWorld, tag: str | None = None) -> str:
    return f"{TARGET}:{tag or commit_of(world)[:12]}@{DIGEST}"


def image_seen(world: RunWorld) -> str:
    text: str = world.objects.live("ConfigMap", "seen")["data"]["IMAGE"]
    return text


async def test_the_image_is_named_by_tag_and_digest(world: RunWorld, kubelet: Kubelet) -> None:
    await begin(world, node())
    (container,) = kubelet.job["spec"]["template"]["spec"]["containers"]
    assert container["env"] == [
        {"name": "EBBFLOW_IMAGE", "value": f"{TARGET}:{commit_of(world)[:12]}"},
        {"name": "EBBFLOW_COMMIT", "value": commit_of(world)},
        {"name": "EBBFLOW_SOURCE", "value": "/workspace"},
    ]
    kubelet.end(message=f"{DIGEST}\n")
    await world.look()
    assert world.phase() == "Succeeded", world.message()
    assert image_seen(world) == reference(world)


@pytest.mark.parametrize(
    "message",
    [
        pytest.param("", id="nothing"),
        pytest.param("sha256:abc", id="too-short"),
        pytest.param(f"{TARGET}@{DIGEST} and more", id="more"),
        pytest.param('{"containerimage.digest": 7}', id="other-json"),
    ],
)
async def test_a_build_that_does_not_tell_its_digest_fails(
    world: RunWorld, kubelet: Kubelet, message: str
) -> None:
    await begin(world, node())
    kubelet.end(message=message)
    await world.look()
    assert world.phase() == "Failed"
    assert "/dev/termination-log" in world.message()


async def test_buildkits_metadata_is_read(world: RunWorld, kubelet: Kubelet) -> None:
    await begin(world, node(tag="1.8.2"))
    kubelet.end(message=f'{{"containerimage.digest": "{DIGEST}"}}')
    await world.look()
    assert image_seen(world) == reference(world, "1.8.2")


async def test_a_failed_build_shows_the_end_of_its_log(world: RunWorld, kubelet: Kubelet) -> None:
    await begin(world, node())
    kubelet.end(code=1, log=b"step 3 of 5\nno space left on device\n")
    await world.look()
    assert world.phase() == "Failed"
    assert "no space left on device" in world.message()


async def test_a_later_run_of_the_same_commit_builds_nothing(
    world: RunWorld, kubelet: Kubelet
) -> None:
    await begin(world, node())
    kubelet.end(message=DIGEST)
    await world.look()
    # What the first one wrote down is enough: its pod may be gone.
    for raw in world.objects.all():
        if raw["kind"] == "Pod":
            world.objects.remove(ObjectId.of(raw))
    await begin(world, node(), "two")
    assert world.phase("two") == "Succeeded"
    assert len(kubelet.jobs) == 1
    assert "was there already" in (world.node("0", "two").message or "")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"reuseExistingBuilds": False}, id="asked-not-to"),
        pytest.param({"tag": "other"}, id="another-tag"),
        pytest.param({"builder": {"image": "kaniko:2", "args": ARGS}}, id="another-builder"),
        pytest.param({"git": {"directory": "web"}}, id="another-directory"),
    ],
)
async def test_another_build_is_made_where_something_differs(
    world: RunWorld, kubelet: Kubelet, change: JsonObject
) -> None:
    world.git.commit(REPOSITORY, {"web/Dockerfile": b"FROM scratch\n"})
    await begin(world, node())
    kubelet.end(message=DIGEST)
    await world.look()
    await begin(world, node(**change), "two")
    assert len(kubelet.jobs) == 2


async def test_a_new_commit_is_built_anew(world: RunWorld, kubelet: Kubelet) -> None:
    await begin(world, node())
    kubelet.end(message=DIGEST)
    await world.look()
    world.git.commit(REPOSITORY, {"Dockerfile": b"FROM busybox\n"})
    await begin(world, node(), "two")
    assert len(kubelet.jobs) == 2


async def test_two_runs_of_one_commit_build_once(world: RunWorld, kubelet: Kubelet) -> None:
    await begin(world, node())
    await begin(world, node(), "two")
    assert len(kubelet.jobs) == 1
    await world.told("two")
    assert "builds the same commit" in (world.node("0", "two").message or "")
    kubelet.end(message=DIGEST)
    await world.look("one")
    await world.look_until("Succeeded", "two")
    assert len(kubelet.jobs) == 1


async def test_a_run_that_waited_for_a_build_which_failed_makes_its_own(
    world: RunWorld, kubelet: Kubelet
) -> None:
    await begin(world, node())
    await begin(world, node(), "two")
    kubelet.end(code=1)
    await world.look("one")
    world.clock.advance(10)
    await world.look("two")
    assert len(kubelet.jobs) == 2


async def test_cancelling_a_run_that_waits_leaves_the_build_of_the_other(
    world: RunWorld, kubelet: Kubelet
) -> None:
    await begin(world, node())
    await begin(world, node(), "two")
    world.edit("two", cancel=True)
    await world.look("two")
    assert world.phase("two") == "Cancelled"
    assert len(kubelet.jobs) == 1


async def test_northflanks_words_are_read(world: RunWorld, kubelet: Kubelet) -> None:
    container = {"name": "kaniko", "image": "kaniko:1"}
    job = {"spec": {"template": {"spec": {"containers": [container]}}}}
    world.objects.put(
        {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": {"name": "api-builder"},
            "spec": {"suspend": True, "jobTemplate": job},
        }
    )
    spec = {"image": TARGET, "id": "api-builder", "type": "service", "branch": "main"}
    await begin(world, {"kind": "Build", "ref": "api", "spec": spec | {"buildRules": {}}})
    assert kubelet.job["metadata"]["annotations"]["ebbflow.dev/commit"] == commit_of(world)
    (made,) = kubelet.job["spec"]["template"]["spec"]["containers"]
    assert made["image"] == "kaniko:1"
    kubelet.end(message=DIGEST)
    await world.look()
    assert world.phase() == "Succeeded"


async def test_the_container_that_builds_is_told_of_the_image_and_tells_the_digest(
    world: RunWorld, kubelet: Kubelet
) -> None:
    containers = [{"name": "cache", "image": "cache:1"}, {"name": "kaniko", "image": "kaniko:1"}]
    builder = {"template": {"spec": {"containers": containers}}, "container": "kaniko"}
    await begin(world, node(builder=builder))
    cache, kaniko = kubelet.job["spec"]["template"]["spec"]["containers"]
    assert "env" not in cache
    assert kaniko["env"][0]["name"] == "EBBFLOW_IMAGE"
    pod = kubelet.start()
    statuses = [
        {"name": name, "state": {"terminated": {"exitCode": 0, "message": said}}}
        for name, said in (("cache", "warm"), ("kaniko", DIGEST))
    ]
    target = ObjectId("", "Pod", "default", pod)
    world.objects.set_status(target, {"phase": "Succeeded", "containerStatuses": statuses})
    kubelet.finish("Complete")
    await world.look()
    assert world.phase() == "Succeeded", world.run().status.message
    assert world.objects.live("ConfigMap", "seen")["data"] == {"IMAGE": reference(world)}


async def test_a_dry_run_does_without_a_builder_that_another_node_may_make(
    world: RunWorld,
) -> None:
    document(world, {"kind": "Build", "ref": "api", "spec": {"image": TARGET, "id": "builder"}})
    world.ask(dryRun=True)
    await world.settle()
    assert world.phase() == "Succeeded", world.run().status.message
    (image, _) = world.run().status.plan or ()
    assert image.object == f"image {TARGET}:{commit_of(world)[:12]}"


async def test_a_builder_that_is_not_there_is_said_to_be_missing(world: RunWorld) -> None:
    await begin(world, {"kind": "Build", "ref": "api", "spec": {"image": TARGET, "id": "builder"}})
    assert world.phase() == "Failed"
    assert (
        "spec.id: there is no CronJob builder in namespace default; make one that builds"
        in world.message()
    )


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        pytest.param({"builder": {}}, "give the builder's image, or a template", id="no-image"),
        pytest.param({"id": "x"}, "give exactly one of builder and id", id="both"),
        pytest.param({"image": f"{TARGET}:1"}, "without tag and digest", id="tag-in-the-name"),
        pytest.param({"tag": "a b"}, "1 to 128 letters", id="tag"),
        pytest.param({"sha": "abc"}, "spec.sha", id="short-sha"),
        pytest.param({"git": {"ref": "a"}, "branch": "b"}, "give git.ref, or", id="two-refs"),
        pytest.param({"git": {"ref": "gone"}}, "there is no branch and no tag gone", id="no-ref"),
    ],
)
async def test_what_is_wrong_with_a_build_is_said(
    world: RunWorld, kubelet: Kubelet, spec: JsonObject, words: str
) -> None:
    await begin(world, node(**spec))
    assert world.phase() == "Failed"
    assert words in world.message()
    assert kubelet.jobs == []
