"""Template: makes another Template, or changes it."""

from __future__ import annotations

from typing import ClassVar, Final, Literal, Self

from pydantic import ConfigDict, Field, model_validator
from typing_extensions import override

from ebbflow.api.base import API_VERSION, JsonObject
from ebbflow.api.template import TemplateSpec
from ebbflow.services.nodes.kind import Call, CannotDo
from ebbflow.services.nodes.objects.applying import Applying
from ebbflow.services.nodes.objects.one_object import OneObject
from ebbflow.services.nodes.objects.short_form import ObjectName, object_name
from ebbflow.services.nodes.spec import NodeSpec

_OUR_OWN: Final = frozenset(("name", "labels", "annotations", "wait", "kind", "spec"))


class TemplateNodeSpec(TemplateSpec, NodeSpec):
    """The fields of a Template's spec beside its name; or `kind` and `spec` as Northflank has them."""

    model_config = ConfigDict(extra="forbid", strict=False)

    name: ObjectName | None = Field(
        default=None, description="The Template's name; required, but with kind and spec."
    )
    labels: JsonObject = Field(default={}, description="Labels of the Template.")
    annotations: JsonObject = Field(default={}, description="Annotations of the Template.")
    wait: bool = Field(default=True, description="Wait until the Template is ready.")
    kind: Literal["ResourceTemplate"] | None = Field(
        default=None, description="Northflank's kind of document; needs spec."
    )
    spec: JsonObject | None = Field(
        default=None, description="Northflank's: the document, whose name is that of the Template."
    )

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if (self.kind is None) != (self.spec is None):
            raise ValueError("give both kind and spec, or none of them")
        if self.spec is not None and self.document is not None:
            raise ValueError("give the document once: as document, or as spec")
        if self.spec is None and self.name is None:
            raise ValueError("name: Field required")
        return self


class TemplateNode(OneObject[TemplateNodeSpec]):
    """Applies the Template in the tenant's name. Expressions in its document are its own."""

    name: ClassVar[str] = "Template"
    spec = TemplateNodeSpec

    @override
    def manifest(self, call: Call[TemplateNodeSpec]) -> JsonObject:
        name = _name(call.spec)
        namespace, source = call.context.namespace, call.run.source
        if (source.kind, source.namespace, source.name) == ("Template", namespace, name):
            raise CannotDo("a Template cannot make itself; give another name")
        given = {key: value for key, value in call.raw.items() if key not in _OUR_OWN}
        if call.spec.spec is not None:
            given["document"] = call.spec.spec
        return {
            "apiVersion": API_VERSION,
            "kind": "Template",
            "metadata": {
                "name": name,
                "labels": call.spec.labels,
                "annotations": call.spec.annotations,
            },
            "spec": {key: value for key, value in given.items() if value is not None},
        }

    @override
    def how(self, spec: TemplateNodeSpec) -> Applying:
        return Applying(wait=spec.wait)


def _name(spec: TemplateNodeSpec) -> str:
    if spec.name is not None:
        return spec.name
    given = (spec.spec or {}).get("name")
    if not isinstance(given, str):
        raise CannotDo("spec.spec.name: the document needs a name, for it is the Template's too")
    try:
        return object_name(given)
    except ValueError as error:
        raise CannotDo(f"spec.spec.name: {error}") from error
