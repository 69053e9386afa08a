"""The restricted profile of the Pod Security Standards, read off the page: a second opinion.

https://kubernetes.io/docs/concepts/security/pod-security-standards/ (the controls of baseline and
restricted, for Linux). Nothing of operator/ is used here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ebbflow.api.base import JsonObject

VOLUMES = {
    *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim"),
    *("projected", "secret", "image"),
}
SECCOMP = ("RuntimeDefault", "Localhost")


def violations(template: JsonObject) -> list[str]:
    """Return which controls of the restricted profile a pod template violates."""
    return list(_violations(template["spec"]))


def _violations(spec: JsonObject) -> Iterator[str]:
    pod = spec.get("securityContext") or {}
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(key):
            yield key
    for volume in spec.get("volumes") or ():
        if not set(volume) - {"name"} <= VOLUMES:
            yield "volume types"
    if _loose_seccomp(pod):
        yield "seccomp"
    for container in [*(spec.get("initContainers") or ()), *spec["containers"]]:
        yield from _of_container(container, pod)


def _of_container(container: JsonObject, pod: JsonObject) -> Iterator[str]:
    own: dict[str, Any] = container.get("securityContext") or {}
    both = {**pod, **own}
    if own.get("privileged"):
        yield "privileged"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "privilege escalation"
    if both.get("runAsNonRoot") is not True or both.get("runAsUser") == 0:
        yield "running as non-root"
    if "seccompProfile" not in both or _loose_seccomp(own):
        yield "seccomp"
    if any(port.get("hostPort") for port in container.get("ports") or ()):
        yield "host ports"
    yield from _capabilities(own.get("capabilities") or {})


def _capabilities(given: JsonObject) -> Iterator[str]:
    if "ALL" not in (given.get("drop") or ()):
        yield "capabilities (drop)"
    if not set(given.get("add") or ()) <= {"NET_BIND_SERVICE"}:
        yield "capabilities (add)"


def _loose_seccomp(context: JsonObject) -> bool:
    profile = context.get("seccompProfile")
    return profile is not None and profile.get("type") not in SECCOMP
