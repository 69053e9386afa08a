"""Applying manifests of any kind, for `ebbflow install`: the client's discovery, server-side apply."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from kubernetes import config
from kubernetes.client import ApiException
from kubernetes.config import ConfigException
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import ResourceNotFoundError
from urllib3.exceptions import HTTPError

FIELD_MANAGER = "ebbflow-install"


class ApplyFailed(Exception):
    """The manifests could not be applied; the text says what, where and what to do."""


def apply(text: str, context: str | None) -> Iterator[str]:
    """Apply each document of `text`, in order; yields a line for each. Raises ApplyFailed."""
    documents = [document for document in yaml.safe_load_all(text) if document]
    with tempfile.TemporaryDirectory() as scratch:
        client = _connect(context, Path(scratch))
        for document in documents:
            yield _apply_one(client, document)


def _connect(context: str | None, scratch: Path) -> DynamicClient:
    try:
        api_client = config.new_client_from_config(context=context)  # type: ignore[no-untyped-call]
    except ConfigException as error:
        raise ApplyFailed(
            f"no cluster\n  {error}\n  set KUBECONFIG, or start a cluster with `ebbflow up`"
        ) from error
    try:
        # A discovery cache of our own: the client's default one is shared and never expires.
        return DynamicClient(api_client, cache_file=str(scratch / "discovery"))  # type: ignore[no-untyped-call]
    except ApiException as error:
        raise ApplyFailed(
            f"the API server refused to tell what it knows\n  {_words(error)}\n"
            f"  check the kubeconfig's credentials: log in again if they are too old"
        ) from error
    except HTTPError as error:
        raise ApplyFailed(
            f"the API server does not answer\n  {api_client.configuration.host}\n"
            f"  check the kubeconfig's context and that the server is up"
        ) from error


def _apply_one(client: DynamicClient, document: dict[str, Any]) -> str:
    name = f"{document['kind']}/{document['metadata']['name']}"
    try:
        resource = client.resources.get(api_version=document["apiVersion"], kind=document["kind"])
        client.server_side_apply(  # type: ignore[no-untyped-call]
            resource,
            body=document,
            name=document["metadata"]["name"],
            namespace=document["metadata"].get("namespace"),
            field_manager=FIELD_MANAGER,
            force_conflicts=True,
        )
    except ResourceNotFoundError as error:
        raise ApplyFailed(
            f"the API server does not know {document['apiVersion']} {document['kind']}\n"
            f"  {name}\n  ebbflow needs Kubernetes 1.32 or newer"
        ) from error
    except ApiException as error:
        raise ApplyFailed(
            f"the API server refused {name}\n  {_words(error)}\n"
            f"  correct what it says; installing needs a cluster administrator"
        ) from error
    return f"{name} applied"


def _words(error: ApiException) -> str:
    try:
        return str(json.loads(error.body or "")["message"])
    except (TypeError, ValueError, KeyError):
        return f"HTTP status {error.status} {error.reason}"
