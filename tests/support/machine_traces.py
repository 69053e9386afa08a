"""What a real node could leave on the machine: looked at before and after it."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PLACES = ("/etc", "/opt", "/run", "/usr/libexec", "/var/lib", "/var/log", "/var/run")
SETTINGS = ("kernel/panic", "kernel/panic_on_oops", "vm/overcommit_memory", "vm/panic_on_oom")
OWN_LINKS = "ebbflow"
CONTROL_GROUPS = Path("/sys/fs/cgroup")
# Where containerd makes the groups of containers that it is told no place for.
STRAY_GROUPS = "k8s.io"


@dataclass(frozen=True)
class Traces:
    """The machine as a whole, without what other clusters of ours on it have."""

    mounts: frozenset[str]
    links: frozenset[str]
    rules: str
    routes: str
    settings: tuple[str, ...]
    files: frozenset[str]
    groups: frozenset[str]

    @classmethod
    def now(cls) -> Traces:
        return cls(
            mounts=frozenset(mount_points()),
            links=frozenset(name for name in links() if not name.startswith(OWN_LINKS)),
            rules=rules(),
            routes=_output("ip", "route", "show", "table", "main", "default"),
            settings=tuple(Path("/proc/sys", name).read_text() for name in SETTINGS),
            files=frozenset(str(each) for place in PLACES for each in Path(place).iterdir()),
            groups=frozenset(group for group in control_groups() if f"/{STRAY_GROUPS}/" in group),
        )


@dataclass(frozen=True)
class Belongings:
    """What one cluster with a real node has on the machine while it runs."""

    state: Path
    link: str
    network: str
    control_group: str

    @classmethod
    def of(cls, state: Path) -> Belongings:
        address = json.loads((state / "cluster.json").read_text())["ports"]["address"]
        held = json.loads(_output("ip", "-json", "addr"))
        outer = address.rsplit(".", 1)[0] + f".{int(address.rsplit('.', 1)[1]) - 1}"
        (link,) = [
            each["ifname"]
            for each in held
            if outer in {one.get("local") for one in each["addr_info"]}
        ]
        sandbox = json.loads((state / "pids" / "containerd.json").read_text())["pid"]
        network = str(Path(f"/proc/{sandbox}/ns/net").readlink())
        return cls(state, link, network, link.replace(OWN_LINKS, f"{OWN_LINKS}-"))

    def left(self) -> list[str]:
        """Name everything of it that is still there."""
        own = self.control_group
        found = [f"control group {group}" for group in control_groups() if own in group.split("/")]
        found += [f"link {name}" for name in links() if name == self.link]
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if str((process / "ns" / "net").readlink()) == self.network:
                    found.append(f"process {process.name} in the node's network")
                if str(self.state).encode() in (process / "cmdline").read_bytes():
                    found.append(f"process {process.name} of the cluster")
        return found


def mount_points() -> list[str]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [line.split()[4] for line in lines]


def control_groups() -> list[str]:
    # Other groups come and go meanwhile, which os.walk passes over.
    return [directory for directory, _, _ in os.walk(CONTROL_GROUPS)]


def links() -> list[str]:
    return [each.name for each in Path("/sys/class/net").iterdir()]


def rules() -> str:
    lines = _output("iptables-save").splitlines()
    # Comments hold the time, and brackets the packets that were counted.
    return "\n".join(line.partition("[")[0] for line in lines if not line.startswith("#"))


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
