"""The fields of a pod template that a document may use, as a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

ACCOUNT: Final = "serviceAccountName"


@dataclass(frozen=True, slots=True)
class AnyValue:
    """Whatever is there is allowed."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A value that must hold to something, said by `words`."""

    holds: Callable[[Any], bool]
    words: str


@dataclass(frozen=True, slots=True)
class Each:
    """A list of values that follow a rule."""

    inner: Rule


@dataclass(frozen=True, slots=True)
class Fields:
    """An object that has no other fields than these."""

    by_name: Mapping[str, Rule]


Rule = AnyValue | Checked | Each | Fields

ANY: Final = AnyValue()


def _free(names: str) -> dict[str, Rule]:
    return dict.fromkeys(names.split(), ANY)


def _one_of(*values: str) -> Checked:
    return Checked(
        lambda value: isinstance(value, str) and value in values,
        f"must be {values[0]}" if len(values) == 1 else f"must be one of {', '.join(values)}",
    )


_FALSE: Final = Checked(lambda value: value is False, "must be false")

_NO_HOST: Final = Checked(
    lambda value: isinstance(value, str) and not value,
    "must be left out: a probe or hook goes to its own pod",
)

CAPABILITIES: Final = (
    *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD"),
    *("NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
)

SYSCTLS: Final = (
    *("kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.tcp_syncookies"),
    *("net.ipv4.ip_unprivileged_port_start", "net.ipv4.ping_group_range"),
    *("net.ipv4.ip_local_reserved_ports", "net.ipv4.tcp_keepalive_time"),
    *("net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes"),
)

_APPARMOR: Final = "container.apparmor.security.beta.kubernetes.io/"


def _no_loose_apparmor(annotations: Any) -> bool:
    """Tell whether no annotation takes a container's AppArmor profile away."""
    if not isinstance(annotations, dict):
        return False
    return all(
        isinstance(value, str) and (value == "runtime/default" or value.startswith("localhost/"))
        for key, value in annotations.items()
        if key.startswith(_APPARMOR)
    )


def _is_common_class(value: Any) -> bool:
    return isinstance(value, str) and not value.startswith("system-")


_PROFILE: Final = Fields({"type": _one_of("RuntimeDefault", "Localhost"), "localhostProfile": ANY})

SELINUX_TYPES: Final = ("container_t", "container_init_t", "container_kvm_t", "container_engine_t")

_SELINUX: Final = Fields({"type": _one_of(*SELINUX_TYPES), "level": ANY})

_WINDOWS: Final = Fields(
    {**_free("gmsaCredentialSpecName gmsaCredentialSpec runAsUserName"), "hostProcess": _FALSE}
)

_SECURITY: Final[Mapping[str, Rule]] = {
    **_free("runAsUser runAsGroup runAsNonRoot"),
    "seccompProfile": _PROFILE,
    "appArmorProfile": _PROFILE,
    "seLinuxOptions": _SELINUX,
    "windowsOptions": _WINDOWS,
}
"""What the security contexts of pods and of containers share."""

CONTAINER_SECURITY: Final = Fields(
    {
        **_SECURITY,
        **_free("allowPrivilegeEscalation readOnlyRootFilesystem"),
        "capabilities": Fields({"add": Each(_one_of(*CAPABILITIES)), "drop": ANY}),
        "privileged": _FALSE,
        "procMount": _one_of("Default"),
    }
)

_POD_SECURITY: Final = Fields(
    {
        **_SECURITY,
        **_free("fsGroup fsGroupChangePolicy supplementalGroups supplementalGroupsPolicy"),
        "seLinuxChangePolicy": ANY,
        "sysctls": Each(Fields({"name": _one_of(*SYSCTLS), "value": ANY})),
    }
)

_ASKING: Final[Mapping[str, Rule]] = {
    "exec": ANY,
    "httpGet": Fields({**_free("path port scheme httpHeaders"), "host": _NO_HOST}),
    "tcpSocket": Fields({"port": ANY, "host": _NO_HOST}),
}
"""What probes and hooks share."""

_PROBE: Final = Fields(
    {
        **_ASKING,
        **_free("grpc initialDelaySeconds timeoutSeconds periodSeconds successThreshold"),
        **_free("failureThreshold terminationGracePeriodSeconds"),
    }
)

_HOOK: Final = Fields({**_ASKING, "sleep": ANY})

CONTAINER: Final = Fields(
    {
        **_free("name image imagePullPolicy command args workingDir env envFrom resources"),
        **_free("resizePolicy restartPolicy volumeMounts volumeDevices stdin stdinOnce tty"),
        **_free("terminationMessagePath terminationMessagePolicy"),
        **dict.fromkeys(("livenessProbe", "readinessProbe", "startupProbe"), _PROBE),
        "ports": Each(Fields(_free("name containerPort protocol"))),
        "lifecycle": Fields({"postStart": _HOOK, "preStop": _HOOK, "stopSignal": ANY}),
        "securityContext": CONTAINER_SECURITY,
    }
)

_VOLUME: Final = Fields(
    {
        **_free("name configMap downwardAPI emptyDir ephemeral image persistentVolumeClaim"),
        **_free("projected secret"),
    }
)

_POD: Final = Fields(
    {
        **_free("activeDeadlineSeconds affinity dnsConfig dnsPolicy enableServiceLinks"),
        **_free("hostAliases hostname imagePullSecrets nodeSelector os preemptionPolicy"),
        **_free("readinessGates resources restartPolicy runtimeClassName schedulerName"),
        **_free("setHostnameAsFQDN shareProcessNamespace subdomain"),
        **_free("terminationGracePeriodSeconds tolerations topologySpreadConstraints"),
        **_free(f"automountServiceAccountToken {ACCOUNT}"),
        "containers": Each(CONTAINER),
        "initContainers": Each(CONTAINER),
        "volumes": Each(_VOLUME),
        "securityContext": _POD_SECURITY,
        "priorityClassName": Checked(
            _is_common_class, "must not be one of the cluster's own classes (system-…)"
        ),
        # hostUsers: false asks for a user namespace of the pod's own: more isolation, not less.
        **dict.fromkeys(("hostNetwork", "hostPID", "hostIPC", "hostUsers"), _FALSE),
    }
)

TEMPLATE: Final = Fields(
    {
        "metadata": Fields(
            {
                "labels": ANY,
                "annotations": Checked(
                    _no_loose_apparmor, "must not take a container's AppArmor profile away"
                ),
            }
        ),
        "spec": _POD,
    }
)
"""A pod template."""
