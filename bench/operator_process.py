"""The operator that is measured: as it ships, or under the sampler of `--profile`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from typing_extensions import override

from tests.support.operator_process import OperatorProcess

Launch = Callable[..., OperatorProcess]

OPERATOR: Launch = OperatorProcess

ROOT = Path(__file__).resolve().parents[1]


def profiled(report: Path) -> Launch:
    """Return what starts the operator under the sampler, which writes `report` when it ends."""

    class Profiled(OperatorProcess):
        @override
        def _command(self) -> list[str]:
            python, _, _, *arguments = super()._command()
            return [python, "-m", "bench.sampler", str(report), *arguments]

    def launch(*arguments: object, **keywords: object) -> OperatorProcess:
        paths = ":".join(path for path in (str(ROOT), str(ROOT / "operator"), *sys.path) if path)
        return Profiled(*arguments, environment={"PYTHONPATH": paths}, **keywords)  # type: ignore[arg-type]  # passed on

    return launch
