"""Fluent builders for the objects of tests: `template("shop").at(url, "shop.yaml").build()`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import yaml

from ebbflow.api.base import API_VERSION
from ebbflow.api.gitaccount import HOSTS_ANNOTATION

JsonObject = dict[str, Any]

DEFAULT_BRANCH = "main"


@dataclass(frozen=True, slots=True)
class Builder:
    """An object that grows by copies; `build` gives the plain dictionary."""

    api_version: str
    kind: str
    name: str
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)

    def within(self, namespace: str) -> Self:
        """Put it into a namespace."""
        return replace(self, namespace=namespace)

    def labelled(self, **labels: str) -> Self:
        """Add labels."""
        return replace(self, labels={**self.labels, **labels})

    def annotated(self, annotations: Mapping[str, str]) -> Self:
        """Add annotations, by their full names."""
        return replace(self, annotations={**self.annotations, **annotations})

    def spec(self, **fields: Any) -> Self:
        """Set fields of the spec, by their names on the wire."""
        return replace(self, body={**self.body, "spec": {**self.body.get("spec", {}), **fields}})

    def build(self) -> JsonObject:
        """Return the object for the API server."""
        metadata: JsonObject = {"name": self.name}
        for key in ("namespace", "labels", "annotations"):
            if value := getattr(self, key):
                metadata[key] = dict(value) if isinstance(value, Mapping) else value
        return {
            "apiVersion": self.api_version,
            "kind": self.kind,
            "metadata": metadata,
            **self.body,
        }


@dataclass(frozen=True, slots=True)
class TemplateBuilder(Builder):
    """A Template."""

    def at(
        self,
        repository: str,
        path: str,
        *,
        branch: str = DEFAULT_BRANCH,
        account: str | None = None,
        account_namespace: str | None = None,
    ) -> Self:
        """Keep it the same as a file."""
        place: JsonObject = {"repository": repository, "branch": branch, "path": path}
        if account is not None:
            place["accountRef"] = {"name": account}
            if account_namespace is not None:
                place["accountRef"]["namespace"] = account_namespace
        return self.spec(git=place)

    def holding(self, document: Mapping[str, Any]) -> Self:
        """Give it a document."""
        return self.spec(document=dict(document))

    def syncing(self, **options: Any) -> Self:
        """Set options of spec.sync, such as direction="FromGit"."""
        spec = self.body.get("spec", {})
        return self.spec(sync={**spec.get("sync", {}), **options})

    def suspended(self) -> Self:
        """Suspend it."""
        return self.spec(suspend=True)


@dataclass(frozen=True, slots=True)
class GitAccountBuilder(Builder):
    """A GitAccount."""

    def using(self, secret: str) -> Self:
        """Name its Secret."""
        return self.spec(secretRef={"name": secret})

    def serving(self, **allowed: Any) -> Self:
        """Set allowedNamespaces: `serving(**{"from": "All"})`."""
        return self.spec(allowedNamespaces=allowed)

    def committing_as(self, name: str, email: str) -> Self:
        """Set the committer."""
        return self.spec(committer={"name": name, "email": email})


@dataclass(frozen=True, slots=True)
class SecretBuilder(Builder):
    """A Secret with text values."""

    def with_values(self, **values: str) -> Self:
        """Add keys."""
        data = {**self.body.get("stringData", {}), **values}
        return replace(self, body={**self.body, "stringData": data})

    def with_login(self, username: str, password: str) -> Self:
        """Add the keys `username` and `password`."""
        return self.with_values(username=username, password=password)

    def for_hosts(self, *hosts: str) -> Self:
        """Say to which hosts it may be sent (without ports)."""
        return self.annotated({HOSTS_ANNOTATION: ",".join(hosts)})


def template(name: str) -> TemplateBuilder:
    """Begin a Template."""
    return TemplateBuilder(API_VERSION, "Template", name)


def git_account(name: str, provider: str = "Git") -> GitAccountBuilder:
    """Begin a GitAccount of any Git server."""
    return GitAccountBuilder(API_VERSION, "GitAccount", name).spec(provider=provider)


def git_trigger(name: str) -> Builder:
    """Begin a GitTrigger."""
    return Builder(API_VERSION, "GitTrigger", name)


def secret(name: str) -> SecretBuilder:
    """Begin a Secret."""
    return SecretBuilder("v1", "Secret", name)


def document(
    arguments: Mapping[str, Any] | None = None,
    steps: tuple[Mapping[str, Any], ...] = (),
    **more: Any,
) -> JsonObject:
    """Make a document with one sequential Workflow; `more` are further top-level keys."""
    workflow = {"type": "sequential", "steps": [dict(step) for step in steps]}
    made: JsonObject = {"apiVersion": "v1.2"}
    if arguments is not None:
        made["arguments"] = dict(arguments)
    made["spec"] = {"kind": "Workflow", "spec": workflow}
    return made | more


def as_yaml(made: Mapping[str, Any]) -> bytes:
    """Write a document as the content of a file."""
    return yaml.safe_dump(dict(made), sort_keys=False).encode()
