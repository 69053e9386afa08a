"""What a document changes in the container of a Job: ours, and in Northflank's words."""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from ebbflow.api.base import JsonObject
from ebbflow.domain.objects import Account, tainted_texts
from ebbflow.domain.pods.jobs import NoSuchContainer, Overrides, with_overrides
from ebbflow.services.nodes.kind import CannotDo
from ebbflow.services.nodes.objects.short_form import LEFT_ASIDE
from ebbflow.services.nodes.pods.tenant_pods import as_tenant
from ebbflow.services.nodes.pods.workload_spec import Docker, ExternalImage, Image, SecurityContext
from ebbflow.services.nodes.spec import NodeSpec

Env = tuple[JsonObject, ...]


class Deployment(NodeSpec):
    """What Northflank's overrides change."""

    docker: Docker | None = Field(default=None, description="The command and its arguments.")
    external: ExternalImage | None = Field(default=None, description="The image.")


class ContainerChanges(NodeSpec):
    """The changes; where both ways of saying the same are used, that is an error."""

    container: str | None = Field(
        default=None, max_length=63, description="Which container is meant; absent: the first."
    )
    image: Image | None = Field(default=None, description="Its image.")
    command: tuple[str, ...] | None = Field(
        default=None, max_length=256, description="Its command, instead of the image's entrypoint."
    )
    args: tuple[str, ...] | None = Field(
        default=None, max_length=1024, description="The arguments of its command."
    )
    env: Env = Field(
        default=(),
        max_length=512,
        description="Environment variables, as Kubernetes has them or by name; they win over those "
        "that are there. ${{secrets…}} becomes a reference.",
    )
    resources: JsonObject | None = Field(default=None, description="Its requests and limits.")
    security_context: SecurityContext | None = Field(
        default=None,
        description="Its security context, such as runAsUser for an image that runs as root.",
    )
    deployment: Deployment | None = Field(
        default=None, description="Northflank's words for image, command and args."
    )
    runtime_environment: JsonObject = Field(
        default={}, description="Northflank's word for env: values by name."
    )
    runtime_files: JsonObject | None = Field(
        default=None, description="Northflank's files; not supported: mount a SecretGroup instead."
    )
    billing: JsonObject | None = Field(default=None, description=LEFT_ASIDE)

    @field_validator("env", mode="before")
    @classmethod
    def _by_name(cls, value: Any) -> Any:
        return _as_list(value)

    @field_validator("env")
    @classmethod
    def _have_names(cls, value: Env) -> Env:
        if not all(isinstance(one.get("name"), str) and one["name"] for one in value):
            raise ValueError("each variable needs a name")
        return value

    @model_validator(mode="after")
    def _said_once(self) -> Self:
        if self.runtime_files:
            raise ValueError("runtimeFiles are not supported: make a SecretGroup and mount it")
        docker, external = self._northflank
        twice = (
            ("image", self.image is not None and external is not None),
            ("command", self.command is not None and docker.entrypoint is not None),
            ("args", self.args is not None and docker.command is not None),
            ("env", bool(self.env and self.runtime_environment)),
        )
        for name, said in twice:
            if said:
                raise ValueError(f"{name} is given twice: leave out Northflank's word for it")
        return self

    @property
    def overrides(self) -> Overrides:
        """Return the changes, whichever words said them."""
        docker, external = self._northflank
        command = self.command if self.command is not None else docker.entrypoint
        args = self.args if self.args is not None else docker.command
        more = {"resources": self.resources, "securityContext": self.security_context}
        return Overrides(
            container=self.container,
            image=self.image or (external.image_path if external else None),
            command=None if command is None else tuple(command),
            args=None if args is None else tuple(args),
            env=self.env or tuple(_as_list(self.runtime_environment)),
            more={key: value for key, value in more.items() if value is not None},
        )

    @property
    def _northflank(self) -> tuple[Docker, ExternalImage | None]:
        given = self.deployment or Deployment()
        return given.docker or Docker(), given.external


def changed(template: JsonObject, changes: ContainerChanges) -> JsonObject:
    """Return a pod template with the changes. Raises CannotDo."""
    overrides = changes.overrides
    if tainted_texts(overrides.env):
        raise CannotDo(
            "spec.env: a secret would be readable in the Job; write ${{secrets…}} as the whole value, "
            "which becomes a reference to the Secret"
        )
    try:
        return with_overrides(template, overrides)
    except NoSuchContainer as error:
        raise CannotDo(f"spec.container: {error}") from error


def whole_template(template: JsonObject, account: Account, namespace: str) -> JsonObject:
    """Return the template that only the document describes, as `as_tenant` makes it.

    Raises CannotDo for what is not allowed, and where it holds a secret.
    """
    if tainted_texts(template):
        raise CannotDo(
            "spec.template: a secret would be readable in the Job; write ${{secrets…}} as the value of "
            "an environment variable"
        )
    return as_tenant(template, account, namespace, "spec.template")


def _as_list(value: Any) -> Any:
    """Return a mapping of names to values as the list that Kubernetes has."""
    if isinstance(value, dict):
        return [{"name": name, "value": item} for name, item in value.items()]
    return value
