"""Admission reviews as the API server sends them, and what the answers make of objects."""

from __future__ import annotations

import base64
import copy
import json
from typing import Any

from ebbflow.domain.document import document_hash
from ebbflow.domain.edit_record import ANNOTATION

JsonObject = dict[str, Any]


def shop(document: Any = None, *, generation: int = 5, **metadata: Any) -> JsonObject:
    """A stored Template."""
    return {
        "apiVersion": "ebbflow.dev/v1alpha1",
        "kind": "Template",
        "metadata": {
            "name": "shop",
            "namespace": "default",
            "uid": "uid-1",
            "generation": generation,
            "creationTimestamp": "2026-11-21T12:00:00Z",
            **metadata,
        },
        "spec": {"document": document if document is not None else {"apiVersion": "v1.2"}},
    }


def committed(thing: JsonObject) -> JsonObject:
    """The object, with a status that says that its document is committed."""
    stored = copy.deepcopy(thing)
    stored["status"] = {"sync": {"documentHash": document_hash(thing["spec"]["document"])}}
    return stored


def review(
    user: str, new: JsonObject, old: JsonObject | None, *, manager: str = "kubectl", **more: Any
) -> JsonObject:
    """The review of a write; without an old object, of a creation."""
    request = {
        "uid": "request-1",
        "operation": "CREATE" if old is None else "UPDATE",
        "kind": {"group": "ebbflow.dev", "version": "v1alpha1", "kind": "Template"},
        "namespace": "default",
        "userInfo": {"username": user, "groups": ["system:authenticated"]},
        "object": new,
        "oldObject": old,
        "options": {"kind": "PatchOptions", "fieldManager": manager},
        **more,
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}


def as_body(thing: Any) -> bytes:
    """Write it as the body of a request."""
    return json.dumps(thing).encode()


def patched(new: JsonObject, answer: JsonObject) -> JsonObject:
    """The object after the answer's patch; only what the webhook does is understood."""
    response = answer["response"]
    assert response["allowed"] is True
    result = copy.deepcopy(new)
    for operation in json.loads(base64.b64decode(response.get("patch", "")) or "[]"):
        metadata = result["metadata"]
        if operation["path"] == "/metadata/annotations":
            metadata["annotations"] = operation["value"]
        else:
            assert operation["path"] == "/metadata/annotations/ebbflow.dev~1edited-by"
            annotations = metadata["annotations"]
            if operation["op"] == "remove":
                del annotations[ANNOTATION]
            else:
                annotations[ANNOTATION] = operation["value"]
    return result
