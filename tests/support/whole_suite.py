"""Whether a pytest session runs all tests of a directory, so that what none of them did can count."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path


def runs_whole_suite(
    directory: Path, collected: Iterable[Path], deselected: Iterable[Path], arguments: Sequence[str]
) -> bool:
    """Tell whether every test file of the directory was collected and no test of it left out.

    `collected` and `deselected` are the files of the tests; an argument such as
    `test_loop.py::test_one` is a choice of single tests.
    """
    there = {file.resolve() for file in directory.rglob("test_*.py")}
    here = {file.resolve() for file in collected}
    left_out = {file.resolve() for file in deselected}
    single = any("::" in argument for argument in arguments)
    return bool(there) and there <= here and not there & left_out and not single
