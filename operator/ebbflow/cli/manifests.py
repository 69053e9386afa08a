"""The manifests that ebbflow installs: the files of deploy/, also inside the installed package."""

from __future__ import annotations

from pathlib import Path

import ebbflow

CRDS = "crds.yaml"
RBAC = "rbac.yaml"
ALL = "ebbflow.yaml"


def directory() -> Path:
    """Return where the manifests lie: in the package, or in the checkout that it runs from.

    Raises FileNotFoundError if the installation is incomplete.
    """
    package = Path(ebbflow.__file__).parent
    for place in (package / "deploy", package.parents[1] / "deploy"):
        if (place / ALL).is_file():
            return place
    raise FileNotFoundError(f"the manifests are missing beside {package}; install ebbflow again")


def read(name: str) -> str:
    """Return the text of one manifest file (CRDS, RBAC or ALL)."""
    return (directory() / name).read_text()
