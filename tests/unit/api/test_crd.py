"""CustomResourceDefinitions: what the API server asks of them, and what people do."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, ClassVar, Literal

import pytest
from pydantic import Field

from ebbflow.api.base import (
    CommonStatus,
    Declaration,
    JsonObject,
    Model,
    PrinterColumn,
    Resource,
    Rule,
)
from ebbflow.api.crd import UNSEEN, crd, root_schema
from ebbflow.api.kinds import KINDS
from ebbflow.api.text import NO_TOKEN, VALIDATIONS

KIND = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.declaration.kind)


# Each schema is made once: most tests look at it, and none changes it.
schema_of = cache(root_schema)


def nodes(schema: JsonObject, path: str = "") -> Iterator[tuple[str, JsonObject]]:
    """Yield every schema below `schema` with its path; list items as path[]."""
    for name, child in schema.get("properties", {}).items():
        yield f"{path}.{name}", child
        yield from nodes(child, f"{path}.{name}")
    for key, mark in (("items", "[]"), ("additionalProperties", "{}")):
        if key in schema:
            yield path + mark, schema[key]
            yield from nodes(schema[key], path + mark)


def below(kind: type[Resource], *parts: str) -> list[tuple[str, JsonObject]]:
    properties = schema_of(kind)["properties"]
    return [node for part in parts for node in nodes({"properties": {part: properties[part]}})]


@KIND
def test_every_field_has_a_description(kind: type[Resource]):
    named = [
        (p, s) for p, s in below(kind, "apiVersion", "kind", "spec", "status") if p[-1] not in "]}"
    ]
    assert [path for path, schema in named if len(schema.get("description", "")) < 8] == []


@KIND
def test_every_text_list_and_map_has_a_bound(kind: type[Resource]):
    bounds = {"string": "maxLength", "array": "maxItems"}
    unbounded = [
        path
        for path, schema in below(kind, "spec", "status")
        if (
            "enum" not in schema
            and schema.get("type") in bounds
            and bounds[schema["type"]] not in schema
        )
        or ("additionalProperties" in schema and "maxProperties" not in schema)
    ]
    assert unbounded == []


@KIND
def test_nothing_is_left_that_a_structural_schema_cannot_hold(kind: type[Resource]):
    for path, schema in below(kind, "spec", "status"):
        left = {"title", "$ref", "const", "$defs", "discriminator", "allOf", "oneOf"} & set(schema)
        assert not left, path
        typed = "type" in schema or schema.get("x-kubernetes-preserve-unknown-fields")
        assert typed, path
        assert schema.get("default", 0) is not None, path


@KIND
def test_a_status_has_no_default_but_that_the_operator_has_not_looked_yet(kind: type[Resource]):
    found = {
        path: schema["default"] for path, schema in below(kind, "status") if "default" in schema
    }
    assert found == {".status": {"conditions": [UNSEEN]}}
    (condition,) = kind.model_fields["status"].default.model_validate(found[".status"]).conditions
    assert (condition.type, condition.status) == ("Ready", "Unknown")


@KIND
def test_every_list_says_how_it_is_merged(kind: type[Resource]):
    for path, schema in below(kind, "spec", "status"):
        if schema.get("type") == "array":
            assert schema["x-kubernetes-list-type"] in ("atomic", "set", "map"), path


@KIND
def test_every_free_text_of_a_spec_refuses_tokens(kind: type[Resource]):
    limited = {
        "the duration": ".interval .timeout .jitter",
        "labels": "matchExpressions[] matchLabels{}",
    }
    free = [
        path
        for path, schema in below(kind, "spec")
        if schema.get("type") == "string"
        and "enum" not in schema
        and NO_TOKEN.rule.wire() not in schema.get(VALIDATIONS, ())
        and not any(mark in path for mark in " ".join(limited.values()).split())
        # Names of objects have no capital letter and no underscore, which tokens have.
        and not path.lower().endswith(("ref.name", "ref.namespace", "serviceaccountname"))
    ]
    assert free == []


@KIND
def test_every_rule_speaks_a_sentence_and_begins_without_the_field(kind: type[Resource]):
    rules = [r for _, schema in below(kind, "spec") for r in schema.get(VALIDATIONS, ())]
    for rule in [*rules, *schema_of(kind)[VALIDATIONS]]:
        assert set(rule) <= {"rule", "message", "reason"}
        assert 20 <= len(rule["message"]) <= 300
        assert "\n" not in rule["message"]


@KIND
def test_a_definition_has_what_kubectl_shows(kind: type[Resource]):
    made = crd(kind)
    declaration = kind.declaration
    (version,) = made["spec"]["versions"]
    assert made["metadata"]["name"] == f"{declaration.plural}.ebbflow.dev"
    assert made["spec"]["names"]["categories"] == ["ebbflow"]
    assert made["spec"]["names"]["shortNames"] == list(declaration.short_names)
    assert version["subresources"] == {"status": {}}
    columns = {column["name"]: column for column in version["additionalPrinterColumns"]}
    told = {"Phase", "Started", "Duration"} if declaration.kind == "Run" else {"Ready"}
    assert told | {"Status", "Age"} <= set(columns)
    assert columns["Age"] == {
        "name": "Age",
        "type": "date",
        "jsonPath": ".metadata.creationTimestamp",
    }


@KIND
def test_every_selectable_field_exists_and_is_a_text(kind: type[Resource]):
    properties = schema_of(kind)["properties"]
    fields = dict(nodes({"properties": {part: properties[part] for part in ("spec", "status")}}))
    for path in kind.declaration.selectable_fields:
        assert fields[path]["type"] == "string"


class Inner(Model):
    """A thing inside."""

    one: Literal["only"] = Field(description="One value.")
    rules: ClassVar[tuple[Rule, ...]] = (Rule("self.one == 'only'", "one must be only"),)


class Choices(Model):
    """Things to choose."""

    colour: Literal["red", "blue"] = Field(default="red", description="A colour.")


class ToySpec(Model):
    """A toy."""

    above: int = Field(gt=0, lt=10, description="Between.")
    inner: Inner | None = Field(
        default=None,
        description="Outer words.",
        json_schema_extra={VALIDATIONS: [{"rule": "true", "message": "outer"}]},
    )
    names: dict[str, str] = Field(default={}, max_length=3, description="A map.")
    free: JsonObject | None = Field(default=None, description="Free.")
    many: tuple[Inner, ...] = Field(default=(), max_length=2, description="A list.")
    size: int | None = Field(default=7, description="A number.")
    choices: Choices = Field(default=Choices(), description="Choices.")


class Toy(Resource):
    """A toy resource."""

    spec: ToySpec
    status: CommonStatus = CommonStatus()
    declaration: ClassVar[Declaration] = Declaration(
        "Toy",
        "toys",
        "A toy.",
        columns=(PrinterColumn("X", ".x", description="The x.", priority=1),),
    )


@pytest.fixture
def toy() -> dict[str, Any]:
    return schema_of(Toy)["properties"]["spec"]["properties"]


def test_exclusive_bounds_become_those_of_openapi_3_0(toy: JsonObject):
    bounds = {k: v for k, v in toy["above"].items() if "inimum" in k or "aximum" in k}
    assert bounds == {
        "minimum": 0,
        "exclusiveMinimum": True,
        "maximum": 10,
        "exclusiveMaximum": True,
    }


def test_an_optional_model_is_inlined_with_the_fields_words_and_both_sets_of_rules(toy: JsonObject):
    inner = toy["inner"]
    assert inner["description"] == "Outer words."
    assert inner["properties"]["one"]["enum"] == ["only"]
    assert inner["required"] == ["one"]
    assert [rule["message"] for rule in inner[VALIDATIONS]] == ["one must be only", "outer"]
    assert "default" not in inner


def test_a_map_keeps_the_type_of_its_values_and_a_free_object_loses_it(toy: JsonObject):
    assert toy["names"]["additionalProperties"] == {"type": "string"}
    assert toy["names"]["maxProperties"] == 3
    assert "additionalProperties" not in toy["free"]


def test_scalar_defaults_stay_and_those_of_maps_and_lists_go(toy: JsonObject):
    assert toy["size"]["default"] == 7
    assert not any("default" in toy[name] for name in ("names", "free", "many", "inner"))


def test_the_items_of_a_list_are_inlined(toy: JsonObject):
    assert toy["many"]["items"]["properties"]["one"]["type"] == "string"
    assert toy["many"]["x-kubernetes-list-type"] == "atomic"


def test_a_required_spec_is_required_and_an_optional_one_is_not():
    assert schema_of(Toy)["required"] == ["spec"]
    assert {k.declaration.kind: schema_of(k).get("required") for k in KINDS} == {
        "Template": None,
        "GitAccount": ["spec"],
        "Run": ["spec"],
        "GitTrigger": ["spec"],
    }


def test_a_columns_words_and_priority_are_kept():
    (version,) = crd(Toy)["spec"]["versions"]
    assert version["additionalPrinterColumns"] == [
        {"name": "X", "type": "string", "jsonPath": ".x", "description": "The x.", "priority": 1}
    ]


def test_the_same_models_make_the_same_definition_every_time():
    assert [crd(kind) for kind in KINDS] == [crd(kind) for kind in KINDS]


def test_an_object_of_defaults_is_filled_in_by_those_of_its_fields(toy: JsonObject):
    assert toy["choices"]["default"] == {}
    assert toy["choices"]["properties"]["colour"]["default"] == "red"
