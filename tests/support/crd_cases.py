"""What the API takes and what it refuses: one table for the models and for the API server.

tests/unit/api/test_models.py holds it against the models, tests/env/test_crd_cases.py against a
real API server with crds/ applied.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.support import crd_cases_gitaccount as gitaccount
from tests.support import crd_cases_gittrigger as gittrigger
from tests.support import crd_cases_run as run
from tests.support import crd_cases_template as template
from tests.support.crd_case import Case


def _names() -> Iterator[Case]:
    for kind, spec in (
        ("Template", {}),
        ("GitAccount", gitaccount.account()),
        ("Run", run.run()),
        ("GitTrigger", gittrigger.trigger()),
    ):
        yield Case(f"{kind}: a name of 52 characters", kind, spec, name="a" * 52)
        yield Case(
            f"{kind}: a name of 53 characters",
            kind,
            spec,
            "<root>",
            "metadata.name may have at most 52 characters",
            name="a" * 53,
        )


def all_cases() -> Iterator[Case]:
    yield from _names()
    for kind, table in (
        ("Template", template),
        ("GitAccount", gitaccount),
        ("Run", run),
        ("GitTrigger", gittrigger),
    ):
        yield from (Case(f"{kind}: {what}", kind, spec) for what, spec in table.accepted())
        for what, spec, where, says in table.refused():
            yield Case(f"{kind}: {what}", kind, spec, where, says)
        for what, spec, where, says in table.refused_by_schema():
            yield Case(f"{kind}: {what}", kind, spec, where, says, ours=False)


CASES: tuple[Case, ...] = tuple(all_cases())
