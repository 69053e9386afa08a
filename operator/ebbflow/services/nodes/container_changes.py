"""What a document changes in the container of a Job: ours, and in Northflank's words."""

from __future__ import annotations

import shlex
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from ebbflow.api.base import JsonObject
from ebbflow.domain.health_verdict import mapping
from ebbflow.domain.objects import Account, tainted_texts
from ebbflow.domain.pods.allowed import refused
from ebbflow.domain.pods.jobs import NoSuchContainer, Overrides, overridden
from ebbflow.domain.pods.restricted import restricted
from ebbflow.services.nodes.kind import CannotDo
from ebbflow.services.nodes.short_form import LEFT_ASIDE
from ebbflow.services.nodes.spec import NodeSpec

Env = tuple[JsonObject, ...]


def _allowed_template(given: JsonObject) -> JsonObject:
    if faults := refused(given):
        raise ValueError("; ".join(map(str, faults)))
    return given


def _allowed_context(given: JsonObject) -> JsonObject:
    if refused({"spec": {"containers": [{"name": "main", "securityContext": given}]}}):
        raise ValueError("has fields or values that documents may not use; see Pod security")
    return given


PodTemplate = Annotated[JsonObject, AfterValidator(_allowed_template)]
SecurityContext = Annotated[JsonObject, AfterValidator(_allowed_context)]


def read_env(value: Any) -> Any:
    """Return a mapping of names to values as the list that Kubernetes has. For use as a validator."""
    if isinstance(value, dict):
        return [{"name": name, "value": item} for name, item in value.items()]
    return value


class Docker(NodeSpec):
    """Northflank's words for a container's command."""

    config_type: (
        Literal["default", "customEntrypoint", "customCommand", "customEntrypointCustomCommand"]
        | None
    ) = Field(default=None, description="Which of the two count; absent: those that are given.")
    custom_entrypoint: str | None = Field(
        default=None, max_length=4096, description="The command, as a shell would read its words."
    )
    custom_command: str | None = Field(
        default=None, max_length=4096, description="Its arguments, as a shell would read them."
    )

    @field_validator("custom_entrypoint", "custom_command")
    @classmethod
    def _has_words(cls, value: str | None) -> str | None:
        try:
            shlex.split(value or "")
        except ValueError as error:
            raise ValueError(f"cannot be cut into words: {error}") from error
        return value


class External(NodeSpec):
    """An image of a registry."""

    image_path: str = Field(min_length=1, max_length=512, description="The image.")


class Deployment(NodeSpec):
    """What Northflank's overrides change."""

    docker: Docker | None = Field(default=None, description="The command and its arguments.")
    external: External | None = Field(default=None, description="The image.")


class ContainerChanges(NodeSpec):
    """The changes; where both ways of saying the same are used, that is an error."""

    container: str | None = Field(
        default=None, max_length=63, description="Which container is meant; absent: the first."
    )
    image: str | None = Field(default=None, min_length=1, max_length=512, description="Its image.")
    command: tuple[str, ...] | None = Field(
        default=None, max_length=256, description="Its command, instead of the image's entrypoint."
    )
    args: tuple[str, ...] | None = Field(
        default=None, max_length=256, description="The arguments of its command."
    )
    env: Env = Field(
        default=(),
        max_length=512,
        description="Environment variables, as Kubernetes has them or by name; they win over those "
        "that are there.",
    )
    resources: JsonObject | None = Field(default=None, description="Its requests and limits.")
    security_context: SecurityContext | None = Field(
        default=None, description="Its security context; what it leaves out is as before."
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
        return read_env(value)

    @field_validator("env")
    @classmethod
    def _have_names(cls, value: Env) -> Env:
        if not all(isinstance(one.get("name"), str) and one["name"] for one in value):
            raise ValueError("every variable needs a name")
        return value

    @model_validator(mode="after")
    def _said_once(self) -> Self:
        if self.runtime_files:
            raise ValueError("runtimeFiles are not supported: make a SecretGroup and mount it")
        docker = self.deployment.docker if self.deployment else None
        external = self.deployment.external if self.deployment else None
        twice = (
            ("image", self.image is not None and external is not None),
            ("command", self.command is not None and docker is not None),
            ("args", self.args is not None and docker is not None),
            ("env", bool(self.env and self.runtime_environment)),
        )
        for name, said in twice:
            if said:
                raise ValueError(f"{name} is given twice: leave out Northflank's word for it")
        return self

    @property
    def overrides(self) -> Overrides:
        """Return the changes, whichever words said them."""
        docker = self.deployment.docker if self.deployment else None
        external = self.deployment.external if self.deployment else None
        chosen = docker.config_type or "customEntrypointCustomCommand" if docker else "default"
        command, args = self.command, self.args
        if docker is not None and docker.custom_entrypoint and "Entrypoint" in chosen:
            command = tuple(shlex.split(docker.custom_entrypoint))
        if docker is not None and docker.custom_command and "Command" in chosen:
            args = tuple(shlex.split(docker.custom_command))
        more = {"resources": self.resources, "securityContext": self.security_context}
        return Overrides(
            container=self.container,
            image=self.image or (external.image_path if external else None),
            command=command,
            args=args,
            env=self.env or tuple(read_env(self.runtime_environment)),
            more={key: value for key, value in more.items() if value is not None},
        )


def changed(template: JsonObject, changes: ContainerChanges) -> JsonObject:
    """Return a pod template with the changes. Raises CannotDo."""
    overrides = changes.overrides
    if tainted_texts([*overrides.env]):
        raise CannotDo(
            "spec.env: a secret would be readable in the Job; write ${{secrets…}} as the whole value, "
            "which becomes a reference to the Secret"
        )
    try:
        return overridden(template, overrides)
    except NoSuchContainer as error:
        raise CannotDo(f"spec.container: {error}") from error


def as_tenant(template: JsonObject, account: Account, namespace: str) -> JsonObject:
    """Return a pod template that is restricted, and whose pods run as the account that acts.

    Raises CannotDo where the template names another one.
    """
    # An account can run pods of its own namespace only; elsewhere it is the default one.
    name = account.name if account.namespace == namespace else "default"
    if faults := refused(template, name):
        raise CannotDo(f"spec.template: {'; '.join(map(str, faults))}")
    pod = mapping(template.get("spec"))
    return restricted({**template, "spec": {**pod, "serviceAccountName": name}})
