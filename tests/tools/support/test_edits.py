"""The write-backs of the kill tests: nobody's change hides another's."""

from __future__ import annotations

from itertools import product

import pytest

from ebbflow.domain.document import parse
from tests.support.edits import DOCUMENT, FILE, FIVE, MEANWHILES, SCENARIOS, Meanwhile, Scenario
from tests.support.synced import PATH

PAIRS = [
    (scenario, meanwhile)
    for scenario, meanwhile in product(SCENARIOS, MEANWHILES)
    if scenario.goes_with(meanwhile)
]


@pytest.mark.parametrize(
    ("scenario", "meanwhile"), PAIRS, ids=[f"{a.name}-{b.name}" for a, b in PAIRS]
)
def test_what_others_do_changes_the_file_of_every_write_back_it_goes_with(
    scenario: Scenario, meanwhile: Meanwhile
) -> None:
    after = meanwhile.of(scenario.file)
    parse(after, PATH)
    assert (after == scenario.file) == (not meanwhile.changes)


def test_the_object_that_is_created_holds_what_its_file_shall_hold() -> None:
    assert parse(FIVE.of(FILE), PATH).value == DOCUMENT
