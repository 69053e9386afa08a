"""CombinedService: builds an image from a commit, and runs it: Build and DeploymentService in one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator
from typing_extensions import override

from ebbflow.api.base import JsonObject
from ebbflow.api.place import BranchName, RepositoryAddress
from ebbflow.domain.cel import CelCompiler
from ebbflow.domain.objects import ObjectId, Objects
from ebbflow.domain.pods.jobs import ATTEMPT, annotation
from ebbflow.services.nodes.kind import Call, Failed, NodeKind, Planned, Result, Working
from ebbflow.services.nodes.objects.short_form import LEFT_ASIDE
from ebbflow.services.nodes.pods.building import IMAGE, Builder, Builds, BuildSettings, Built
from ebbflow.services.nodes.pods.deploying import Deploying, ServiceSpec
from ebbflow.services.nodes.spec import NodeSpec, too_little


class VcsData(NodeSpec):
    """Where the source is, in Northflank's words."""

    project_url: RepositoryAddress = Field(description="The repository's address.")
    project_branch: BranchName | None = Field(
        default=None, description="The branch; absent: the run's own commit, if it is of there."
    )
    project_type: str | None = Field(default=None, max_length=64, description=LEFT_ASIDE)
    account_login: str | None = Field(
        default=None,
        max_length=256,
        description="Northflank's; left aside: name a GitAccount in build.git.accountRef.",
    )
    self_hosted_vcs_id: str | None = Field(default=None, max_length=256, description=LEFT_ASIDE)
    vcs_link_id: str | None = Field(default=None, max_length=256, description=LEFT_ASIDE)


class Dockerfile(NodeSpec):
    """Which Dockerfile, in Northflank's words. The builder is told by variables."""

    docker_file_path: str = Field(
        default="/Dockerfile", max_length=1024, description="Its path: EBBFLOW_DOCKERFILE."
    )
    docker_work_dir: str = Field(
        default="/", max_length=1024, description="The build's directory: EBBFLOW_CONTEXT."
    )
    build_engine: str | None = Field(default=None, max_length=64, description=LEFT_ASIDE)
    build_stage: str | None = Field(default=None, max_length=256, description=LEFT_ASIDE)
    use_cache: bool = Field(default=False, description=LEFT_ASIDE)


class DockerfileSettings(NodeSpec):
    """How the image is built, in Northflank's words."""

    dockerfile: Dockerfile = Field(default=Dockerfile(), description="Which Dockerfile.")
    storage: JsonObject | None = Field(default=None, description=LEFT_ASIDE)


class CombinedServiceSpec(ServiceSpec):
    """A service, and how its image is built."""

    build: BuildSettings = Field(
        description="With what the image is built, and where it goes: the fields of a Build.",
    )
    vcs_data: VcsData | None = Field(
        default=None, description="Northflank's word for build.git: where the source is."
    )
    build_settings: DockerfileSettings | None = Field(
        default=None, description="Northflank's: which Dockerfile the builder is told of."
    )
    build_arguments: JsonObject = Field(
        default={}, description="Northflank's: variables of the builder, by name."
    )
    build_files: JsonObject = Field(default={}, description=LEFT_ASIDE)
    build_configuration: JsonObject | None = Field(default=None, description=LEFT_ASIDE)
    disabled_ci: bool = Field(default=False, alias="disabledCI", description=LEFT_ASIDE)
    disabled_cd: bool = Field(default=False, alias="disabledCD", description=LEFT_ASIDE)

    @model_validator(mode="before")
    @classmethod
    def _says_how(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and raw.get("build") is None:
            raise too_little(
                "build is missing: say with what the image is built and where it goes, such as "
                "build: {image: registry.example.com/acme/api, builder: {image: …, args: […]}}; "
                "for an image that is built elsewhere use DeploymentService"
            )
        return raw

    @model_validator(mode="after")
    def _is_built(self) -> Self:
        if self.image_given is not None:
            raise ValueError("the image is built: leave image out, or use DeploymentService")
        return self

    @property
    def settings(self) -> BuildSettings:
        """What is built, whichever words said it."""
        given, source = self.build, self.vcs_data
        git = given.git
        if source is not None and git.repository is None:
            place = {"repository": source.project_url, "ref": git.ref or source.project_branch}
            git = git.model_copy(update=place)
        builder = given.builder and self._told(given.builder, git.path)
        return given.model_copy(update={"git": git, "builder": builder})

    def _told(self, builder: Builder, path: str) -> Builder:
        """Return the builder with the variables that Northflank's fields give it."""
        told = dict(self.build_arguments)
        if self.build_settings is not None:
            given = self.build_settings.dockerfile
            told["EBBFLOW_DOCKERFILE"] = _below(path, given.docker_file_path)
            told["EBBFLOW_CONTEXT"] = _below(path, given.docker_work_dir)
        variables = [{"name": name, "value": value} for name, value in told.items()]
        both = (*variables, *builder.overrides.env)
        return builder.model_copy(update={"env": both, "runtime_environment": {}})


class CombinedService(NodeKind[CombinedServiceSpec]):
    """Builds, then applies the objects of the service and waits for the rollout."""

    name: ClassVar[str] = "CombinedService"
    recalls: ClassVar[bool] = True
    spec = CombinedServiceSpec

    def __init__(self, objects: Objects, cel: CelCompiler, builds: Builds) -> None:
        self._objects = objects
        self._builds = builds
        self._deploying = Deploying(objects, cel)

    @override
    async def act(self, call: Call[CombinedServiceSpec]) -> Result:
        deployed = await self._deployed(call)
        if deployed is not None or call.recalled:
            return await self._deploy(call, deployed or "")
        match await self._builds.build(call, call.spec.settings):
            case Working() as working:
                return replace(working, unmade=True)
            case Failed() as failed:
                return failed
            case Built() as built:
                # The objects get the image only now, however long ago the attempt began.
                return await self._deploy(replace(call, fresh=True), built.image.reference)

    @override
    async def plan(self, call: Call[CombinedServiceSpec]) -> Planned:
        built = await self._builds.planned(call, call.spec.settings)
        planned = await self._deploying.plan(call, call.spec, built.outputs["image"])
        return replace(planned, changes=(*built.changes, *planned.changes))

    @override
    async def stop(self, call: Call[CombinedServiceSpec]) -> str:
        """The build ends; a service stays as it is: a run never deletes what it made."""
        return await self._builds.stop(call, call.spec.settings)

    async def _deployed(self, call: Call[CombinedServiceSpec]) -> str | None:
        """Return the image that this attempt has given to the Deployment; None if it has not yet."""
        namespace = call.spec.project_id or call.context.namespace
        target = ObjectId("apps", "Deployment", namespace, call.spec.name, "v1")
        live = await self._objects.get(target, call.run.account)
        if live is None:
            return None
        if annotation(live, ATTEMPT) != call.idempotency_key and not call.recalled:
            return None
        return annotation(live, IMAGE)

    async def _deploy(self, call: Call[CombinedServiceSpec], image: str) -> Result:
        notes = {ATTEMPT: call.idempotency_key, IMAGE: image}
        return await self._deploying.act(call, call.spec, image, notes)


def _below(path: str, given: str) -> str:
    inner = given.strip("/")
    return f"{path.rstrip('/')}/{inner}" if inner else path
