"""AddonBackup: makes one backup, and waits until it can be restored."""

from __future__ import annotations

from typing import Any, ClassVar, Final, Literal, Self

from pydantic import Field, field_validator, model_validator
from typing_extensions import override

from ebbflow.api.base import JsonObject
from ebbflow.domain.health_verdict import items, mapping, text
from ebbflow.domain.objects import ObjectId, Objects
from ebbflow.services.nodes.kind import Call, CannotDo, NodeKind, Planned, Result
from ebbflow.services.nodes.objects.short_form import LEFT_ASIDE, SNAPSHOTS
from ebbflow.services.nodes.pods.made_once import MadeOnce, OnceSpec

_NO_DUMPS: Final = (
    "backupType: a dump needs the database's own program; run it in a CronJob (suspended, if you "
    "like), and name that with from: {kind: CronJob, name}"
)


class AddonBackupSpec(OnceSpec):
    """What is backed up, by exactly one of `claim`, `addonId`, `from` and `manifest`."""

    claim: str | None = Field(
        default=None, max_length=253, description="A PersistentVolumeClaim to take a snapshot of."
    )
    addon_id: str | None = Field(
        default=None,
        max_length=63,
        description="An Addon, or any StatefulSet: a snapshot is taken of its first volume.",
    )
    snapshot_class_name: str | None = Field(
        default=None,
        max_length=253,
        description="The VolumeSnapshotClass; absent: the cluster's default one.",
    )
    backup_type: Literal["snapshot", "dump"] = Field(
        default="snapshot", description="Northflank's; a dump is made by a CronJob of yours."
    )
    compression_type: str | None = Field(default=None, description=LEFT_ASIDE)
    custom_destination_id: str | None = Field(default=None, description=LEFT_ASIDE)
    additional_destinations: tuple[JsonObject, ...] | None = Field(
        default=None, max_length=64, description=LEFT_ASIDE
    )

    @field_validator("backup_type")
    @classmethod
    def _is_no_dump(cls, value: str) -> str:
        if value == "dump":
            raise ValueError(_NO_DUMPS)
        return value

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        given = (self.claim, self.addon_id, self.from_, self.manifest)
        if sum(one is not None for one in given) != 1:
            raise ValueError("give exactly one of claim, addonId, from and manifest")
        return self


class AddonBackup(NodeKind[AddonBackupSpec]):
    """Makes a VolumeSnapshot, a CronJob's Job, or any object, under a name of the attempt's own."""

    name: ClassVar[str] = "AddonBackup"
    recalls: ClassVar[bool] = True
    spec = AddonBackupSpec

    def __init__(self, objects: Objects, once: MadeOnce) -> None:
        self._objects = objects
        self._once = once

    @override
    async def act(self, call: Call[AddonBackupSpec]) -> Result:
        return await self._once.act(call, call.spec, await self._manifest(call))

    @override
    async def plan(self, call: Call[AddonBackupSpec]) -> Planned:
        return await self._once.plan(call, call.spec, await self._manifest(call))

    @override
    async def stop(self, call: Call[AddonBackupSpec]) -> str:
        return await self._once.stop(call, call.spec)

    async def _manifest(self, call: Call[AddonBackupSpec]) -> JsonObject | None:
        spec = call.spec
        if spec.claim is not None:
            return _snapshot(spec, spec.claim)
        if spec.addon_id is not None:
            return _snapshot(spec, await self._claim_of(call, spec.addon_id))
        return spec.manifest

    async def _claim_of(self, call: Call[AddonBackupSpec], name: str) -> str:
        """Return the claim of the first pod of a StatefulSet, as its controller names it."""
        namespace = call.spec.project_id or call.context.namespace
        target = ObjectId("apps", "StatefulSet", namespace, name, "v1")
        live = await self._objects.get(target, call.run.account)
        templates = items(mapping((live or {}).get("spec")).get("volumeClaimTemplates"))
        if not templates:
            what = "has no volume" if live is not None else "does not exist"
            raise CannotDo(
                f"spec.addonId: the {target.title} {what}; name a PersistentVolumeClaim with claim, "
                "or what makes the backup with from or manifest"
            )
        first = text(mapping(templates[0].get("metadata")).get("name"))
        return f"{first}-{name}-0"


def _snapshot(spec: AddonBackupSpec, claim: str) -> JsonObject:
    body: dict[str, Any] = {"source": {"persistentVolumeClaimName": claim}}
    if spec.snapshot_class_name is not None:
        body["volumeSnapshotClassName"] = spec.snapshot_class_name
    return {
        "apiVersion": f"{SNAPSHOTS}/v1",
        "kind": "VolumeSnapshot",
        "metadata": {"generateName": claim},
        "spec": body,
    }
