"""Two hundred accounts and Templates for one repository: what its server is asked."""

from __future__ import annotations

import time
from collections.abc import Iterator

from bench.figures import Figure
from bench.many import POLL, idle
from bench.operator_process import Launch
from bench.stage import REPOSITORY, document, stage


def measure(count: int, minutes: int, launch: Launch) -> Iterator[Figure]:
    """Measure with `count` GitAccounts, each with a Template of its own, on one URL and branch."""
    with stage(POLL, launch=launch) as running:
        names = [f"s{n:04}" for n in range(count)]
        paths = {name: f"apps/{name}/template.yaml" for name in names}
        running.git.create_repository(REPOSITORY, dict.fromkeys(paths.values(), document("v0")))
        with running.usage() as used:
            began = time.monotonic()
            for name in names:
                running.account(name)
            running.create([running.template(name, path, name) for name, path in paths.items()])
            ready = running.seen.wait_all(count) - began
            spent = used()
        yield Figure(f"{count} GitAccounts and Templates of one URL → all Ready", "s", (ready,))
        yield Figure("… HTTP requests to the Git server", "requests", (spent.git,))
        yield from idle(running, f"{count} accounts of one URL", minutes)
