"""A suite ran as a whole only if every file was collected and no test was left out."""

from __future__ import annotations

import pytest

from tests.support.whole_suite import runs_whole_suite


@pytest.fixture
def suite(tmp_path):
    for name in ("test_a.py", "test_b.py", "conftest.py"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("collected", "deselected", "arguments", "whole"),
    [
        pytest.param(["a", "b"], [], ["tests"], True, id="all-files"),
        pytest.param(["a"], [], ["tests/env/test_a.py"], False, id="one-file"),
        pytest.param(["a", "b"], ["a"], ["tests"], False, id="some-deselected"),
        pytest.param(["a", "b"], [], ["tests/env/test_a.py::test_x"], False, id="single-test"),
        pytest.param([], [], ["tests/unit"], False, id="another-suite"),
    ],
)
def test_the_choice_of_tests_decides(suite, collected, deselected, arguments, whole):
    files = [suite / f"test_{name}.py" for name in collected]
    left_out = [suite / f"test_{name}.py" for name in deselected]
    assert runs_whole_suite(suite, files, left_out, arguments) is whole


def test_tests_elsewhere_that_were_left_out_do_not_matter(suite, tmp_path):
    files = [suite / "test_a.py", suite / "test_b.py"]
    assert runs_whole_suite(suite, files, [tmp_path / "unit" / "test_c.py"], [])
