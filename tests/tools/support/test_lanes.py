"""Cases are shared out to batches so that all of a batch can be held at once."""

from __future__ import annotations

import pytest

from tests.support.cuts import ApiWrite, CutPoint, GitRequest
from tests.support.edits import EDIT, MEANWHILES
from tests.support.lanes import HELD_AT_API, HELD_AT_GIT, Case, batches


def cases(writes: int, pushes: int) -> list[Case]:
    points = [
        CutPoint(ApiWrite("patch", "templates/status", n), after=False) for n in range(writes)
    ]
    points += [CutPoint(GitRequest("receive-pack", n), after=True) for n in range(pushes)]
    return [Case(EDIT, meanwhile, point) for meanwhile in MEANWHILES for point in points]


@pytest.mark.parametrize(("writes", "pushes"), [(0, 0), (1, 0), (0, 1), (6, 4), (40, 1), (3, 9)])
def test_every_case_is_in_one_batch_and_no_batch_is_too_large(writes: int, pushes: int) -> None:
    given = cases(writes, pushes)
    made = batches(given)
    flat = [case for batch in made for case in batch]
    assert sorted(map(id, flat)) == sorted(map(id, given))
    for batch in made:
        assert sum(case.point.at_git for case in batch) <= HELD_AT_GIT
        assert sum(not case.point.at_git for case in batch) <= HELD_AT_API
