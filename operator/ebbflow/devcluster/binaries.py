"""The binaries of a local cluster: found where they are, else built once.

`python -m ebbflow.devcluster.binaries [kwok] [real]` finds or builds them in the foreground, with
those of such nodes, and prints the directory of the control plane; whoever comes second waits for
the first.
"""

from __future__ import annotations

import argparse
import enum
import functools
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from ebbflow.devcluster.build import Recipe, build, cache_dir
from ebbflow.devcluster.locking import exclusive
from ebbflow.devcluster.options import Node
from ebbflow.devcluster.programs import needs
from ebbflow.devcluster.progress import Pulse, Say, say_on_stderr
from ebbflow.devcluster.trouble import DevClusterError

ASSETS_VARIABLE: Final = "KUBEBUILDER_ASSETS"


class Source(enum.Enum):
    """Where the binaries come from."""

    ASSETS = f"the directory that {ASSETS_VARIABLE} names"
    PATH = "PATH"
    CACHE = "the cache"
    BUILT = "a build from the Go modules"


@dataclass(frozen=True, slots=True)
class Binaries:
    """The binaries of one cluster; those of one program belong together."""

    source: Source
    paths: Mapping[str, Path]

    def path(self, name: str) -> Path:
        """Return the path of a binary that was asked for."""
        return self.paths[name]

    def joined(self, other: Binaries) -> Binaries:
        """Return these and those of another program; the source stays that of these."""
        return Binaries(self.source, MappingProxyType({**self.paths, **other.paths}))


def search(path: str, needed: tuple[str, ...]) -> dict[str, Path]:
    """Return those of `needed` that are found in the directories of `path`, as of $PATH."""
    found = {name: shutil.which(name, path=path) for name in needed}
    return {name: Path(file).absolute() for name, file in found.items() if file is not None}


def complete(source: Source, path: str, needed: tuple[str, ...]) -> Binaries | None:
    """Return the set found in `path` if nothing is missing from it."""
    # shutil.which takes an empty text for "the default path".
    found = search(path, needed) if path else {}
    return Binaries(source, MappingProxyType(found)) if len(found) == len(needed) else None


def discover(
    environment: Mapping[str, str], cached: Path, needed: tuple[str, ...], say: Say
) -> Binaries | None:
    """Return the first complete set: KUBEBUILDER_ASSETS, PATH, the cache directory `cached`.

    A set is never mixed from several places: a kubectl alone on PATH may be of any version.
    """
    assets = environment.get(ASSETS_VARIABLE, "")
    found = complete(Source.ASSETS, assets, needed)
    if assets and found is None:
        missing = ", ".join(name for name in needed if name not in search(assets, needed))
        say(f"{ASSETS_VARIABLE}={assets} has no {missing}; looking further")
    return (
        found
        or complete(Source.PATH, environment.get("PATH", ""), needed)
        or complete(Source.CACHE, str(cached), needed)
    )


def locate(
    environment: Mapping[str, str] | None = None,
    say: Say = say_on_stderr,
    *,
    node: Node = Node.NONE,
) -> Binaries:
    """Return the binaries of a cluster with this node.

    What is missing is built first (minutes, with progress through `say`). Raises ToolchainMissing
    when there is nothing to build with, DevClusterError when a build fails.
    """
    environment = os.environ if environment is None else environment
    found = [
        obtain(Recipe.read(program), needed, environment, say) for program, needed in needs(node)
    ]
    return functools.reduce(Binaries.joined, found)


def obtain(
    recipe: Recipe, needed: tuple[str, ...], environment: Mapping[str, str], say: Say
) -> Binaries:
    """Return the binaries of one program, built first if need be. Raises as `locate` does."""
    program = recipe.program
    target = cache_dir(environment, program) / recipe.key()
    found = discover(environment, target, needed, say)
    if found is not None:
        return found
    pulse = Pulse(say)
    waiting = f"Another process is building {program.name}; waiting for it"
    lock = target.parent / "build.lock"
    with exclusive(lock, lambda _: pulse.beat(lambda: waiting)):
        found = complete(Source.CACHE, str(target), needed)
        if found is None:
            build(recipe, target, environment, say)
            found = complete(Source.BUILT, str(target), needed)
    if found is None:
        raise DevClusterError(
            f"The built {program.name} cannot be executed",
            str(target),
            "check that the file system is not mounted noexec, or set EBBFLOW_CONTROLPLANE_CACHE to another",
        )
    return found


def main() -> int:
    """Find or build the binaries; print the control plane's directory on standard output."""
    parser = argparse.ArgumentParser(description="Find or build the binaries of a local cluster.")
    # `choices` would refuse that none is given (Python 3.11).
    kinds = f"{{{','.join(node.value for node in Node)}}}"
    parser.add_argument("node", nargs="*", type=Node, metavar=kinds, help="also what it needs")
    chosen: list[Node] = parser.parse_args().node
    try:
        found = locate()
        for node in chosen:
            locate(node=node)
    except DevClusterError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    say_on_stderr(f"The control plane comes from {found.source.value}")
    sys.stdout.write(f"{found.path('kube-apiserver').parent}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
