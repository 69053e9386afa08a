"""Manifest: applies Kubernetes objects, waits until they are healthy, hands on the live objects."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field, field_validator, model_validator
from typing_extensions import override

from ebbflow.api.base import JsonObject
from ebbflow.domain.addresses import normalise_path
from ebbflow.domain.cel import CelCompiler
from ebbflow.domain.document import InvalidDocument
from ebbflow.domain.git import CommitGone, GitError
from ebbflow.domain.manifest_file import read_manifests
from ebbflow.domain.objects import Objects
from ebbflow.services.nodes.kind import Call, CannotDo, NodeKind, NotNow, Planned, Result, Running
from ebbflow.services.nodes.objects.applying import Applying, apply_and_wait, plan_objects
from ebbflow.services.nodes.spec import NodeSpec
from ebbflow.services.repositories.repository_files import NoAccess, RepositoryFiles


class FromGit(NodeSpec):
    """A file of the same repository and commit as the document."""

    path: str = Field(
        max_length=1024,
        description="The file, relative to the root of the repository: YAML documents if it ends "
        "in .yaml or .yml, else JSON. Expressions in it are not evaluated.",
    )

    @field_validator("path")
    @classmethod
    def _is_path(cls, value: str) -> str:
        return normalise_path(value)


class ManifestSpec(NodeSpec):
    """One object or several, and how long to wait for them."""

    manifest: JsonObject | None = Field(default=None, description="The object.")
    manifests: tuple[JsonObject, ...] | None = Field(
        default=None, min_length=1, max_length=500, description="Several objects."
    )
    from_git: FromGit | None = Field(default=None, description="The objects in a file in Git.")
    wait: bool = Field(default=True, description="Wait until the objects are healthy.")
    until: str | None = Field(
        default=None,
        description="CEL over `object` that says when each is healthy; absent: as kstatus has it.",
    )
    force: bool = Field(
        default=True,
        description="Take fields over that another manager owns; false: that is a failure.",
    )

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        given = (self.manifest, self.manifests, self.from_git)
        if sum(one is not None for one in given) != 1:
            raise ValueError("give exactly one of manifest, manifests and fromGit")
        return self


class Manifest(NodeKind[ManifestSpec]):
    """Server-side apply under a field manager of the source's own, in the tenant's name."""

    name: ClassVar[str] = "Manifest"
    recalls: ClassVar[bool] = True
    spec = ManifestSpec

    def __init__(self, objects: Objects, cel: CelCompiler, files: RepositoryFiles) -> None:
        self._objects = objects
        self._cel = cel
        self._files = files

    @override
    async def act(self, call: Call[ManifestSpec]) -> Result:
        manifests = await self._manifests(call)
        how = _how(call.spec)
        return await apply_and_wait(self._objects, self._cel, call, manifests, how)

    @override
    async def plan(self, call: Call[ManifestSpec]) -> Planned:
        manifests = await self._manifests(call)
        return await plan_objects(self._objects, call, manifests, _how(call.spec))

    @override
    async def stop(self, call: Call[ManifestSpec]) -> None:
        """What was applied stays: a run never deletes what it made."""

    async def _manifests(self, call: Call[ManifestSpec]) -> tuple[JsonObject, ...]:
        """Return the objects, however they are given."""
        spec = call.spec
        if spec.from_git is not None:
            return await self._read(call.run, spec.from_git.path)
        return spec.manifests or ((spec.manifest,) if spec.manifest is not None else ())

    async def _read(self, run: Running, path: str) -> tuple[JsonObject, ...]:
        if run.git is None or run.commit is None:
            raise CannotDo(
                "spec.fromGit: the document is not kept in Git; give the Template a spec.git, "
                "or write the objects into manifest or manifests"
            )
        where = f"{path} at {run.commit[:7]} of {run.git.repository}"
        try:
            data = await self._files.read(run.key, run.git, run.commit, path)
        except CommitGone:
            raise CannotDo(
                f"spec.fromGit: {where}: the commit is no longer there; run the document again"
            ) from None
        except NoAccess as error:
            raise CannotDo(f"spec.fromGit: {where}: {error}") from error
        except GitError as error:
            kind = NotNow if error.transient else CannotDo
            raise kind(f"spec.fromGit: {where}: {error}") from error
        if data is None:
            raise CannotDo(f"spec.fromGit: there is no {where}; correct the path, or add the file")
        try:
            return read_manifests(data, path)
        except InvalidDocument as error:
            raise CannotDo(f"spec.fromGit: {where}: {error}") from error


def _how(spec: ManifestSpec) -> Applying:
    return Applying(spec.wait, spec.until, spec.force)
