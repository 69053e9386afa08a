"""Clusters with a real node that are to end with the program that started them.

Even kill -9 of that program ends their processes (processes.Keeper), and the kernel takes the
namespaces back. What is written down here lets `ebbflow down`, or the next start, remove the rest:
control groups, and everything if the keeper was killed as well.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ebbflow.devcluster.identity import ProcessIdentity
from ebbflow.devcluster.layout import Layout, write_private
from ebbflow.devcluster.network import Link
from ebbflow.devcluster.parts import Parts
from ebbflow.devcluster.real_node import close
from ebbflow.devcluster.state import clusters_dir


@dataclass(frozen=True, slots=True)
class Session:
    """One such cluster: its link, its state directory, and the program that started it.

    `temporary`: the state directory goes with the cluster.
    """

    link: Link
    root: Path
    owner: ProcessIdentity
    temporary: bool

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a stored session. Raises ValueError, KeyError or TypeError if it is not one."""
        read = json.loads(text)
        owner = ProcessIdentity(int(read["owner"]["pid"]), str(read["owner"]["started"]))
        link, root = Link(int(read["slot"])), Path(str(read["root"]))
        return cls(link, root, owner, temporary=bool(read["temporary"]))

    def to_json(self) -> bytes:
        """Return the session as it is stored."""
        owner = {"pid": self.owner.pid, "started": self.owner.started}
        kept = {"slot": self.link.slot, "root": str(self.root), "owner": owner}
        return json.dumps({**kept, "temporary": self.temporary}).encode() + b"\n"


def sessions_dir() -> Path:
    """Return the directory with one file for each session."""
    return clusters_dir().parent / "sessions"


def note(link: Link, root: Path, *, temporary: bool) -> None:
    """Write down that this process has a real node there."""
    owner = ProcessIdentity.of(os.getpid())
    if owner is None:
        return
    sessions_dir().mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(_file(link), Session(link, root, owner, temporary=temporary).to_json())


def forget(link: Link) -> None:
    """Strike out what was noted: nothing is left of it."""
    _file(link).unlink(missing_ok=True)


def sweep() -> list[Path]:
    """Remove what is left of sessions whose program has ended; return their state directories."""
    swept = []
    for file in sorted(sessions_dir().glob("*.json")):
        try:
            session = Session.parse(file.read_text())
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if session.owner.alive():
            continue
        Parts(Layout(session.root)).end()
        close(session.link)
        if session.temporary:
            shutil.rmtree(session.root, ignore_errors=True)
        forget(session.link)
        swept.append(session.root)
    return swept


def _file(link: Link) -> Path:
    return sessions_dir() / f"{link.slot}.json"
