"""The build: what its place in the cache depends on, and what happens when it goes wrong."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ebbflow.devcluster import toolchain
from ebbflow.devcluster.build import Recipe, build, build_environment, source_files
from ebbflow.devcluster.programs import CONTROL_PLANE, COREDNS, KWOK, NEEDED, NODE_PARTS, Program
from ebbflow.devcluster.toolchain import Go, go_on_path, parse_version
from ebbflow.devcluster.trouble import DevClusterError, ToolchainMissing
from tests.support.waiting import eventually

FAKE_GO = """\
#!/bin/sh
if [ "$1" = env ]; then echo {version}; exit 0; fi
echo built >> "{builds}"
{action}
while [ "$1" != -o ]; do shift; done
printf '#!/bin/sh\\n' > "$2"
chmod 755 "$2"
"""


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    copy = tmp_path / "sources"
    copy.mkdir()
    for file in source_files(CONTROL_PLANE.module):
        shutil.copy(file, copy)
    return copy


@pytest.fixture
def builds(tmp_path: Path) -> Path:
    return tmp_path / "builds"


def path_with_go(
    tmp_path: Path, builds: Path, *, version: str = "go1.99.0", action: str = ""
) -> str:
    directory = tmp_path / "go-bin"
    directory.mkdir()
    (directory / "go").write_text(FAKE_GO.format(version=version, builds=builds, action=action))
    (directory / "go").chmod(0o755)
    return f"{directory}:/usr/bin:/bin"


@pytest.mark.parametrize(
    ("program", "version"), [(CONTROL_PLANE, "v1."), (KWOK, "v0."), (COREDNS, "v1.")]
)
def test_the_recipe_names_the_versions_of_go_mod(program: Program, version: str) -> None:
    recipe = Recipe.read(program)

    assert recipe.version.startswith(version)
    assert recipe.go_version >= (1, 26, 0)


def test_the_control_plane_is_told_its_version() -> None:
    recipe = Recipe.read(CONTROL_PLANE)

    assert f"gitVersion={recipe.version}" in recipe.flags[-1]


def test_the_key_is_the_same_for_the_same_recipe(sources: Path) -> None:
    assert Recipe.read(CONTROL_PLANE, sources).key() == Recipe.read(CONTROL_PLANE, sources).key()


@pytest.mark.parametrize("name", ["go.mod", "go.sum", "main.go", "main_linux.go"])
def test_the_key_changes_with_every_source_file(sources: Path, name: str) -> None:
    before = Recipe.read(CONTROL_PLANE, sources).key()

    with (sources / name).open("a") as file:
        file.write("\n")

    assert Recipe.read(CONTROL_PLANE, sources).key() != before


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"goos": "plan9"}, id="system"),
        pytest.param({"goarch": "riscv64"}, id="machine"),
        pytest.param({"flags": ("-race",)}, id="flags"),
    ],
)
def test_the_key_changes_with_the_target_and_the_flags(change: dict[str, object]) -> None:
    recipe = Recipe.read(CONTROL_PLANE)

    assert dataclasses.replace(recipe, **change).key() != recipe.key()  # type: ignore[arg-type]


def test_a_build_leaves_the_program_under_every_name(tmp_path: Path, builds: Path) -> None:
    target = tmp_path / "cache" / "key"
    environment = {"PATH": path_with_go(tmp_path, builds)}

    build(Recipe.read(CONTROL_PLANE), target, environment, lambda _: None)

    assert sorted(each.name for each in target.iterdir()) == sorted(
        [*NEEDED, *NODE_PARTS, "controlplane"]
    )
    assert all(os.access(target / name, os.X_OK) for name in NEEDED)
    assert sorted(each.name for each in target.parent.iterdir()) == ["build.log", "key"]


def test_a_failed_build_says_what_where_and_what_to_do(tmp_path: Path, builds: Path) -> None:
    target = tmp_path / "cache" / "key"
    action = "echo main.go:7: no space left on device >&2; exit 3"
    environment = {"PATH": path_with_go(tmp_path, builds, action=action)}

    with pytest.raises(DevClusterError) as caught:
        build(Recipe.read(CONTROL_PLANE), target, environment, lambda _: None)

    what, where, remedy = str(caught.value).splitlines()
    assert what == (
        "The build of controlplane failed (exit code 3): main.go:7: no space left on device"
    )
    assert where == f"  where: {target.parent / 'build.log'}"
    assert remedy.startswith("  what to do: check the network")
    assert not target.exists()


def test_without_go_and_pip_three_lines_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toolchain, "pip_command", lambda _: None)
    environment = {"PATH": str(tmp_path)}

    with pytest.raises(ToolchainMissing) as caught:
        build(Recipe.read(CONTROL_PLANE), tmp_path / "cache" / "key", environment, lambda _: None)

    what, where, remedy = str(caught.value).splitlines()
    assert "neither Go 1.26 nor pip" in what
    assert where == f"  where: PATH={tmp_path}"
    assert "KUBEBUILDER_ASSETS" in remedy


def test_a_pip_that_cannot_install_go_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip = tmp_path / "pip"
    pip.write_text("#!/bin/sh\necho ERROR: no matching distribution >&2\nexit 1\n")
    pip.chmod(0o755)
    monkeypatch.setattr(toolchain, "pip_command", lambda _: [str(pip)])

    with pytest.raises(ToolchainMissing, match="pip could not install it: ERROR: no matching"):
        build(Recipe.read(CONTROL_PLANE), tmp_path / "cache" / "key", {"PATH": ""}, lambda _: None)


@pytest.mark.parametrize(
    ("version", "taken"),
    [
        pytest.param("go1.26.0", True, id="exactly"),
        pytest.param("go1.27rc1", True, id="newer-candidate"),
        pytest.param("go1.25.9", False, id="older"),
        pytest.param("devel", False, id="unreadable"),
    ],
)
def test_go_on_path_is_taken_if_it_is_new_enough(
    tmp_path: Path, builds: Path, version: str, taken: bool
) -> None:
    path = path_with_go(tmp_path, builds, version=version)

    assert (go_on_path((1, 26, 0), {"PATH": path}) is not None) == taken


@pytest.mark.parametrize(
    ("text", "version"),
    [
        pytest.param("go 1.26.0", (1, 26, 0), id="go.mod"),
        pytest.param("go 1.26", (1, 26, 0), id="go.mod-short"),
        pytest.param("go1.26.8\n", (1, 26, 8), id="command"),
        pytest.param("go1.27rc1", (1, 27, 0), id="candidate"),
        pytest.param("nothing", None, id="none"),
    ],
)
def test_versions_of_go_are_read(text: str, version: tuple[int, int, int] | None) -> None:
    assert parse_version(text) == version


def test_the_callers_go_settings_cannot_change_the_result(tmp_path: Path) -> None:
    go = Go(Path("/go"), private=False)
    odd = {
        "GOFLAGS": "-race", "GOWORK": "/w", "CGO_ENABLED": "1", "GOROOT": "/old", "GOOS": "js",
        "GOTOOLCHAIN": "auto", "GOPROXY": "https://proxy.example",
    }  # fmt: skip

    settled = build_environment(Recipe.read(CONTROL_PLANE), go, tmp_path, odd)

    assert settled["GOPROXY"] == "https://proxy.example"
    assert (settled["CGO_ENABLED"], settled["GOWORK"], settled["GOTOOLCHAIN"]) == (
        "0", "off", "local",
    )  # fmt: skip
    assert "GOROOT" not in settled
    assert "-race" not in settled["GOFLAGS"]
    assert "GOCACHE" not in settled


def test_a_private_go_keeps_its_caches_apart(tmp_path: Path) -> None:
    settled = build_environment(
        Recipe.read(CONTROL_PLANE), Go(Path("/go"), private=True), tmp_path, {}
    )

    assert Path(settled["GOCACHE"]).parent == tmp_path
    assert Path(settled["GOMODCACHE"]).parent == tmp_path


def test_two_builders_at_once_build_once(tmp_path: Path, builds: Path) -> None:
    gate = tmp_path / "gate"
    path = path_with_go(tmp_path, builds, action=f'while [ ! -e "{gate}" ]; do sleep 0.02; done')
    cache = str(tmp_path / "cache")
    environment = {**os.environ, "PATH": path, "EBBFLOW_CONTROLPLANE_CACHE": cache}
    environment.pop("KUBEBUILDER_ASSETS", None)
    command = [sys.executable, "-m", "ebbflow.devcluster.binaries"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with (
        subprocess.Popen(command, env=environment, **pipes) as first,
        subprocess.Popen(command, env=environment, **pipes) as second,
    ):
        eventually(builds.exists, 20, "the first build")
        gate.touch()
        answers = [each.communicate(timeout=20) for each in (first, second)]

    assert builds.read_text() == "built\n"
    assert [first.returncode, second.returncode] == [0, 0], answers
    assert answers[0][0] == answers[1][0]
    assert Path(answers[0][0].strip()).parent == tmp_path / "cache" / "controlplane"
