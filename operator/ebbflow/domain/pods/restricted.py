"""The restricted profile of the Pod Security Standards, as the default of every pod that we make.

Source of the rules: https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from typing import Final

from ebbflow.api.base import JsonObject

CONTAINER_LISTS: Final = ("initContainers", "containers")

_ALL: Final = "ALL"


def restricted(template: JsonObject) -> JsonObject:
    """Return a pod template that the restricted profile takes, but for what it loosens itself.

    What is absent gets the profile's value; what the template says stays. Capabilities are the
    exception: all are dropped, and those that are needed are added by name. A token of the
    ServiceAccount is mounted only where the template asks for it. What has another shape than the
    API server takes stays as it is: it says what is wrong with it.
    """
    spec = template.get("spec")
    if not isinstance(spec, dict):
        return template
    made: JsonObject = {"automountServiceAccountToken": False, **spec}
    windows = _object(spec, "os").get("name") == "windows"
    pod = made.get("securityContext")
    if pod is None or isinstance(pod, dict):
        made["securityContext"] = _pod_context(pod or {}, windows=windows)
    for key in () if windows else CONTAINER_LISTS:
        if isinstance(made.get(key), list):
            made[key] = [_container(one) if isinstance(one, dict) else one for one in made[key]]
    return {**template, "spec": made}


def _pod_context(given: JsonObject, *, windows: bool) -> JsonObject:
    made = {**_user(given, {"runAsNonRoot": True}), **given}
    if not windows:  # the API server refuses Linux' fields in a pod for Windows
        made.setdefault("seccompProfile", {"type": "RuntimeDefault"})
    return made


def _user(given: JsonObject, default: JsonObject) -> JsonObject:
    """Return the default, unless the user that is named is root: no kubelet would start that."""
    return {} if given.get("runAsUser") == 0 else default


def _container(container: JsonObject) -> JsonObject:
    given = container.get("securityContext")
    if not (given is None or isinstance(given, dict)):
        return container
    context: JsonObject = {"allowPrivilegeEscalation": False, **(given or {})}
    if context.get("runAsUser") == 0:
        # What the pod says holds for each container that does not say otherwise.
        context.setdefault("runAsNonRoot", False)
    capabilities = context.get("capabilities")
    if capabilities is None or isinstance(capabilities, dict):
        context["capabilities"] = _capabilities(capabilities or {})
    return {**container, "securityContext": context}


def _capabilities(given: JsonObject) -> JsonObject:
    dropped = given.get("drop")
    if dropped is not None and not isinstance(dropped, list):
        return given
    names = dropped or []
    return {**given, "drop": names if _ALL in names else [_ALL, *names]}


def _object(holder: JsonObject, key: str) -> JsonObject:
    value = holder.get(key)
    return value if isinstance(value, dict) else {}
