"""SecretGroup: makes a Secret, or for what is no secret a ConfigMap, of variables and files."""

from __future__ import annotations

import base64
import json
import re
from typing import Any, ClassVar, Final, Literal, Self

from pydantic import Field, model_validator
from typing_extensions import override

from ebbflow.api.base import JsonObject
from ebbflow.domain.objects import tainted_texts
from ebbflow.services.nodes.kind import Call, CannotDo
from ebbflow.services.nodes.objects.file_contents import FileContent, key_of
from ebbflow.services.nodes.objects.object_texts import encoded
from ebbflow.services.nodes.objects.one_object import OneObject
from ebbflow.services.nodes.objects.short_form import DESCRIPTION, LEFT_ASIDE, ObjectName, ProjectId
from ebbflow.services.nodes.spec import NodeSpec

FILES: Final = "ebbflow.dev/files"
PURPOSE: Final = "ebbflow.dev/purpose"

_IN_FILES: Final = "spec.secrets.files"
_KEY: Final = re.compile(r"[-._a-zA-Z0-9]{1,253}")


class SecretValues(NodeSpec):
    """What is in the group."""

    variables: JsonObject = Field(
        default={}, description="Values by name; what is no text is written as JSON."
    )
    files: dict[str, FileContent] = Field(
        default={}, max_length=256, description="Files by the path at which they are wanted."
    )

    @model_validator(mode="after")
    def _keys_fit(self) -> Self:
        for name in self.variables:
            if not _KEY.fullmatch(name):
                raise ValueError(
                    "variables: names may have letters, digits, -, _ and . only, at most 253"
                )
        keys = [*self.variables, *map(key_of, self.files)]
        if len(set(keys)) < len(keys) or not all(keys):
            raise ValueError("files: two entries would have the same key, or one has none")
        return self


class SecretGroupSpec(NodeSpec):
    """A Secret or ConfigMap, in Northflank's words."""

    name: ObjectName
    description: str | None = Field(
        default=None, max_length=200, description=f"What it is for: the annotation {DESCRIPTION}."
    )
    type: Literal["secret", "config"] = Field(
        default="secret", description="secret makes a Secret, config a ConfigMap."
    )
    secret_type: Literal["environment-arguments", "environment", "arguments"] = Field(
        default="environment-arguments",
        description=f"What the values are for: the label {PURPOSE}.",
    )
    secrets: SecretValues = Field(default=SecretValues(), description="What is in it.")
    project_id: ProjectId = None
    priority: int | None = Field(default=None, description=LEFT_ASIDE)
    restrictions: JsonObject | None = Field(default=None, description=LEFT_ASIDE)
    addon_dependencies: tuple[JsonObject, ...] = Field(
        default=(),
        max_length=0,
        description="Must be empty: name the keys of the addon's Secret with ${secrets…} instead.",
    )


class SecretGroup(OneObject[SecretGroupSpec]):
    """Applies the object. A secret never becomes part of a ConfigMap."""

    name: ClassVar[str] = "SecretGroup"
    spec = SecretGroupSpec

    @override
    def manifest(self, call: Call[SecretGroupSpec]) -> JsonObject:
        return _manifest(call.spec)


def _manifest(spec: SecretGroupSpec) -> JsonObject:
    paths = {key_of(path): path for path in spec.secrets.files}
    annotations = {DESCRIPTION: spec.description} if spec.description else {}
    if paths:
        annotations[FILES] = json.dumps(paths, sort_keys=True, ensure_ascii=False)
    metadata: JsonObject = {
        "name": spec.name,
        "namespace": spec.project_id,
        "labels": {PURPOSE: spec.secret_type},
        "annotations": annotations,
    }
    body = _secret(spec.secrets) if spec.type == "secret" else _config_map(spec.secrets)
    return {"apiVersion": "v1", **body, "metadata": metadata}


def _secret(values: SecretValues) -> JsonObject:
    variables = {name: encoded(value) for name, value in values.variables.items()}
    files = {key_of(path): file.encoded(_IN_FILES, path) for path, file in values.files.items()}
    return {"kind": "Secret", "data": {**variables, **files}}


def _config_map(values: SecretValues) -> JsonObject:
    if tainted_texts([values.variables, [file.data for file in values.files.values()]]):
        raise CannotDo(
            "spec.secrets: a secret would be readable in a ConfigMap; use type: secret, or leave it out"
        )
    data: dict[str, Any] = dict(values.variables)
    binary: dict[str, str] = {}
    for path, file in values.files.items():
        content = file.content(_IN_FILES, path)
        try:
            data[key_of(path)] = content.decode()
        except UnicodeDecodeError:
            binary[key_of(path)] = base64.b64encode(content).decode()
    return {"kind": "ConfigMap", "data": data, **({"binaryData": binary} if binary else {})}
