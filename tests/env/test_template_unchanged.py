"""An unchanged world costs one ls-remote a poll, and nothing of the API server."""

from __future__ import annotations

import time

from tests.env.conftest import Shared
from tests.support.audit import AuditLog
from tests.support.installation import OPERATOR_USER
from tests.support.synced import SHOP, attach, wait_questions

TEMPLATES = 30
POLLS = 5
SHORTEST_INTERVAL = 0.9  # seconds: --poll-interval is 1s in the tests, with a jitter of a tenth


def test_thirty_templates_cost_one_question_a_poll(shared: Shared, audit: AuditLog) -> None:
    names = [f"file-{number:02}" for number in range(TEMPLATES)]
    shared.git.create_repository("infra", {f"{name}.yaml": SHOP for name in names})
    made = [attach(shared, name, "infra", path=f"{name}.yaml", ready=False) for name in names]
    for each in made:
        each.wait()
    wait_questions(shared.git, 1)
    shared.git.reset_counts()
    mark = audit.mark()
    began = time.monotonic()

    wait_questions(shared.git, POLLS)

    took = time.monotonic() - began
    asked = audit.since(mark).where(user=OPERATOR_USER).without_leases()
    assert asked.text() == ""
    counts = shared.git.reset_counts()
    # An ls-remote is one HTTP request: what the server can do was learnt at the first sync.
    assert counts.by_service() == {"upload-pack": counts.total()}
    # So many questions take so many intervals: there is no second one in any of them.
    assert took >= (POLLS - 1) * SHORTEST_INTERVAL
