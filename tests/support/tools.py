"""Programs that tests need: without them a test is skipped, but on CI it fails."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

NOT_CI = frozenset({"", "0", "false"})


def on_ci() -> bool:
    """Tell whether this is a run that must prove something (CI=true)."""
    return os.environ.get("CI", "").lower() not in NOT_CI


def need(program: str, hint: str) -> Path:
    """Find a program on PATH; without it the test is skipped, and on CI it fails.

    `hint` tells people how to get it.
    """
    found = shutil.which(program)
    if found is None:
        missing = f"{program} is not on PATH: {hint}"
        if on_ci():
            pytest.fail(missing)
        pytest.skip(missing)
    return Path(found)
