"""Building an image from a commit: a Job with the user's builder, or a build that is there already."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from ebbflow.api.base import GROUP, JsonObject
from ebbflow.api.place import BranchName
from ebbflow.api.run import PlannedChange
from ebbflow.domain.health_verdict import mapping
from ebbflow.domain.objects import ObjectId, Objects
from ebbflow.domain.pods.exit import exit_of
from ebbflow.domain.pods.images import (
    REPOSITORY,
    SHORT_COMMIT,
    TAG,
    Pushed,
    build_key,
    read_digest,
    read_reference,
)
from ebbflow.domain.pods.jobs import annotation, standing
from ebbflow.services.nodes.kind import Call, Failed, Planned, Working
from ebbflow.services.nodes.objects.job_origin import OriginMissing, origin_spec
from ebbflow.services.nodes.objects.short_form import LEFT_ASIDE
from ebbflow.services.nodes.pods.attempt_job import AttemptJobs, Ended
from ebbflow.services.nodes.pods.container_changes import ContainerChanges, changed, whole_template
from ebbflow.services.nodes.pods.job_source import COMMIT, GitSource, JobSources, Source
from ebbflow.services.nodes.pods.workload_spec import PodTemplate
from ebbflow.services.nodes.spec import NodeSpec

BUILD: Final = f"{GROUP}/build"
"""The label of Jobs that build: equal where the image would be the same."""

IMAGE: Final = f"{GROUP}/image"
"""The annotation of a Job that has built: the image with its digest."""

MANAGER: Final = "ebbflow-build"
CONTAINER: Final = "builder"
RECHECK: Final = timedelta(seconds=5)
"""How soon to look again at a build that another run has begun."""

UNKNOWN_DIGEST: Final = f"sha256:{'0' * 64}"
"""Stands in for the digest of an image that a dry run does not build."""

HOW_TO_TELL: Final = (
    "have the builder write the digest (sha256:…) to /dev/termination-log, with kaniko by "
    "--digest-file=/dev/termination-log"
)


def _is_repository(value: str) -> str:
    if not REPOSITORY.fullmatch(value):
        raise ValueError("must be an image without tag and digest: registry.example.com/acme/api")
    return value


def _is_tag(value: str) -> str:
    if not TAG.fullmatch(value):
        raise ValueError("must be 1 to 128 letters, digits, dots, hyphens and underscores")
    return value


class Builder(ContainerChanges):
    """The container that builds."""

    template: PodTemplate | None = Field(
        default=None,
        description="A pod template: metadata, and spec with containers; absent: one with only "
        "the image. Only fields that documents may use.",
    )

    @model_validator(mode="after")
    def _has_image(self) -> Self:
        if self.template is None and self.overrides.image is None:
            raise ValueError("give the builder's image, or a template")
        return self


class BuildSettings(NodeSpec):
    """What is built, with what, and where it goes."""

    image: Annotated[str, AfterValidator(_is_repository)] = Field(
        max_length=255, description="Where the image goes: its name without tag and digest."
    )
    tag: Annotated[str, AfterValidator(_is_tag)] | None = Field(
        default=None, description="Its tag; absent: the first 12 digits of the commit."
    )
    builder: Builder | None = Field(
        default=None, description="The container that builds; or give `id`."
    )
    id: str | None = Field(
        default=None,
        min_length=1,
        max_length=63,
        description="Northflank's: here the CronJob (a ManualJob) whose Job builds.",
    )
    git: GitSource = Field(
        default=GitSource(), description="What is built; absent: the run's own commit."
    )
    reuse_existing_builds: bool = Field(
        default=True,
        description="Take the image of a build of the same commit with the same settings, if there "
        "is one.",
    )
    branch: BranchName | None = Field(default=None, description="Northflank's word for git.ref.")
    sha: str | None = Field(
        default=None, pattern="^[0-9a-f]{40}$", description="The commit of the branch."
    )
    type: Literal["service", "job"] | None = Field(default=None, description=LEFT_ASIDE)
    build_rules: JsonObject | None = Field(default=None, description=LEFT_ASIDE)
    build_rule_fall_through_handling: str | None = Field(default=None, description=LEFT_ASIDE)
    build_overrides: JsonObject | None = Field(default=None, description=LEFT_ASIDE)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.builder is None) == (self.id is None):
            raise ValueError("give exactly one of builder and id")
        if self.git.ref is not None and (self.branch is not None or self.sha is not None):
            raise ValueError("give git.ref, or Northflank's branch and sha")
        return self

    @property
    def container(self) -> str | None:
        """The container that builds; None: the first."""
        return None if self.builder is None else self.builder.container

    @property
    def source(self) -> GitSource:
        """What is built, whichever words said it."""
        ref = self.sha or self.branch
        return self.git if ref is None else self.git.model_copy(update={"ref": ref})


@dataclass(frozen=True, slots=True)
class Built:
    """The image is in the registry. `job` built it; `reused`: another run had it built."""

    image: Pushed
    commit: str
    job: str
    log: str = ""
    reused: bool = False

    @property
    def outputs(self) -> JsonObject:
        """What later nodes read."""
        return {
            "image": self.image.reference,
            "digest": self.image.digest,
            "tag": self.image.tag,
            "commit": self.commit,
            "job": self.job,
            "log": self.log,
        }

    @property
    def words(self) -> str:
        """What came of it, for people."""
        how = "was there already, from" if self.reused else "was built by"
        return f"{self.image.reference} {how} the Job {self.job}"


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A build as it would be made now; `key` is equal where the image would be the same."""

    source: Source
    spec: JsonObject
    key: str


class Builds:
    """Builds for nodes. Those of a namespace find each other by a label on their Jobs, which are
    kept as long as their Runs.
    """

    def __init__(self, objects: Objects, jobs: AttemptJobs, sources: JobSources) -> None:
        self._objects = objects
        self._jobs = jobs
        self._sources = sources

    async def build(self, call: Call[Any], settings: BuildSettings) -> Working | Failed | Built:
        """Begin the build, or see how it stands. Raises CannotDo, NotNow, ObjectError."""
        target = self._jobs.target(call)
        # Where a killed operator had begun the build, nothing is to be looked up in Git again.
        live = await self._jobs.get(call, target)
        if live is None and call.recalled:
            return await self._recalled(call, settings)
        if live is None and call.fresh:
            wanted = await self._wanted(call, settings)
            if settings.reuse_existing_builds:
                there = await self._of_others(call, target, wanted)
                if there is not None:
                    return there
            git = settings.source.model_copy(update={"ref": wanted.source.commit})
            live = await self._jobs.make(call, target, wanted.spec, git, {BUILD: wanted.key})
        seen = await self._jobs.look(
            call, target, live, git=settings.source, container=settings.container
        )
        return await self._ended(call, settings, seen) if isinstance(seen, Ended) else seen

    async def planned(self, call: Call[Any], settings: BuildSettings) -> Planned:
        """Say what would be built. Nothing is, and the digest is not known."""
        source, tag = await self._source(call, settings)
        # What builds may be about to be made by an earlier node.
        with suppress(OriginMissing):
            await self._spec(call, settings, source, tag)
        image = Pushed(settings.image, tag, UNKNOWN_DIGEST)
        name = f"{image.repository}:{image.tag}"
        change = PlannedChange(node=call.path, object=f"image {name}", action="create")
        return Planned((change,), Built(image, source.commit, "").outputs)

    async def stop(self, call: Call[Any], settings: BuildSettings) -> str:
        """End the build that the attempt began; that of another run goes on.

        Return how its log ended, as AttemptJobs.stop does. Raises ObjectError.
        """
        return await self._jobs.stop(call, self._jobs.target(call), settings.container)

    async def _wanted(self, call: Call[Any], settings: BuildSettings) -> _Wanted:
        source, tag = await self._source(call, settings)
        spec = await self._spec(call, settings, source, tag)
        key = build_key(
            {"source": [source.repository, source.commit, source.directory], "job": spec}
        )
        return _Wanted(source, spec, key)

    async def _source(self, call: Call[Any], settings: BuildSettings) -> tuple[Source, str]:
        """Return what is built, and the tag of the image."""
        source = await self._sources.resolve(call, settings.source)
        return source, settings.tag or source.commit[:SHORT_COMMIT]

    async def _spec(
        self, call: Call[Any], settings: BuildSettings, source: Source, tag: str
    ) -> JsonObject:
        """Return the spec of the Job. What it is told comes first, so that args may refer to it."""
        namespace = call.context.namespace
        told = {
            "EBBFLOW_IMAGE": f"{settings.image}:{tag}",
            "EBBFLOW_COMMIT": source.commit,
            "EBBFLOW_SOURCE": settings.git.path,
        }
        if settings.builder is None:
            job = await origin_spec(
                self._objects,
                call,
                namespace,
                settings.id or "",
                field="spec.id",
                remedy="make one that builds (a ManualJob), or give a builder",
            )
            return {**job, "template": _told(mapping(job["template"]), told)}
        given = settings.builder.template or {"spec": {"containers": [{"name": CONTAINER}]}}
        template = _told(changed(given, settings.builder), told, settings.container)
        return {"template": whole_template(template, call.run.account, namespace)}

    async def _of_others(
        self, call: Call[Any], own: ObjectId, wanted: _Wanted
    ) -> Working | Built | None:
        """Return the image of another build of the same, or wait for one that is under way."""
        found = await self._objects.find(
            "batch", "Job", own.namespace, {BUILD: wanted.key}, call.run.account
        )
        for job in found:
            image = read_reference(annotation(job, IMAGE) or "")
            if image is not None:
                return Built(image, wanted.source.commit, ObjectId.of(job).name, reused=True)
        for job in found:
            other = ObjectId.of(job)
            if other.name != own.name and _is_under_way(job):
                words = f"waits for the Job {other.name}, which builds the same commit"
                return Working(words, after=RECHECK, anew=True)
        return None

    async def _recalled(self, call: Call[Any], settings: BuildSettings) -> Built | Failed:
        wanted = await self._wanted(call, settings)
        there = await self._of_others(call, self._jobs.target(call), wanted)
        if isinstance(there, Built):
            return there
        return Failed("the Job that built the image is not there any more", final=True)

    async def _ended(
        self, call: Call[Any], settings: BuildSettings, ended: Ended
    ) -> Built | Failed:
        if not ended.succeeded:
            return ended.failed()
        commit = annotation(ended.job, COMMIT) or ""
        tag = settings.tag or commit[:SHORT_COMMIT]
        noted = read_reference(annotation(ended.job, IMAGE) or "")
        if noted is not None:
            return Built(noted, commit, ended.name, ended.log)
        exit_ = None if ended.pod is None else exit_of(ended.pod, ended.container)
        digest = None if exit_ is None else read_digest(exit_.message)
        if digest is None:
            seen = "its pod cannot be seen" if exit_ is None else HOW_TO_TELL
            return Failed(
                f"the Job {ended.name} ended well, but not with the digest of the image: {seen}"
            )
        image = Pushed(settings.image, tag, digest)
        await self._note(call, ended.job, image)
        return Built(image, commit, ended.name, ended.log)

    async def _note(self, call: Call[Any], job: JsonObject, image: Pushed) -> None:
        """Write the image down on the Job, where other builds find it; pods may be gone by then."""
        target = ObjectId.of(job)
        noted = {
            "apiVersion": target.api_version,
            "kind": target.kind,
            "metadata": {
                "name": target.name,
                "namespace": target.namespace,
                "annotations": {IMAGE: image.reference},
            },
        }
        await self._objects.apply(noted, call.run.account, manager=MANAGER)


def _is_under_way(job: JsonObject) -> bool:
    deleted = mapping(job.get("metadata")).get("deletionTimestamp")
    return standing(job) in ("Running", "Suspended") and not deleted


def _told(template: JsonObject, told: dict[str, str], container: str | None = None) -> JsonObject:
    """Return the template with variables in the container that builds, before those that are there.

    Absent, `container` is the first.
    """
    pod = mapping(template.get("spec"))
    containers = list(pod.get("containers") or [{}])
    names = [mapping(one).get("name") for one in containers]
    place = names.index(container) if container in names else 0
    builder = containers[place]
    given = [one for one in builder.get("env") or () if mapping(one).get("name") not in told]
    variables = [{"name": name, "value": value} for name, value in told.items()]
    containers[place] = {**builder, "env": [*variables, *given]}
    return {**template, "spec": {**pod, "containers": containers}}
