"""Where the binaries of the control plane are found, and that a set is never mixed."""

from __future__ import annotations

from pathlib import Path

import pytest

from ebbflow.devcluster.binaries import Source, discover
from ebbflow.devcluster.options import Node
from ebbflow.devcluster.programs import NEEDED, needs

WITHOUT_MANAGER = tuple(name for name in NEEDED if name != "kube-controller-manager")


def place(directory: Path, names: tuple[str, ...]) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    for name in names:
        (directory / name).write_text("#!/bin/sh\n")
        (directory / name).chmod(0o755)
    return directory


@pytest.mark.parametrize(
    ("assets", "path", "cache", "expected"),
    [
        pytest.param(NEEDED, NEEDED, NEEDED, Source.ASSETS, id="assets-win"),
        pytest.param((), NEEDED, NEEDED, Source.PATH, id="path-before-cache"),
        pytest.param((), (), NEEDED, Source.CACHE, id="cache-last"),
        pytest.param((), (), (), None, id="nothing-anywhere"),
        pytest.param(WITHOUT_MANAGER, NEEDED, (), Source.PATH, id="assets-of-envtest-are-not-all"),
        pytest.param((), ("kubectl",), NEEDED, Source.CACHE, id="kubectl-alone-on-path"),
        pytest.param(WITHOUT_MANAGER, ("kube-controller-manager",), (), None, id="no-mixed-set"),
    ],
)
def test_the_first_complete_set_is_taken(
    tmp_path: Path,
    assets: tuple[str, ...],
    path: tuple[str, ...],
    cache: tuple[str, ...],
    expected: Source | None,
) -> None:
    environment = {
        "KUBEBUILDER_ASSETS": str(place(tmp_path / "assets", assets)),
        "PATH": str(place(tmp_path / "path", path)),
    }
    cached = place(tmp_path / "cache", cache)

    found = discover(environment, cached, NEEDED, lambda _: None)

    assert (found and found.source) == expected


def test_every_binary_of_a_set_comes_from_the_same_place(tmp_path: Path) -> None:
    assets = place(tmp_path / "assets", NEEDED)

    found = discover({"KUBEBUILDER_ASSETS": str(assets)}, tmp_path / "none", NEEDED, lambda _: None)

    assert found is not None
    assert {name: found.path(name) for name in NEEDED} == {name: assets / name for name in NEEDED}


def test_binaries_on_path_may_lie_in_several_directories(tmp_path: Path) -> None:
    first = place(tmp_path / "first", NEEDED[:2])
    second = place(tmp_path / "second", NEEDED[2:])

    found = discover({"PATH": f"{first}:{second}"}, tmp_path / "none", NEEDED, lambda _: None)

    assert found is not None
    assert found.source is Source.PATH


def test_a_file_that_may_not_be_executed_is_no_binary(tmp_path: Path) -> None:
    directory = place(tmp_path / "path", NEEDED)
    (directory / "etcd").chmod(0o644)

    assert discover({"PATH": str(directory)}, tmp_path / "none", NEEDED, lambda _: None) is None


def test_what_the_assets_lack_is_said(tmp_path: Path) -> None:
    assets = place(tmp_path / "assets", WITHOUT_MANAGER)
    said: list[str] = []

    discover({"KUBEBUILDER_ASSETS": str(assets)}, tmp_path / "none", NEEDED, said.append)

    assert said == [f"KUBEBUILDER_ASSETS={assets} has no kube-controller-manager; looking further"]


def test_only_a_real_node_needs_a_kubelet() -> None:
    needed = {node: {name for _, names in needs(node) for name in names} for node in Node}

    assert needed[Node.NONE] == set(NEEDED)
    assert needed[Node.KWOK] == {*NEEDED, "kwok"}
    assert needed[Node.REAL] == {*NEEDED, "kubelet", "kube-proxy", "coredns"}
