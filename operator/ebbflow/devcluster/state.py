"""Where clusters that live until `ebbflow down` are kept, and which of them run."""

from __future__ import annotations

import enum
import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self

import platformdirs

from ebbflow.devcluster.command_lines import Ports
from ebbflow.devcluster.layout import Layout
from ebbflow.devcluster.options import Node
from ebbflow.devcluster.parts import Parts, names_of
from ebbflow.devcluster.trouble import DevClusterError, NoSuchCluster

STATE_VARIABLE: Final = "EBBFLOW_STATE_DIR"
# A DNS label: it becomes a directory and the name of a kubeconfig context.
NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")


class Condition(enum.Enum):
    """What of a cluster runs."""

    RUNNING = "running"
    PARTLY = "partly running"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Record:
    """What a cluster's directory remembers of it."""

    name: str
    ports: Ports
    node: Node = Node.NONE

    def to_json(self) -> bytes:
        """Return the record as it is stored."""
        kept = {"name": self.name, "node": self.node.value, "ports": asdict(self.ports)}
        return json.dumps(kept).encode() + b"\n"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a stored record. Raises ValueError, KeyError or TypeError if it is not one."""
        read = json.loads(text)
        numbers = dict(read["ports"])
        address = str(numbers.pop("address"))
        numbers = {key: int(port) for key, port in numbers.items()}
        ports = Ports(**numbers, address=address)
        return cls(str(read["name"]), ports, Node(read["node"]))


@dataclass(frozen=True, slots=True)
class KnownCluster:
    """A cluster that lives until down, as its directory and pid files show it."""

    name: str
    condition: Condition
    node: Node
    url: str
    kubeconfig: Path


def clusters_dir() -> Path:
    """Return the directory that holds one directory for each cluster."""
    chosen = os.environ.get(STATE_VARIABLE)
    root = Path(chosen).absolute() if chosen else platformdirs.user_state_path("ebbflow")
    return root / "clusters"


def cluster_dir(name: str) -> Path:
    """Return the directory of one cluster. Raises DevClusterError for a name that may not be."""
    if NAME.fullmatch(name) is None:
        raise DevClusterError(
            f"{name!r} cannot be the name of a cluster",
            "--name",
            "use at most 40 lowercase letters, digits and dashes, with no dash at either end",
        )
    return clusters_dir() / name


def lock_file(name: str) -> Path:
    """Return the file that whoever starts or ends this cluster holds a lock on."""
    return clusters_dir().parent / "locks" / cluster_dir(name).name


def read_record(layout: Layout) -> Record | None:
    """Return what the directory remembers; None if there is nothing readable."""
    try:
        return Record.parse(layout.record.read_text())
    except (OSError, ValueError, KeyError, TypeError):
        return None


def find(name: str) -> KnownCluster:
    """Return the cluster of this name. Raises NoSuchCluster."""
    directory = cluster_dir(name)
    if not directory.is_dir():
        names = ", ".join(each.name for each in known()) or "none"
        raise NoSuchCluster(
            f"There is no cluster {name!r}",
            f"{clusters_dir()} (kept there: {names})",
            f"start it with `ebbflow up --name {name}`, or see `ebbflow up --status`",
        )
    return _look(directory)


def known() -> tuple[KnownCluster, ...]:
    """Return every cluster that is kept here, by name."""
    directory = clusters_dir()
    if not directory.is_dir():
        return ()
    kept = sorted(each for each in directory.iterdir() if NAME.fullmatch(each.name))
    return tuple(_look(each) for each in kept if each.is_dir())


def _look(directory: Path) -> KnownCluster:
    layout = Layout(directory)
    alive = Parts(layout).alive()
    record = read_record(layout)
    node = Node.NONE if record is None else record.node
    condition = Condition.RUNNING if alive == names_of(node) else Condition.PARTLY
    return KnownCluster(
        name=directory.name,
        condition=condition if alive else Condition.STOPPED,
        node=node,
        url="unknown" if record is None else record.ports.url,
        kubeconfig=layout.kubeconfig,
    )
