"""The definitions of the Gateway API as its authors publish them: files of a Go module."""

from __future__ import annotations

from pathlib import Path

from ebbflow.devcluster.build import Recipe
from ebbflow.devcluster.programs import Program
from tests.support.module_files import module_files

STANDARD = "config/crd/standard"
GATEWAY_API = Program(
    "gateway-api", "", "sigs.k8s.io/gateway-api", (), "Gateway API {version}", "seconds"
)


def definition_file(plural: str) -> Path:
    """Return the file with the definition of a kind, fetched first if need be."""
    recipe = Recipe.read(GATEWAY_API, Path(__file__).with_name("module"))
    files = module_files(recipe, (STANDARD,))
    return files / STANDARD / f"gateway.networking.k8s.io_{plural}.yaml"
