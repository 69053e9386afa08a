"""The first few of many."""

from __future__ import annotations

from typing import Literal

import pytest

from ebbflow.domain.first_few import first_few


@pytest.mark.parametrize(
    ("said", "total", "joint", "words"),
    [
        pytest.param([], 0, "; ", "", id="none"),
        pytest.param(["a", "b"], 2, "; ", "a; b", id="all-of-them"),
        pytest.param(["a", "b"], 5, "; ", "a; b; and 3 more", id="sentences"),
        pytest.param(["a", "b"], 5, ", ", "a, b and 3 more", id="names"),
    ],
)
def test_what_is_left_out_is_counted(
    said: list[str], total: int, joint: Literal["; ", ", "], words: str
) -> None:
    assert first_few(said, total, joint) == words
