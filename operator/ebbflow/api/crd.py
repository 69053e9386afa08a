"""CustomResourceDefinitions from the models: structural schemas, as the API server takes them.

The rules are those of "Extend the Kubernetes API with CustomResourceDefinitions", section
"Specifying a structural schema". pydantic's JSON schema is more than that allows: references are
inlined, `X or null` becomes X, and titles and bounds of JSON Schema 2020 are rewritten.
"""

from __future__ import annotations

from typing import Any

from ebbflow.api.base import (
    GROUP,
    VERSION,
    Declaration,
    JsonObject,
    Model,
    PrinterColumn,
    Resource,
)
from ebbflow.api.reasons import Reason
from ebbflow.api.text import VALIDATIONS

CATEGORY = "ebbflow"
PART_OF = {"app.kubernetes.io/part-of": "ebbflow"}

UNSEEN = {
    "type": "Ready",
    "status": "Unknown",
    "reason": Reason.PROGRESSING.value,
    "message": "Waiting for the operator",
    "observedGeneration": 0,
    "lastTransitionTime": "1970-01-01T00:00:00Z",
}
"""The condition of an object that the operator has not seen yet, filled in by the API server.

To kstatus an object without conditions is finished, so this one must never be without.
"""

_DROPPED = ("title", "const", "anyOf", "$ref", "exclusiveMinimum", "exclusiveMaximum")
_SCALARS = (bool, int, str)


def crd_name(declaration: Declaration) -> str:
    """Return the name of the CustomResourceDefinition, such as templates.ebbflow.dev."""
    return f"{declaration.plural}.{GROUP}"


def crd(kind: type[Resource]) -> JsonObject:
    """Return the CustomResourceDefinition of a kind, ready to be written as YAML."""
    declaration = kind.declaration
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": crd_name(declaration), "labels": PART_OF},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": _names(declaration),
            "versions": [_version(kind)],
        },
    }


def _names(declaration: Declaration) -> JsonObject:
    return {
        "kind": declaration.kind,
        "listKind": f"{declaration.kind}List",
        "plural": declaration.plural,
        "singular": declaration.singular,
        "shortNames": list(declaration.short_names),
        # Not in `all`: `kubectl delete all --all` must not unlink a namespace from Git.
        "categories": [CATEGORY],
    }


def _version(kind: type[Resource]) -> JsonObject:
    declaration = kind.declaration
    return {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [_column(column) for column in declaration.columns],
        "selectableFields": [{"jsonPath": path} for path in declaration.selectable_fields],
        "schema": {"openAPIV3Schema": root_schema(kind)},
    }


def _column(column: PrinterColumn) -> JsonObject:
    out: JsonObject = {"name": column.name, "type": column.type, "jsonPath": column.json_path}
    if column.description:
        out["description"] = column.description
    if column.priority:
        out["priority"] = column.priority
    return out


def root_schema(kind: type[Resource]) -> JsonObject:
    """Return the structural schema of the whole object."""
    raw = kind.model_json_schema(by_alias=True)
    definitions = raw.pop("$defs", {})
    properties = raw["properties"]
    root: JsonObject = {
        "type": "object",
        "description": kind.declaration.description,
        "properties": {
            "apiVersion": {
                "type": "string",
                "description": f"The version of the API: {GROUP}/{VERSION}.",
            },
            "kind": {
                "type": "string",
                "description": f"The kind of the object: {kind.declaration.kind}.",
            },
            "metadata": {"type": "object"},
            "spec": _structural(properties["spec"], definitions),
            "status": without_defaults(_structural(properties["status"], definitions)),
        },
        VALIDATIONS: raw[VALIDATIONS],
    }
    root["properties"]["spec"]["description"] = "What is wanted."
    root["properties"]["status"]["description"] = "What the operator found and did."
    root["properties"]["status"]["default"] = {"conditions": [dict(UNSEEN)]}
    if "spec" in raw["required"]:
        root["required"] = ["spec"]
    return root


def model_schema(model: type[Model]) -> JsonObject:
    """Return the structural schema of a model that is no kind of its own, such as a node's spec."""
    raw = model.model_json_schema(by_alias=True)
    return _structural(raw, raw.pop("$defs", {}))


def without_defaults(schema: JsonObject) -> JsonObject:
    """Return the schema without defaults: a status says what was seen, nothing is filled in."""
    out = {key: value for key, value in schema.items() if key != "default"}
    if "properties" in out:
        out["properties"] = {k: without_defaults(v) for k, v in out["properties"].items()}
    if "items" in out:
        out["items"] = without_defaults(out["items"])
    return out


def _structural(schema: JsonObject, definitions: JsonObject) -> JsonObject:
    """Return the schema with references inlined and all that is not structural rewritten.

    pydantic's recursion ends at `definitions`: a model that holds itself has no structural form
    and raises RecursionError here.
    """
    merged = _inlined(schema, definitions)
    out = {key: value for key, value in merged.items() if key not in _DROPPED}
    if "const" in merged:
        out["enum"] = [merged["const"]]
    for bound in ("Minimum", "Maximum"):
        if f"exclusive{bound}" in merged:
            out[bound.lower()] = merged[f"exclusive{bound}"]
            out[f"exclusive{bound}"] = True
    if merged.get("type") == "integer":
        out["format"] = "int64"
    if not isinstance(out.get("default", ""), _SCALARS):
        # An object of defaults: each of its fields has its own, which the API server then fills in.
        if isinstance(out["default"], dict) and out["default"]:
            out["default"] = {}
        else:
            del out["default"]
    _finish_children(out, definitions)
    if "anyOf" in merged:  # ours, from json_schema_extra: values only, nothing to rewrite
        out["anyOf"] = merged["anyOf"]
    return _ordered(out)


def _finish_children(out: JsonObject, definitions: JsonObject) -> None:
    if "properties" in out:
        out["properties"] = {
            name: _structural(child, definitions) for name, child in out["properties"].items()
        }
    if "items" in out:
        out["items"] = _structural(out["items"], definitions)
        out.setdefault("x-kubernetes-list-type", "atomic")
    extra = out.pop("additionalProperties", None)
    # `true` is said by x-kubernetes-preserve-unknown-fields, `false` is what pruning does.
    if isinstance(extra, dict):
        out["additionalProperties"] = _structural(extra, definitions)


def _inlined(schema: JsonObject, definitions: JsonObject) -> JsonObject:
    """Return the schema merged with what it refers to; what stands beside a reference wins."""
    beside = dict(schema)
    target: JsonObject = {}
    if "$ref" in beside:
        target = definitions[beside.pop("$ref").rsplit("/", 1)[1]]
    elif {"type": "null"} in beside.get("anyOf", ()):
        (target,) = (option for option in beside.pop("anyOf") if option != {"type": "null"})
    if not target:
        return beside
    inner = _inlined(target, definitions)
    merged = inner | beside
    rules: list[Any] = [*inner.get(VALIDATIONS, ()), *beside.get(VALIDATIONS, ())]
    if rules:
        merged[VALIDATIONS] = rules
    return merged


_FIRST = ("type", "format", "description", "default", "enum")
_LAST = ("required", "properties", "items", "additionalProperties", "anyOf", VALIDATIONS)
_RULE = ("rule", "message", "reason")


def _ordered(schema: JsonObject) -> JsonObject:
    """Return the schema with its keys in the order in which a person reads them."""
    if VALIDATIONS in schema:
        rules = [{key: rule[key] for key in _RULE if key in rule} for rule in schema[VALIDATIONS]]
        schema = schema | {VALIDATIONS: rules}
    middle = sorted(key for key in schema if key not in (*_FIRST, *_LAST))
    return {key: schema[key] for key in (*_FIRST, *middle, *_LAST) if key in schema}
