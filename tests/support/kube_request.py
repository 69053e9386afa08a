"""What an HTTP request to the API server asks for, in the words of RBAC and the audit log."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs, unquote

WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})

_PLAIN_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_NAMESPACE_SUBRESOURCES = frozenset({"status", "finalize"})


@dataclass(frozen=True, slots=True)
class Target:
    """A request's verb and object. `resource` is empty for paths such as /version and /healthz."""

    verb: str
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""

    @property
    def full_resource(self) -> str:
        """The resource as RBAC writes it: `templates` or `templates/status`."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource

    @property
    def is_write(self) -> bool:
        """Whether the request can change anything."""
        return self.verb in WRITES


def read_target(method: str, path: str, query: str) -> Target:
    """Read a request line as the API server's RequestInfoFactory does.

    `path` is still percent-encoded, `query` has no question mark. The rules are those of
    k8s.io/apiserver/pkg/endpoints/request/requestinfo.go.
    """
    group, version, rest = _split_group(path)
    if not rest:
        return Target(verb=method.lower())
    namespace, rest = _split_namespace(rest)
    resource, name, subresource = [*rest, "", ""][:3]
    if resource == "namespaces":
        namespace = name
    verb = _verb(method, name, query)
    return Target(verb, group, version, resource, subresource, namespace, name)


def _split_group(path: str) -> tuple[str, str, list[str]]:
    parts = [unquote(part) for part in path.strip("/").split("/")]
    if parts[0] == "api":
        return "", [*parts, ""][1], parts[2:]
    if parts[0] == "apis":
        return [*parts, ""][1], [*parts, "", ""][2], parts[3:]
    return "", "", []


def _split_namespace(parts: list[str]) -> tuple[str, list[str]]:
    inside = len(parts) > 2 and parts[0] == "namespaces" and parts[2] not in _NAMESPACE_SUBRESOURCES
    return (parts[1], parts[2:]) if inside else ("", parts)


def _verb(method: str, name: str, query: str) -> str:
    if method not in ("GET", "HEAD"):
        verb = _PLAIN_VERBS.get(method, method.lower())
        return "deletecollection" if verb == "delete" and not name else verb
    if name:
        return "get"
    watch = parse_qs(query, keep_blank_values=True).get("watch", ["false"])[-1]
    return "list" if watch.lower() in ("false", "0") else "watch"
