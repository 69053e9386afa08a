"""How the containers of a Pod ended, and the words for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ebbflow.api.base import JsonObject
from ebbflow.domain.health_verdict import condition, count, is_true, items, mapping, text, words_of

_BROKEN_IMAGE: Final = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull")
_NOT_STARTED: Final = ("StartError", "ContainerCannotRun")
_AS_ROOT: Final = "runAsNonRoot"

_SIGNALS: Final = {
    1: "SIGHUP",
    2: "SIGINT",
    6: "SIGABRT",
    9: "SIGKILL",
    11: "SIGSEGV",
    15: "SIGTERM",
}
_SIGNALLED: Final = 128
"""A shell reports the end by signal N as 128 + N; so do container runtimes."""

_CANNOT_RUN: Final = 126
_NOT_FOUND: Final = 127
"""POSIX, Shell & Utilities, 2.8.2: found but not executable, and not found."""


@dataclass(frozen=True, slots=True)
class Exit:
    """The end of one container. `message` is its termination message, or the runtime's words."""

    container: str
    code: int
    reason: str = ""
    message: str = ""
    finished_at: str = ""

    @property
    def words(self) -> str:
        """What happened, for people: who ended, how, and what helps where that is known."""
        name = f"container {self.container}"
        if self.reason == "OOMKilled":
            return (
                f"{name} was killed because it used more memory than its limit (OOMKilled, exit "
                f"code {self.code}): raise its resources.limits.memory, or have it use less"
            )
        if self.reason in _NOT_STARTED:
            why = self.message or "the runtime gave no reason"
            return f"{name} could not be started: {why}; correct its command"
        return f"{name} ended with exit code {self.code}{_meaning(self.code)}"


def exits(pod: JsonObject) -> list[Exit]:
    """Return the ends of a Pod's containers, those of init containers first."""
    status = mapping(pod.get("status"))
    fields = ("initContainerStatuses", "containerStatuses")
    found = (end_of(one, "state") for field in fields for one in items(status.get(field)))
    return [one for one in found if one is not None]


def end_of(container: JsonObject, state: str) -> Exit | None:
    """Return the end that a container's status tells of in `state` or in `lastState`, if any."""
    ended = mapping(mapping(container.get(state)).get("terminated"))
    if not ended:
        return None
    return Exit(
        container=text(container.get("name")),
        code=count(ended, "exitCode"),
        reason=text(ended.get("reason")),
        message=text(ended.get("message")),
        finished_at=text(ended.get("finishedAt")),
    )


def first_failure(pod: JsonObject) -> Exit | None:
    """Return the end of the container that failed first; None if none failed.

    Init containers run before the others; among those that ran together time tells.
    """
    failed = [one for one in exits(pod) if one.code != 0]
    return min(failed, key=lambda one: one.finished_at, default=None)


def exit_of(pod: JsonObject, container: str) -> Exit | None:
    """Return the end of one container; None while it has not ended."""
    return next((one for one in exits(pod) if one.container == container), None)


def why_lost(pod: JsonObject) -> str:
    """Return why the cluster took the Pod away, such as a node that died; empty if it did not."""
    taken = condition(pod, "DisruptionTarget")
    if is_true(taken):
        return f"the cluster took it away: {words_of(taken, 'no reason given')}{_on_node(pod)}"
    status = mapping(pod.get("status"))
    reason = text(status.get("reason"))
    if reason:
        return f"{reason}: {text(status.get('message')) or 'no reason given'}{_on_node(pod)}"
    return ""


def why_going(pod: JsonObject) -> str:
    """Return why the cluster takes the Pod away, while it is still there; empty if it does not."""
    lost = why_lost(pod)
    if not lost or not mapping(pod.get("metadata")).get("deletionTimestamp"):
        return ""
    node = text(mapping(pod.get("spec")).get("nodeName"))
    return (
        f"{lost}; it may run on until its node says that it has ended. If the node is gone for good, "
        f"delete it (kubectl delete node {node})"
    )


def hopeless(pod: JsonObject) -> str:
    """Return why a Pod will not start however long one waits; empty if it may.

    An image that cannot be had is tried again by the node, but hardly ever comes by itself.
    """
    status = mapping(pod.get("status"))
    for field in ("initContainerStatuses", "containerStatuses"):
        for container in items(status.get(field)):
            waiting = mapping(mapping(container.get("state")).get("waiting"))
            reason, words = text(waiting.get("reason")), text(waiting.get("message"))
            name = text(container.get("name"))
            if reason in _BROKEN_IMAGE:
                image = text(container.get("image"))
                return (
                    f"the image {image} of container {name} cannot be had ({reason}"
                    f"{': ' if words else ''}{words}); correct its name, or give the registry's "
                    "credentials as imagePullSecrets"
                )
            if reason == "CreateContainerConfigError" and _AS_ROOT in words:
                return (
                    f"the image of container {name} runs as root, which is not allowed: give "
                    "securityContext.runAsUser a number above 0, or use another image"
                )
    return ""


def _meaning(code: int) -> str:
    if code == _CANNOT_RUN:
        return " (a shell's word for: the command cannot be executed)"
    if code == _NOT_FOUND:
        return " (a shell's word for: command not found)"
    signal = _SIGNALS.get(code - _SIGNALLED)
    return f" (ended by {signal})" if signal else ""


def _on_node(pod: JsonObject) -> str:
    node = text(mapping(pod.get("spec")).get("nodeName"))
    return f" (it ran on node {node})" if node else ""
