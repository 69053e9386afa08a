"""Write-back, pair by pair: a file, an edit of its document, and the file afterwards."""

from __future__ import annotations

import json
from pathlib import Path

import jsonpatch
import pytest

from ebbflow.domain.document import read, same
from ebbflow.domain.writeback import edit

CASES = sorted(path for path in (Path(__file__).parent / "writeback").iterdir() if path.is_dir())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_edit_changes_the_file_as_expected(case: Path) -> None:
    (given,) = case.glob("input.*")
    expected = given.with_name(given.name.replace("input", "expected")).read_bytes()
    before = read(given.read_bytes(), given.name).value
    wanted = jsonpatch.apply_patch(before, json.loads((case / "edit.json").read_text()))
    assert edit(given.read_bytes(), given.name, wanted) == expected
    assert same(read(expected, given.name).value, wanted)


def test_there_are_pairs() -> None:
    assert len(CASES) >= 60
