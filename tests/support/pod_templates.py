"""Pod templates as documents have them: strategies for Hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ebbflow.api.base import JsonObject

USERS = st.integers(min_value=1, max_value=65_535)
SECCOMP = st.just({"type": "RuntimeDefault"})
LINUX_NAMES = st.lists(st.sampled_from(["NET_RAW", "MKNOD", "ALL"]), unique=True, max_size=2)
CAPABILITIES = st.fixed_dictionaries(
    {}, optional={"add": st.just(["NET_BIND_SERVICE"]), "drop": LINUX_NAMES}
)
CONTEXT = {
    "runAsUser": USERS,
    "runAsGroup": USERS,
    "runAsNonRoot": st.just(True),
    "seccompProfile": SECCOMP,
}
CONTAINER_CONTEXTS = st.fixed_dictionaries(
    {},
    optional=CONTEXT
    | {
        "allowPrivilegeEscalation": st.just(False),
        "readOnlyRootFilesystem": st.booleans(),
        "capabilities": st.none() | CAPABILITIES,
        "privileged": st.just(False),
    },
)
POD_CONTEXTS = st.fixed_dictionaries({}, optional=CONTEXT | {"fsGroup": USERS})
VOLUMES = st.sampled_from(
    [{"emptyDir": {}}, {"configMap": {"name": "settings"}}, {"secret": {"secretName": "keys"}}]
)


def containers(prefix: str) -> SearchStrategy[JsonObject]:
    return st.fixed_dictionaries(
        {"name": st.integers(0, 99).map(lambda number: f"{prefix}-{number}"), "image": st.just("busybox")},
        optional={
            "securityContext": st.none() | CONTAINER_CONTEXTS,
            "command": st.just(["true"]),
            "ports": st.just([{"containerPort": 8080}]),
        },
    )  # fmt: skip


def _lists(prefix: str, least: int) -> SearchStrategy[list[JsonObject]]:
    return st.lists(
        containers(prefix), min_size=least, max_size=3, unique_by=lambda one: one["name"]
    )


def templates() -> SearchStrategy[JsonObject]:
    """Return templates that loosen nothing of the restricted profile."""
    spec = st.fixed_dictionaries(
        {"containers": _lists("main", 1)},
        optional={
            "initContainers": _lists("init", 0),
            "securityContext": st.none() | POD_CONTEXTS,
            "volumes": VOLUMES.map(lambda source: [{"name": "data", **source}]),
            "automountServiceAccountToken": st.booleans(),
            "hostNetwork": st.just(False),
        },
    )
    return st.fixed_dictionaries({"spec": spec})
