"""What a document says of pods in a short form: Northflank's fields, and Kubernetes' own beside them."""

from __future__ import annotations

import re
import shlex
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, field_validator, model_validator

from ebbflow.api.base import JsonObject
from ebbflow.domain.pods.allowed import listed, refused, refused_context
from ebbflow.services.nodes.objects.file_contents import FileContent, key_of
from ebbflow.services.nodes.objects.short_form import (
    DESCRIPTION,
    LEFT_ASIDE,
    MAX_MEGABYTES,
    ObjectName,
    ProjectId,
)
from ebbflow.services.nodes.spec import NodeSpec, absent

MAX_REPLICAS: Final = 1000
MAX_EXIT_CODE: Final = 255
"""A process hands eight bits to who waits for it (POSIX, waitpid)."""

_IMAGE: Final = re.compile(r"[^\s:/][^\s]{0,511}")


def image_reference(text: str) -> str:
    """Return the reference of an image. Raises ValueError for what cannot be one."""
    if not _IMAGE.fullmatch(text) or "://" in text:
        raise ValueError("must be an image, such as registry.example.com/acme/api:1.8.2")
    return text


def words_of_command(text: str) -> str:
    """Return a command line that can be split into words. Raises ValueError."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ValueError(f"cannot be split into words: {error}") from None
    if not words:
        raise ValueError("must not be empty")
    return text


def _template(given: JsonObject) -> JsonObject:
    faults = refused(given)
    if faults:
        raise ValueError(listed(faults))
    return given


def _context(given: JsonObject) -> JsonObject:
    faults = refused_context(given)
    if faults:
        raise ValueError(listed(faults))
    return given


def _exit_codes(given: tuple[int, ...]) -> tuple[int, ...]:
    if not all(0 <= code <= MAX_EXIT_CODE for code in given):
        raise ValueError(f"exit codes are numbers from 0 to {MAX_EXIT_CODE}")
    return given


ExitCodes = Annotated[
    tuple[int, ...], Field(min_length=1, max_length=64), AfterValidator(_exit_codes)
]
"""Those that are right; in a dry run the first one stands in for that of what does not run."""

Image = Annotated[str, AfterValidator(image_reference)]
CommandLine = Annotated[str, Field(max_length=32_768), AfterValidator(words_of_command)]
PodTemplate = Annotated[JsonObject, AfterValidator(_template)]
SecurityContext = Annotated[JsonObject, AfterValidator(_context)]


class Docker(NodeSpec):
    """What runs in the container."""

    config_type: Literal[
        "default", "customEntrypoint", "customCommand", "customEntrypointCustomCommand"
    ] = Field(default="default", description="Which of the image's two are replaced.")
    custom_entrypoint: CommandLine | None = Field(
        default=None,
        description="Instead of the image's entrypoint; split into words as a shell does.",
    )
    custom_command: CommandLine | None = Field(
        default=None,
        description="Instead of the image's command; split into words as a shell does.",
    )

    @property
    def entrypoint(self) -> list[str] | None:
        """The words of the entrypoint, where it is replaced."""
        wanted = "Entrypoint" in self.config_type and self.custom_entrypoint
        return shlex.split(wanted) if wanted else None

    @property
    def command(self) -> list[str] | None:
        """The words of the command, where it is replaced."""
        wanted = "Command" in self.config_type and self.custom_command
        return shlex.split(wanted) if wanted else None


class ExternalImage(NodeSpec):
    """An image of a registry."""

    image_path: Image = Field(description="The image.")
    credentials: str | None = Field(
        default=None,
        max_length=253,
        description="The Secret (type kubernetes.io/dockerconfigjson) that it is pulled with.",
    )


class EphemeralStorage(NodeSpec):
    """Disk that goes with the pod."""

    storage_size: int = Field(
        ge=1, le=MAX_MEGABYTES, description="MiB: the container's limit of ephemeral-storage."
    )


class Storage(NodeSpec):
    """What a pod may write."""

    ephemeral_storage: EphemeralStorage | None = Field(
        default=None, description="Disk that goes with the pod."
    )
    shm_size: int | None = Field(
        default=None, ge=1, le=MAX_MEGABYTES, description="MiB of memory at /dev/shm."
    )


class PodDeployment(NodeSpec):
    """How the container runs, in Northflank's words."""

    docker: Docker = Field(default=Docker(), description="What runs in the container.")
    external: ExternalImage | None = Field(default=None, description="The image; or give `image`.")
    internal: JsonObject | None = Field(
        default=None,
        description="Must be absent: give the image of a Build node, as ${refs.….image}.",
    )
    storage: Storage = Field(default=Storage(), description="What its pods may write.")
    grace_period_seconds: int | None = Field(
        default=None, ge=0, le=86_400, description="How long a pod may take to stop."
    )
    gpu: JsonObject | None = Field(default=None, description=LEFT_ASIDE)
    buildpack: JsonObject | None = Field(default=None, description=LEFT_ASIDE)

    @field_validator("internal")
    @classmethod
    def _no_build(cls, _given: JsonObject | None) -> None:
        raise ValueError(
            "the image of a build service cannot be named here; give image: ${refs.….image} of a "
            "Build node"
        )


class Billing(NodeSpec):
    """Northflank's plans, of which one field means something here."""

    model_config = ConfigDict(extra="ignore")

    storage: int | None = Field(
        default=None, ge=1, le=MAX_MEGABYTES, description="MiB of an addon's volume."
    )


class PodSpec(NodeSpec):
    """What every short form that makes pods has; workload.py has what becomes of it."""

    name: ObjectName
    deployment: PodDeployment = Field(
        default=PodDeployment(), description="How the container runs, in Northflank's words."
    )
    description: str | None = Field(
        default=None, max_length=200, description=f"What it is for: the annotation {DESCRIPTION}."
    )
    image: Image | None = Field(
        default=None, description="The image; or give deployment.external.imagePath."
    )
    command: tuple[str, ...] | None = Field(
        default=None, max_length=256, description="Instead of the image's entrypoint."
    )
    args: tuple[str, ...] | None = Field(
        default=None, max_length=1024, description="Instead of the image's command."
    )
    runtime_environment: JsonObject = Field(
        default={},
        description="Environment variables by name. A value that a secret went into is kept in a "
        "Secret; ${{secrets…}} becomes a reference.",
    )
    runtime_files: dict[str, FileContent] = Field(
        default={},
        max_length=64,
        description="Files by the absolute path at which the container finds them; kept in a Secret.",
    )
    env: tuple[JsonObject, ...] = Field(
        default=(),
        max_length=512,
        description="Environment variables as a container has them, valueFrom included; over "
        "those of runtimeEnvironment.",
    )
    env_from: tuple[JsonObject, ...] = Field(
        default=(), max_length=64, description="ConfigMaps and Secrets whose keys become variables."
    )
    resources: JsonObject | None = Field(
        default=None, description="Requests and limits of the container; absent: the namespace's."
    )
    security_context: SecurityContext | None = Field(
        default=None,
        description="The container's security context; what it leaves out is as the restricted "
        "profile has it.",
    )
    pod_template: PodTemplate = Field(
        default={},
        description="A pod template laid over the one that is made; the container's name is that "
        "of the object. Only fields that documents may use.",
    )
    labels: JsonObject = Field(default={}, description="Labels of the objects and pods.")
    annotations: JsonObject = Field(default={}, description="Annotations of the objects.")
    project_id: ProjectId = None
    billing: Billing = Field(
        default=Billing(), description="Northflank's plans; left aside but for `storage`."
    )
    infrastructure: JsonObject | None = Field(default=None, description=LEFT_ASIDE)
    tags: tuple[str, ...] = Field(default=(), max_length=64, description=LEFT_ASIDE)

    @field_validator("runtime_files")
    @classmethod
    def _absolute(cls, files: dict[str, FileContent]) -> dict[str, FileContent]:
        for path in files:
            if not path.startswith("/") or ".." in path.split("/") or ":" in path:
                raise ValueError("paths must be absolute, without .. and colons")
        if len({key_of(path) for path in files}) < len(files):
            raise ValueError("two paths would have the same key")
        return files

    @field_validator("env")
    @classmethod
    def _named(cls, variables: tuple[JsonObject, ...]) -> tuple[JsonObject, ...]:
        if not all(isinstance(one.get("name"), str) for one in variables):
            raise ValueError("each variable needs a name")
        return variables

    @model_validator(mode="after")
    def _said_once(self) -> Self:
        given = self.deployment
        if self.image is not None and given.external is not None:
            raise ValueError("give the image once: as image, or as deployment.external.imagePath")
        if self.command is not None and given.docker.entrypoint is not None:
            raise ValueError("give command or deployment.docker.customEntrypoint, not both")
        if self.args is not None and given.docker.command is not None:
            raise ValueError("give args or deployment.docker.customCommand, not both")
        return self

    @property
    def image_given(self) -> str | None:
        """The image, whichever way it is said."""
        external = self.deployment.external
        return self.image or (external.image_path if external else None)


class ImagePodSpec(PodSpec):
    """Pods whose image the document names."""

    @model_validator(mode="after")
    def _has_image(self) -> Self:
        if self.image_given is None:
            raise absent(
                "there is no image; give image (such as registry.example.com/acme/api:1.8.2), or "
                "deployment.external.imagePath"
            )
        return self

    @property
    def image_named(self) -> str:
        """The image, which there is."""
        return self.image_given or ""
