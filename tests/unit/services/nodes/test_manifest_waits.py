"""Manifest and its short forms: refusals of the API server, health, and what people are told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from ebbflow.api.base import JsonObject
from ebbflow.domain.git import CommitGone, GitError, NotAFile, TooLarge, Unreachable
from ebbflow.domain.objects import (
    Busy,
    Changed,
    Denied,
    FieldConflict,
    Invalid,
    KindMissing,
    NamespaceMissing,
    NamespaceTerminating,
    ObjectError,
    ObjectId,
    RejectedByAdmission,
)
from ebbflow.domain.objects import (
    TooLarge as ObjectTooLarge,
)
from tests.support.run_stage import RunWorld, config_map

REPOSITORY = "https://git.example.com/acme/infra"
DEPLOYMENT = ObjectId("apps", "Deployment", "default", "api")


def deployment(**spec: Any) -> JsonObject:
    """Return a Manifest node that makes the Deployment `api`."""
    selector = {"matchLabels": {"app": "api"}}
    manifest = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "api"},
        "spec": {"replicas": 1, "selector": selector, "template": {}},
    }
    return {"kind": "Manifest", "ref": "api", "spec": {"manifest": manifest, **spec}}


def ready(replicas: int = 1) -> JsonObject:
    available = {"type": "Available", "status": "True"}
    counts = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    return {**dict.fromkeys(counts, replicas), "conditions": [available]}


def refuse(world: RunWorld, verb: str, error: ObjectError) -> Callable[[], None]:
    """Refuse a verb from now on; return what ends that."""

    def ask(words: str) -> ObjectError | None:
        return error if words.startswith(f"{verb} ConfigMap") else None

    world.objects.refusals.append(ask)
    return lambda: world.objects.refusals.remove(ask)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(NamespaceMissing("no such namespace", code=404), id="missing namespace"),
        pytest.param(KindMissing("no such kind", code=404), id="missing kind"),
        pytest.param(Busy("slow down", code=429), id="too many requests"),
        pytest.param(Changed("it changed", code=409), id="conflict of versions"),
    ],
)
async def test_what_can_pass_by_itself_is_waited_for(world: RunWorld, error: ObjectError) -> None:
    end = refuse(world, "apply", error)
    await world.start(config_map("a", v="1"))
    await world.told()
    assert (world.node("0").phase, world.node("0").message) == ("Running", str(error))
    end()
    world.advance(await world.look())
    await world.look()
    assert world.phase() == "Succeeded"
    assert world.objects.live("ConfigMap", "a")["data"] == {"v": "1"}


async def test_who_does_not_wait_for_health_waits_until_it_was_applied(world: RunWorld) -> None:
    end = refuse(world, "apply", NamespaceMissing("no such namespace", code=404))
    await world.start(config_map("a", v="1") | {"condition": "none"})
    assert world.phase() == "Running"
    end()
    world.advance(await world.look())
    await world.look()
    assert world.phase() == "Succeeded"
    assert world.objects.names() == ["ConfigMap default/a"]


async def test_patience_grows_and_the_servers_wish_counts(world: RunWorld) -> None:
    end = refuse(world, "apply", NamespaceMissing("no such namespace", code=404))
    await world.start(config_map("a", v="1"))
    waits = []
    for _ in range(4):
        asked = await world.look()
        assert asked is not None
        waits.append(asked.after.total_seconds())
        world.clock.advance(60)
    assert waits == [2, 15, 30, 30]
    end()
    refuse(world, "apply", Busy("slow down", code=429, retry_after=timedelta(seconds=7)))
    asked = await world.look()
    assert asked is not None
    assert asked.after == timedelta(seconds=7)


async def test_after_a_refusal_all_objects_are_applied_again(world: RunWorld) -> None:
    """What exists already from an earlier run must not pass for what this one wants."""
    await world.start(config_map("b", v="old"))
    objects = [config_map(name, v="new")["spec"]["manifest"] for name in ("a", "b")]
    failing = [Busy("slow down", code=429)]

    def once(words: str) -> ObjectError | None:
        return failing.pop() if failing and words.startswith("apply ConfigMap default/b") else None

    world.objects.refusals.append(once)
    world.template({"kind": "Manifest", "spec": {"manifests": objects}})
    world.ask("two")
    await world.settle()
    assert world.phase("two") == "Running"
    world.advance(await world.look("two"))
    await world.look("two")
    assert world.phase("two") == "Succeeded"
    assert world.objects.live("ConfigMap", "b")["data"] == {"v": "new"}


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(ObjectTooLarge("it is too large; cut it", code=413), id="too large"),
        pytest.param(Invalid("metadata.name: too long", code=422), id="name too long"),
        pytest.param(RejectedByAdmission("webhook x refused it", code=403), id="webhook"),
        pytest.param(NamespaceTerminating("it is being deleted", code=403), id="terminating"),
        pytest.param(Denied("it may not patch configmaps", code=403), id="denied"),
        pytest.param(FieldConflict("kubectl owns data.v", code=409), id="field conflict"),
    ],
)
async def test_what_only_people_can_change_fails_the_node(
    world: RunWorld, error: ObjectError
) -> None:
    refuse(world, "apply", error)
    await world.start(config_map("a", v="1"), config_map("b", v="1"))
    assert world.phases() == {"0": "Failed"}
    assert world.node("0").message == str(error)
    assert str(error) in world.message()


async def test_a_failed_attempt_is_made_again_as_the_settings_say(world: RunWorld) -> None:
    end = refuse(world, "apply", RejectedByAdmission("webhook x refused it", code=403))
    settings = {"maxAttempts": 2, "backoff": {"type": "fixed", "delay": 10}}
    await world.start(config_map("a", v="1") | {"settings": settings})
    assert world.node("0").phase == "Retrying"
    end()
    world.advance(await world.look())
    await world.look()
    assert (world.node("0").phase, world.node("0").attempt) == ("Succeeded", 2)


async def test_a_deployment_is_waited_for_until_it_is_ready(world: RunWorld) -> None:
    await world.start(deployment(), config_map("after", v="1"))
    await world.told()
    assert world.node("0").message == "Deployment default/api: 0 of 1 replicas are updated"
    assert DEPLOYMENT in {target.any_version for target in world.watch.targets[world.run().key]}
    world.objects.set_status(DEPLOYMENT, ready())
    await world.look()
    assert world.phase() == "Succeeded"


async def test_without_wait_it_is_enough_that_it_was_applied(world: RunWorld) -> None:
    await world.start(deployment(wait=False))
    assert world.phase() == "Succeeded"


async def test_a_condition_of_the_documents_own_takes_the_place_of_health(world: RunWorld) -> None:
    await world.start(deployment(until="object.status.observedGeneration == 7"))
    await world.told()
    words = "Deployment default/api: waits until 'object.status.observedGeneration == 7' is true: "
    assert (world.node("0").message or "").startswith(words)
    world.objects.set_status(DEPLOYMENT, {"observedGeneration": 7})
    await world.look()
    assert world.phase() == "Succeeded"


async def test_an_object_that_is_being_deleted_is_made_anew_when_it_is_gone(
    world: RunWorld,
) -> None:
    await world.start(deployment(until="true"))
    assert world.phase() == "Succeeded"
    live = world.objects.live("Deployment", "api", group="apps")
    live["metadata"] |= {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["x/hold"]}
    world.ask("two")
    await world.settle()
    await world.told("two")
    assert "it is being deleted; it waits for x/hold" in (world.node("0", "two").message or "")
    world.objects.remove(DEPLOYMENT)
    await world.look("two")
    assert world.phase("two") == "Succeeded"
    assert (
        "deletionTimestamp" not in world.objects.live("Deployment", "api", group="apps")["metadata"]
    )


def pod(name: str, reason: str, made: str) -> JsonObject:
    waiting = {"reason": reason, "message": "no such image shop:9"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": "api"}, "creationTimestamp": made},
        "status": {
            "phase": "Pending",
            "containerStatuses": [{"name": "app", "state": {"waiting": waiting}}],
        },
    }


async def test_trouble_with_pods_is_told_when_they_take_their_time(world: RunWorld) -> None:
    await world.start(deployment())
    world.objects.put(pod("api-old", "CrashLoopBackOff", "2026-01-01T00:00:00Z"))
    world.objects.put(pod("api-new", "ImagePullBackOff", "2026-01-02T00:00:00Z"))
    assert "Pod" not in (world.node("0").message or "")
    world.advance(await world.look())
    await world.look()
    assert world.node("0").message == (
        "Deployment default/api: 0 of 1 replicas are updated; "
        "Pod api-new: container app: ImagePullBackOff: no such image shop:9"
    )


async def test_an_account_that_may_not_list_pods_misses_only_words(world: RunWorld) -> None:
    await world.start(deployment())
    world.objects.refusals.append(
        lambda words: Denied("no", code=403) if words.startswith("list") else None
    )
    world.objects.put(pod("api-1", "ImagePullBackOff", "2026-01-01T00:00:00Z"))
    world.advance(await world.look())
    await world.look()
    assert world.node("0").message == "Deployment default/api: 0 of 1 replicas are updated"


async def test_when_the_time_is_up_it_is_told_what_was_waited_for(world: RunWorld) -> None:
    await world.start(deployment() | {"timeoutDuration": 30})
    await world.told()
    world.clock.advance(30)
    await world.look()
    assert world.phase() == "Failed"
    assert "it took longer than 30s; at last: Deployment default/api: 0 of 1" in world.message()


async def test_a_recalled_node_makes_nothing(world: RunWorld) -> None:
    """After a restart outputs are read again; what was deleted meanwhile stays deleted."""
    await world.start(
        config_map("gone", v="x" * 5000),
        {"kind": "Approval", "spec": {}},
        config_map("b", v="${refs.gone.data.v}"),
    )
    world.objects.remove(ObjectId("", "ConfigMap", "default", "gone"))
    world.restart()
    world.edit("one", approvals=[{"node": "1", "user": "ada", "decision": "Approve"}])
    await world.look()
    assert world.phases() == {"0": "Succeeded", "1": "Succeeded", "2": "Failed"}
    assert world.objects.names() == []


async def test_a_dry_run_plans_for_a_namespace_that_is_still_to_be_made(world: RunWorld) -> None:
    world.objects.missing_namespaces.add("new")
    inside = config_map("a", v="1")
    inside["spec"]["manifest"]["metadata"]["namespace"] = "new"
    world.template({"kind": "Namespace", "spec": {"name": "new"}}, inside)
    world.ask(dryRun=True)
    await world.settle()
    planned = [(change.object, change.action) for change in world.run().status.plan or ()]
    assert planned == [("v1 Namespace new", "create"), ("v1 ConfigMap new/a", "create")]
    assert world.objects.names() == []


async def test_a_secret_as_a_default_for_others_fails_the_node(world: RunWorld) -> None:
    secret = {"kind": "Secret", "metadata": {"name": "db"}, "data": {"password": "aHVudGVyMg=="}}
    world.objects.put({"apiVersion": "v1", **secret})
    context = {"labels": {"password": "${secrets.db.values.password}"}}
    inner = {"type": "sequential", "context": context, "steps": [config_map("a", v="1")]}
    await world.start({"kind": "Workflow", "spec": inner})
    assert world.phase() == "Failed"
    assert "a secret cannot be a default" in world.message()


def from_git(world: RunWorld) -> JsonObject:
    world.git.create_repository(
        REPOSITORY, {"a.json": b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}}'}
    )
    return {"kind": "Manifest", "spec": {"fromGit": {"path": "a.json"}}}


PLACE = {"repository": REPOSITORY, "branch": "main", "path": "shop.yaml"}


async def test_the_file_is_that_of_the_runs_commit(world: RunWorld) -> None:
    world.template(from_git(world), git=PLACE)
    world.synced(REPOSITORY)
    world.ask()
    world.git.commit(REPOSITORY, {"a.json": b"changed since"})
    await world.settle()
    assert world.objects.names() == ["ConfigMap default/a"]


async def test_after_a_restart_the_file_is_still_that_of_the_runs_commit(world: RunWorld) -> None:
    world.template({"kind": "Approval", "spec": {}}, from_git(world), git=PLACE)
    world.synced(REPOSITORY)
    world.ask()
    await world.settle()
    world.synced(REPOSITORY, world.git.commit(REPOSITORY, {"a.json": b"changed since"}))
    world.restart()
    world.edit("one", approvals=[{"node": "0", "user": "ada", "decision": "Approve"}])
    await world.look()
    assert world.phase() == "Succeeded", world.message()


@pytest.mark.parametrize(
    ("trouble", "phase", "words"),
    [
        pytest.param(Unreachable("no answer"), "Running", "no answer", id="server away"),
        pytest.param(CommitGone("gone"), "Failed", "run the document again", id="commit gone"),
        pytest.param(NotAFile("a link"), "Failed", "a link", id="no file"),
        pytest.param(TooLarge("576 KiB at most"), "Failed", "576 KiB", id="too large"),
    ],
)
async def test_trouble_with_git_is_waited_for_or_told(
    world: RunWorld, trouble: GitError, phase: str, words: str
) -> None:
    world.template(from_git(world), git=PLACE)
    world.synced(REPOSITORY)
    world.git.fail(REPOSITORY, trouble)
    world.ask()
    await world.settle()
    if phase == "Running":
        await world.told()
    message = world.node("0").message or ""
    assert (world.node("0").phase, words in message) == (phase, True), message
    assert REPOSITORY in message
    world.git.fail(REPOSITORY, None)
    if phase == "Running":
        world.advance(await world.look())
        await world.look()
        assert world.phase() == "Succeeded"


async def test_an_account_that_is_gone_lets_the_node_fail(world: RunWorld) -> None:
    place = PLACE | {"accountRef": {"name": "acme"}}
    world.template(from_git(world), git=place)
    world.synced(REPOSITORY)
    world.ask()
    await world.settle()
    assert "AccountNotFound: GitAccount/default/acme does not exist" in (
        world.node("0").message or ""
    )
