"""AddonBackup nodes, and Actions that restore: made once an attempt, waited for, never pruned."""

from __future__ import annotations

from typing import Any

import pytest

from ebbflow.api.base import JsonObject
from ebbflow.domain.objects import ObjectId
from tests.support.run_stage import RunWorld

SNAPSHOT = {"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot"}


def backup(**spec: Any) -> JsonObject:
    return {"kind": "AddonBackup", "ref": "backup", "spec": spec}


def made(world: RunWorld, kind: str) -> list[JsonObject]:
    return [raw for raw in world.objects.all() if raw["kind"] == kind]


def done(world: RunWorld, raw: JsonObject, status: JsonObject) -> None:
    world.objects.set_status(ObjectId.of(raw), status)


async def test_a_snapshot_is_waited_for_and_named_for_what_restores_it(world: RunWorld) -> None:
    restore = {
        "kind": "Action",
        "spec": {
            "type": "restore",
            "manifest": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": {"name": "restored"},
                "spec": {"dataSource": {"kind": "VolumeSnapshot", "name": "${refs.backup.id}"}},
            },
        },
    }
    await world.start(backup(claim="data-db-0"), restore)
    (snapshot,) = made(world, "VolumeSnapshot")
    assert world.phase() == "Running"
    done(world, snapshot, {"readyToUse": True})
    await world.look_until("Running")
    await world.look()
    (claim,) = made(world, "PersistentVolumeClaim")
    assert claim["spec"]["dataSource"]["name"] == snapshot["metadata"]["name"]
    done(world, claim, {"phase": "Bound"})
    await world.look_until("Succeeded")


async def test_each_run_makes_a_backup_of_its_own_and_prunes_none(world: RunWorld) -> None:
    world.template(backup(claim="data"), prune=True)
    for name in ("one", "two"):
        world.ask(name)
        await world.settle()
        for snapshot in made(world, "VolumeSnapshot"):
            done(world, snapshot, {"readyToUse": True})
        await world.look_until("Succeeded", name)
    assert len(made(world, "VolumeSnapshot")) == 2


async def test_a_killed_operator_makes_no_second_one(world: RunWorld) -> None:
    await world.start(backup(claim="data"))
    world.restart()
    await world.look()
    assert len(made(world, "VolumeSnapshot")) == 1


async def test_a_cron_jobs_job_is_run(world: RunWorld) -> None:
    template = {"spec": {"containers": [{"name": "dump", "image": "dump:1"}]}}
    world.objects.put(
        {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": {"name": "dump"},
            "spec": {"jobTemplate": {"spec": {"template": template}}},
        }
    )
    await world.start(backup(**{"from": {"kind": "CronJob", "name": "dump"}}))
    (job,) = made(world, "Job")
    assert job["spec"]["template"]["spec"]["containers"] == template["spec"]["containers"]
    done(world, job, {"conditions": [{"type": "Complete", "status": "True"}]})
    await world.look_until("Succeeded")


@pytest.mark.parametrize(
    ("status", "phase"),
    [
        pytest.param({"phase": "Completed"}, "Succeeded", id="done"),
        pytest.param({"phase": "Failed"}, "Failed", id="failed"),
    ],
)
async def test_any_object_says_by_cel_how_it_ended(
    world: RunWorld, status: JsonObject, phase: str
) -> None:
    manifest = {
        "apiVersion": "velero.io/v1",
        "kind": "Backup",
        "metadata": {"generateName": "nightly-"},
    }
    ends = {
        "until": "object.status.phase == 'Completed'",
        "failsIf": "object.status.phase == 'Failed'",
    }
    await world.start(backup(manifest=manifest, **ends))
    (object_,) = made(world, "Backup")
    assert object_["metadata"]["name"].startswith("one-nightly-1-")
    await world.told()
    assert world.phase() == "Running"
    done(world, object_, status)
    await world.look_until(phase)


async def test_an_object_that_is_there_already_is_no_backup_of_this_attempt(
    world: RunWorld,
) -> None:
    world.objects.put(SNAPSHOT | {"metadata": {"name": "mine"}, "status": {"readyToUse": True}})
    await world.start(backup(manifest=SNAPSHOT | {"metadata": {"name": "mine"}}))
    assert world.phase() == "Failed"
    assert "that this attempt did not make" in world.message()


async def test_a_backup_that_somebody_deletes_is_told(world: RunWorld) -> None:
    await world.start(backup(claim="data"))
    (snapshot,) = made(world, "VolumeSnapshot")
    world.objects.remove(ObjectId.of(snapshot))
    await world.look()
    assert "was deleted before its end was seen" in world.message()


async def test_a_dry_run_does_without_a_cron_job_that_another_node_may_make(
    world: RunWorld,
) -> None:
    world.template(backup(**{"from": {"name": "dump"}}))
    world.ask(dryRun=True)
    await world.settle()
    assert world.phase() == "Succeeded", world.run().status.message
    (change,) = world.run().status.plan or ()
    assert change.object.startswith("batch/v1 Job default/one-backup-1-")


async def test_a_cron_job_that_is_not_there_is_said_to_be_missing(world: RunWorld) -> None:
    await world.start(backup(**{"from": {"name": "dump"}}))
    assert world.phase() == "Failed"
    assert "spec.from: there is no CronJob dump in namespace default; create it" in world.message()
