"""Whether a Run that was just made may begin without a look at all the others."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ebbflow.domain.runs.queue import MAX_ACTIVE, Parent, QueueState, RunFact
from ebbflow.domain.runs.round import beside_others

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
SHOP = Parent("shop")
RUN = RunFact("new", "uid", NOW, owner_uid="shop", for_trigger=True)


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(QueueState(), id="nobody"),
        pytest.param(QueueState(active=("a", "b"), recent=("c",), fence=3), id="others"),
    ],
)
def test_under_allow_it_runs_beside_the_others(before: QueueState) -> None:
    assert beside_others(before, SHOP, RUN) == replace(before, active=(*before.active, "new"))


@pytest.mark.parametrize(
    ("state", "parent", "run"),
    [
        pytest.param(QueueState(), Parent("shop", "Queue"), RUN, id="in turn"),
        pytest.param(QueueState(), Parent("shop", "Forbid"), RUN, id="alone"),
        pytest.param(QueueState(), Parent("shop", "Latest"), RUN, id="the newest"),
        pytest.param(QueueState(), Parent("shop", "Replace"), RUN, id="the newest, at once"),
        pytest.param(QueueState(), Parent("shop", hold="r"), RUN, id="held back"),
        pytest.param(QueueState(), Parent("another"), RUN, id="of another parent"),
        pytest.param(QueueState(), SHOP, replace(RUN, owner_uid=None), id="tied to none"),
        pytest.param(QueueState(queue=("a",)), SHOP, RUN, id="others wait since another policy"),
        pytest.param(QueueState(active=("new",)), SHOP, RUN, id="recorded already"),
        pytest.param(QueueState(queue=("new",)), SHOP, RUN, id="waiting already"),
        pytest.param(QueueState(recent=("new",)), SHOP, RUN, id="done with"),
        pytest.param(
            QueueState(active=tuple(str(n) for n in range(MAX_ACTIVE))), SHOP, RUN, id="no room"
        ),
    ],
)
def test_everything_else_takes_a_look_at_all_runs(
    state: QueueState, parent: Parent, run: RunFact
) -> None:
    assert beside_others(state, parent, run) is None
