"""What needs no cluster answers at once: it does not load what talks to one."""

from __future__ import annotations

import subprocess
import sys

import pytest

SLOW = ("kopf", "kubernetes", "dulwich", "aiohttp", "cryptography", "prometheus_client")
LOADED_BY = """
import sys
from ebbflow.cli.commands import ebbflow
try:
    ebbflow(sys.argv[1:])
except SystemExit as end:
    code = end.code
print(code, *(name for name in sys.modules if "." not in name))
"""


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--help"], id="help"),
        pytest.param(["version"], id="version"),
        pytest.param(["operator", "--help"], id="help of the operator"),
        pytest.param(["operator", "--workers=0"], id="a wrong flag"),
        pytest.param(["up", "--help"], id="help of up"),
        pytest.param(["install", "--export"], id="export"),
        pytest.param(["run", "--help"], id="help of run"),
        pytest.param(["plan", "--help"], id="help of plan"),
        pytest.param(["completion", "bash"], id="completion"),
    ],
)
def test_what_needs_no_cluster_is_quick_for_it_loads_no_client(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED_BY, *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    loaded = done.stdout.splitlines()[-1].split()
    assert loaded[0] == ("2" if "--workers=0" in arguments else "0")
    slow = (
        SLOW
        if arguments[0] in ("operator", "install", "up", "run", "plan")
        else (*SLOW, "pydantic")
    )
    assert [name for name in slow if name in loaded] == []
