"""CombinedService: the service gets its image when it is built, and no other time."""

from __future__ import annotations

from typing import Any

import pytest

from ebbflow.api.base import JsonObject
from tests.support.memory_pods import Kubelet
from tests.support.run_stage import REPOSITORY, RunWorld, config_map

DIGEST = f"sha256:{'ab' * 32}"
TARGET = "registry.example.com/acme/api"
READY = {
    **dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), 1),
    "conditions": [{"type": "Available", "status": "True"}],
}


@pytest.fixture
def world() -> RunWorld:
    made = RunWorld()
    made.git.create_repository(REPOSITORY, {"Dockerfile": b"FROM scratch\n"})
    return made


def node(**spec: Any) -> JsonObject:
    build = {
        "image": TARGET,
        "builder": {"image": "kaniko:1", "env": [{"name": "A", "value": "1"}]},
    }
    return {
        "kind": "CombinedService",
        "ref": "api",
        "spec": {"name": "api", "build": build, **spec},
    }


async def begin(world: RunWorld, *steps: JsonObject, run: str = "one", **fields: Any) -> None:
    place = {"repository": REPOSITORY, "branch": "main", "path": "shop.yaml"}
    world.template(*steps, git=place, **fields)
    world.synced(REPOSITORY)
    world.ask(run)
    await world.settle()


def deployment(world: RunWorld) -> JsonObject:
    return world.objects.live("Deployment", "api", group="apps")


def image(world: RunWorld) -> str:
    (container,) = deployment(world)["spec"]["template"]["spec"]["containers"]
    text: str = container["image"]
    return text


def built(world: RunWorld) -> str:
    head = world.git.head(REPOSITORY)
    assert head is not None
    return f"{TARGET}:{head[:12]}@{DIGEST}"


def kinds(world: RunWorld) -> set[str]:
    return {name.split()[0] for name in world.objects.names()}


async def test_the_service_comes_when_the_image_is_there(world: RunWorld, kubelet: Kubelet) -> None:
    await begin(world, node(), config_map("seen", image="${refs.api.image}", id="${refs.api.id}"))
    assert world.phase() == "Running"
    assert "Deployment" not in kinds(world)
    kubelet.end(message=DIGEST)
    await world.look()
    assert image(world) == built(world)
    deployment(world)["status"] = READY
    await world.look()
    assert world.phase() == "Succeeded", world.message()
    assert world.objects.live("ConfigMap", "seen")["data"] == {"image": built(world), "id": "api"}


async def test_a_document_that_does_not_wait_waits_for_the_service_to_be_made(
    world: RunWorld, kubelet: Kubelet
) -> None:
    await begin(world, node(), config_map("after", v="1"), api_version="v1.2")
    assert "ConfigMap" not in kinds(world)
    kubelet.end(message=DIGEST)
    await world.look()
    assert world.phase() == "Succeeded"
    assert image(world) == built(world)


async def test_a_service_from_an_earlier_run_gets_the_new_image(
    world: RunWorld, kubelet: Kubelet
) -> None:
    await test_the_service_comes_when_the_image_is_there(world, kubelet)
    world.git.commit(REPOSITORY, {"Dockerfile": b"FROM busybox\n"})
    before = image(world)
    await begin(world, node(), run="two")
    assert image(world) == before
    kubelet.end(message=DIGEST)
    await world.look("two")
    assert image(world) == built(world) != before


async def test_after_a_restart_the_rollout_is_waited_for_and_nothing_built(
    world: RunWorld, kubelet: Kubelet
) -> None:
    await begin(world, node())
    kubelet.end(message=DIGEST)
    await world.look()
    jobs = [name for name in world.objects.names() if name.startswith("Job ")]
    world.restart()
    await world.look()
    assert world.phase() == "Running"
    deployment(world)["status"] = READY
    await world.look()
    assert world.phase() == "Succeeded"
    assert [name for name in world.objects.names() if name.startswith("Job ")] == jobs


async def test_a_build_that_fails_leaves_the_service_as_it_is(
    world: RunWorld, kubelet: Kubelet
) -> None:
    await begin(world, node())
    kubelet.end(code=1, log=b"no space left on device\n")
    await world.look()
    assert world.phase() == "Failed"
    assert "no space left on device" in world.message()
    assert "Deployment" not in kinds(world)


async def test_northflanks_words_say_what_is_built(world: RunWorld, kubelet: Kubelet) -> None:
    other = "https://git.example.com/acme/demo-service"
    world.git.create_repository(other, {"app/Dockerfile": b"FROM scratch\n"})
    await begin(
        world,
        node(
            vcsData={"projectType": "github", "accountLogin": "acme", "projectUrl": other, "projectBranch": "main"},
            buildSettings={"dockerfile": {"buildEngine": "kaniko", "dockerFilePath": "/app/Dockerfile", "dockerWorkDir": "/"}},
            buildArguments={"MODE": "fast"},
            disabledCI=False,
        ),
    )  # fmt: skip
    (container,) = kubelet.job["spec"]["template"]["spec"]["containers"]
    told = {one["name"]: one["value"] for one in container["env"]}
    assert told["EBBFLOW_COMMIT"] == world.git.head(other)
    assert told["EBBFLOW_DOCKERFILE"] == "/workspace/app/Dockerfile"
    assert told["EBBFLOW_CONTEXT"] == "/workspace"
    assert (told["MODE"], told["A"]) == ("fast", "1")


async def test_a_dry_run_names_the_image_and_the_objects(world: RunWorld) -> None:
    place = {"repository": REPOSITORY, "branch": "main", "path": "shop.yaml"}
    world.template(node(ports=[{"name": "web", "internalPort": 80}]), git=place)
    world.synced(REPOSITORY)
    world.ask(dryRun=True)
    await world.settle()
    plan = [one.object.split()[-2] for one in world.run().status.plan or ()]
    assert sorted(plan) == ["Deployment", "Service", "image"]
    assert world.objects.names() == []
