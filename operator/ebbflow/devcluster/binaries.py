"""The binaries of the control plane: found where they are, else built once.

`python -m ebbflow.devcluster.binaries` finds or builds them in the foreground and prints their
directory; whoever comes second waits for the first.
"""

from __future__ import annotations

import enum
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
from ebbflow.devcluster.progress import Pulse, Say, say_on_stderr
from ebbflow.devcluster.trouble import DevClusterError

NEEDED: Final = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubectl",
)
ASSETS_VARIABLE: Final = "KUBEBUILDER_ASSETS"


class Source(enum.Enum):
    """Where the binaries come from."""

    ASSETS = f"the directory that {ASSETS_VARIABLE} names"
    PATH = "PATH"
    CACHE = "the cache"
    BUILT = "a build from the Go modules"


@dataclass(frozen=True, slots=True)
class Binaries:
    """One set of binaries that belong together."""

    source: Source
    paths: Mapping[str, Path]

    def path(self, name: str) -> Path:
        """Return the path of one of NEEDED."""
        return self.paths[name]


def search(path: str) -> dict[str, Path]:
    """Return those of NEEDED that are found in the directories of `path`, in the form of $PATH."""
    found = {name: shutil.which(name, path=path) for name in NEEDED}
    return {name: Path(file).absolute() for name, file in found.items() if file is not None}


def complete(source: Source, path: str) -> Binaries | None:
    """Return the set found in `path` if nothing is missing from it."""
    # shutil.which takes an empty text for "the default path".
    found = search(path) if path else {}
    return Binaries(source, MappingProxyType(found)) if len(found) == len(NEEDED) else None


def discover(environment: Mapping[str, str], cached: Path, say: Say) -> Binaries | None:
    """Return the first complete set: KUBEBUILDER_ASSETS, PATH, the cache directory `cached`.

    A set is never mixed from several places: a kubectl alone on PATH may be of any version.
    """
    assets = environment.get(ASSETS_VARIABLE, "")
    found = complete(Source.ASSETS, assets)
    if assets and found is None:
        missing = ", ".join(name for name in NEEDED if name not in search(assets))
        say(f"{ASSETS_VARIABLE}={assets} has no {missing}; looking further")
    return (
        found
        or complete(Source.PATH, environment.get("PATH", ""))
        or complete(Source.CACHE, str(cached))
    )


def locate(environment: Mapping[str, str] | None = None, say: Say = say_on_stderr) -> Binaries:
    """Return the binaries, built first if need be (minutes, with progress through `say`).

    Raises ToolchainMissing when there is nothing to build with, DevClusterError when the build
    fails.
    """
    environment = os.environ if environment is None else environment
    recipe = Recipe.read()
    target = cache_dir(environment) / recipe.key()
    found = discover(environment, target, say)
    if found is not None:
        return found
    pulse = Pulse(say)
    waiting = "Another process is building the control plane; waiting for it"
    lock = target.parent / "build.lock"
    with exclusive(lock, lambda _: pulse.beat(lambda: waiting)):
        found = complete(Source.CACHE, str(target))
        if found is None:
            build(recipe, target, NEEDED, environment, say)
            found = complete(Source.BUILT, str(target))
    if found is None:
        raise DevClusterError(
            "The built control plane cannot be executed",
            str(target),
            "check that the file system is not mounted noexec, or set EBBFLOW_CONTROLPLANE_CACHE to another",
        )
    return found


def main() -> int:
    """Find or build the binaries; print their directory on standard output."""
    try:
        found = locate()
    except DevClusterError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    say_on_stderr(f"The control plane comes from {found.source.value}")
    sys.stdout.write(f"{found.path('kube-apiserver').parent}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
