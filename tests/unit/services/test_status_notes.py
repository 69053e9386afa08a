"""Notes that nobody waits for."""

from __future__ import annotations

import pytest

from ebbflow.domain.ports import ClusterError, InvalidObject, StaleWrite
from ebbflow.services.status_notes import TRIES, note_down

STALE = StaleWrite("somebody was faster", code=409)
DENIED = ClusterError("patch is forbidden", code=403)


@pytest.mark.parametrize(
    ("answers", "tries", "said"),
    [
        pytest.param([None], 1, "", id="at-once"),
        pytest.param([STALE, STALE, None], 3, "", id="after-others"),
        pytest.param([STALE] * 9, TRIES, "lost: somebody was faster", id="others-are-always-first"),
        pytest.param([DENIED], 1, "lost: patch is forbidden", id="denied"),
        pytest.param([InvalidObject("spec: bad")], 1, "lost: spec: bad", id="invalid"),
    ],
)
async def test_a_note_is_tried_while_that_can_help_and_its_loss_is_said(
    answers: list[Exception | None], tries: int, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    left = list(answers)

    async def write() -> None:
        answer = left.pop(0)
        if answer is not None:
            raise answer

    await note_down(write, "lost")
    assert len(answers) - len(left) == tries
    assert "".join(caplog.messages) == said
