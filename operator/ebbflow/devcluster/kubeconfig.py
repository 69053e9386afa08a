"""Kubeconfig files: how a client finds the API server and proves who it is."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path

import yaml

from ebbflow.devcluster.certificates import Pair
from ebbflow.devcluster.layout import write_private


@dataclass(frozen=True, slots=True, repr=False)
class Token:
    """A bearer token; it has no repr that shows it."""

    value: str


def write_kubeconfig(
    file: Path,
    *,
    cluster: str,
    server: str,
    authority: Path | None,
    user: str,
    credential: Pair | Token,
    namespace: str | None = None,
) -> Path:
    """Write a kubeconfig that needs no other file, readable by its owner alone; return its path.

    `authority` is the CA's PEM file, None for a server that speaks plain HTTP.
    """
    seen: dict[str, str] = {"server": server}
    if authority is not None:
        seen["certificate-authority-data"] = _base64(authority)
    context = {"cluster": cluster, "user": user}
    if namespace is not None:
        context["namespace"] = namespace
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": cluster, "cluster": seen}],
        "users": [{"name": user, "user": _user(credential)}],
        "contexts": [{"name": cluster, "context": context}],
        "current-context": cluster,
    }
    write_private(file, yaml.safe_dump(document, sort_keys=False).encode())
    return file


def _user(credential: Pair | Token) -> dict[str, str]:
    match credential:
        case Token(value):
            return {"token": value}
        case Pair(certificate, key):
            return {
                "client-certificate-data": _base64(certificate),
                "client-key-data": _base64(key),
            }


def _base64(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()
