"""What can be chosen about a local cluster."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

METADATA_POLICY: Final = """\
apiVersion: audit.k8s.io/v1
kind: Policy
# One line for each request, when it is answered (for a watch also when it begins).
omitStages: [RequestReceived]
rules:
  - level: Metadata
"""


class Lifetime(enum.Enum):
    """When the processes of a cluster end."""

    WITH_PARENT = "with parent"
    """When the process that started them ends, however it ends; the state goes with them."""

    UNTIL_DOWN = "until down"
    """When somebody stops the cluster; the state stays until it is removed."""


class Node(enum.Enum):
    """What becomes of pods."""

    NONE = "none"
    """There is no node: pods stay pending. The quickest to start."""

    KWOK = "kwok"
    """kwok writes the status that pods would get; no process runs. Needs no privileges."""

    REAL = "real"
    """kubelet and containerd run pods. Needs Linux and root."""


@dataclass(frozen=True, slots=True)
class ClusterOptions:
    """The choices, all with a default.

    `audit_policy` is the text of an audit.k8s.io/v1 Policy, or None for no audit log.
    `apiserver_flags` come last, so a flag given here wins over ours.
    """

    name: str = "default"
    lifetime: Lifetime = Lifetime.WITH_PARENT
    audit_policy: str | None = METADATA_POLICY
    apiserver_flags: tuple[str, ...] = ()
    node: Node = Node.NONE
