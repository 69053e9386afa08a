"""Paths of the API server, and the words that errors use for them."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from ebbflow.api.base import GROUP, VERSION, Declaration

JSON: Final = "application/json"
JSON_PATCH: Final = "application/json-patch+json"
MERGE_BY_KEY: Final = "application/strategic-merge-patch+json"  # of built-in kinds only
MERGE_PATCH: Final = "application/merge-patch+json"
APPLY: Final = "application/apply-patch+yaml"  # JSON is YAML

_VERBS: Final = {"GET": "get", "POST": "create", "PUT": "update", "DELETE": "delete"}


def path_of(declaration: Declaration, namespace: str, name: str, subresource: str = "") -> str:
    """Return the path of one of our own objects, or of a subresource such as `status`."""
    path = f"{list_path(declaration, namespace)}/{segment(name)}"
    return f"{path}/{subresource}" if subresource else path


def list_path(declaration: Declaration, namespace: str) -> str:
    """Return the path of all objects of one of our kinds in a namespace."""
    return f"/apis/{GROUP}/{VERSION}/namespaces/{segment(namespace)}/{declaration.plural}"


def segment(text: str) -> str:
    """Return `text` as one segment of a path; raises ValueError where it cannot be one.

    An empty name would turn a read of one object into a list of all.
    """
    if text in ("", ".", ".."):
        raise ValueError(f"{text!r} is no name of an object")
    return quote(text, safe="")


def describe(method: str, path: str, content_type: str) -> str:
    """Say what a request does, such as `patch templates.ebbflow.dev/status default/shop`."""
    verb = "apply" if content_type == APPLY else _VERBS.get(method, method.lower())
    root, _, rest = path.strip("/").partition("/")
    parts = rest.split("/")
    group = f".{parts[0]}" if root == "apis" and len(parts) > 1 else ""
    parts = parts[2:] if group else parts[1:]
    namespace = ""
    if parts[:1] == ["namespaces"] and len(parts) > 2:  # noqa: PLR2004 - namespaces, name, plural
        namespace, parts = f"{parts[1]}/", parts[2:]
    if not parts:
        return f"{verb} {path}"
    subresource = f"/{parts[2]}" if parts[2:] else ""
    target = f" {namespace}{parts[1]}" if parts[1:] else f" in {namespace[:-1]}" * bool(namespace)
    return f"{verb} {parts[0]}{group}{subresource}{target}"
