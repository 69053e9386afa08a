"""The network of a real node: a pair of interfaces between the machine and the node's namespace.

Each node has a slot, a /30 of the range that RFC 2544 sets aside for tests of network devices, so
nothing that is really routed is hidden. Pods reach the machine at the outer address and nothing
beyond it: no rule of the machine's firewall is touched.
"""

from __future__ import annotations

import ipaddress
import subprocess
from dataclasses import dataclass
from typing import Final

from ebbflow.devcluster.trouble import ClusterFailed

RANGE: Final = ipaddress.ip_network("198.18.0.0/15")
SLOTS: Final = RANGE.num_addresses // 4
PREFIX: Final = "ebbflow"
INSIDE: Final = "eth0"


@dataclass(frozen=True, slots=True)
class Link:
    """The pair of one slot, from 0 to SLOTS - 1."""

    slot: int

    @classmethod
    def at(cls, inner: str) -> Link:
        """Return the pair whose inner address this is."""
        return cls((int(ipaddress.ip_address(inner)) - int(RANGE.network_address)) // 4)

    @property
    def interface(self) -> str:
        """The name of the outer end; at most 15 characters."""
        return f"{PREFIX}{self.slot}"

    @property
    def outer(self) -> str:
        """The address of the machine, as the node sees it."""
        return str(RANGE[4 * self.slot + 1])

    @property
    def inner(self) -> str:
        """The address of the node, as the machine sees it."""
        return str(RANGE[4 * self.slot + 2])

    def create(self, pid: int) -> bool:
        """Connect the network namespace of process `pid`; False if the slot is taken.

        Raises ClusterFailed.
        """
        pair = ["link", "add", self.interface, "type", "veth", "peer", "name", INSIDE]
        made = _ip(*pair, "netns", str(pid))
        if made.returncode != 0 and "File exists" in made.stderr:
            return False
        within = ["nsenter", f"--net=/proc/{pid}/ns/net", "--"]
        _succeed(made)
        _succeed(_ip("addr", "add", f"{self.outer}/30", "dev", self.interface))
        _succeed(_ip("link", "set", self.interface, "up"))
        _succeed(_ip("addr", "add", f"{self.inner}/30", "dev", INSIDE, within=within))
        _succeed(_ip("link", "set", INSIDE, "up", within=within))
        _succeed(_ip("route", "add", "default", "via", self.outer, within=within))
        return True

    def remove(self) -> None:
        """Remove the pair; without the node's namespace it is gone already."""
        _ip("link", "delete", self.interface)


def _ip(*arguments: str, within: list[str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - fixed programs, no shell
        [*(within or ()), "ip", *arguments], capture_output=True, text=True, check=False
    )


def _succeed(done: subprocess.CompletedProcess[str]) -> None:
    if done.returncode != 0:
        raise ClusterFailed(
            f"The network of the node cannot be made: {done.stderr.strip()}",
            " ".join(done.args),
            "see that this is root with all capabilities, and that the kernel has veth and bridge",
        )
