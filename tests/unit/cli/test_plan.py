"""How a plan is told: what is created, changed field by field, deleted, and what is blocked."""

from __future__ import annotations

import pytest

from ebbflow.api.run import Run
from ebbflow.api.template import FieldConflict
from ebbflow.cli.planning import run_lines, sync_lines
from ebbflow.cli.problem import Problem
from ebbflow.cli.run_plan import stored_plan
from ebbflow.cli.sync_plan import SyncPlan
from ebbflow.domain.plan import FieldChange
from ebbflow.domain.runs.planned import NOT_KNOWN
from tests.support.cli_runs import raw_run

PLAN = [
    {"node": "0", "object": "v1 ConfigMap team/a", "action": "create"},
    {
        "node": "1",
        "object": "apps/v1 Deployment team/b",
        "action": "update",
        "fields": [
            {"path": "spec.replicas", "from": "3", "to": "5"},
            {"path": "data.x", "from": "a" * 50, "to": "b" * 50},
            {"path": "data.new", "to": "1"},
        ],
    },
    {"node": "2", "object": "v1 Secret team/c", "action": "delete"},
    {"node": "3", "object": "v1 Secret team/d", "action": "none"},
]


def dry(phase: str = "Succeeded", plan: object = PLAN, **spec: object) -> Run:
    raw = raw_run(phase=phase, **{"dryRun": True, **spec})
    raw["status"] |= {"plan": plan, "message": "because", "planLeftOut": 2}
    return Run.parse(raw)


@pytest.fixture(autouse=True)
def _no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")


def test_a_run_s_plan_is_told_in_the_order_of_its_nodes() -> None:
    assert list(run_lines(stored_plan(dry()))) == [
        "A run    1 to create, 1 to change, 1 to delete, 1 as they should be",
        "  + v1 ConfigMap team/a",
        "  ~ apps/v1 Deployment team/b",
        "      spec.replicas   3 → 5",
        "      data.x",
        f"        - {'a' * 50}",
        f"        + {'b' * 50}",
        "      data.new   (absent) → 1",
        "  - v1 Secret team/c",
        "  and 2 more objects",
    ]


def test_what_is_known_after_the_run_is_told_of_new_objects_and_of_nodes() -> None:
    raw = raw_run(phase="Succeeded", dryRun=True)
    fields = [{"path": "data.ip", "to": NOT_KNOWN}, {"path": "data.v", "to": "1"}]
    raw["status"]["plan"] = [PLAN[0] | {"fields": fields}]
    words = f"whether it runs is {NOT_KNOWN}: no such key"
    node = {"path": "0", "kind": "Manifest", "phase": "Succeeded", "message": words}
    raw["status"]["nodes"] = [node]
    assert list(run_lines(stored_plan(Run.parse(raw))))[1:] == [
        "  + v1 ConfigMap team/a",
        f"      data.ip   {NOT_KNOWN}",
        f"  ? node 0: {words}",
    ]


def test_a_plan_in_which_all_is_as_it_should_be_differs_in_nothing() -> None:
    raw = raw_run(phase="Succeeded", dryRun=True)
    raw["status"]["plan"] = PLAN[3:]
    assert not stored_plan(Run.parse(raw)).differs
    assert stored_plan(dry()).differs


@pytest.mark.parametrize(
    ("run", "words"),
    [
        pytest.param(dry(dryRun=False), "is no dry run", id="a real run"),
        pytest.param(dry("Running"), "has not ended: it is Running", id="under way"),
        pytest.param(dry("Failed"), "is Failed\n  because", id="failed"),
    ],
)
def test_a_run_without_a_plan_is_a_problem(run: Run, words: str) -> None:
    with pytest.raises(Problem) as raised:
        stored_plan(run)
    assert words in str(raised.value)


RED, BLUE = FieldChange("arguments.A", "red", "blue"), FieldChange("arguments.B", None, "1")


@pytest.mark.parametrize(
    ("plan", "lines"),
    [
        pytest.param(SyncPlan("r main f", "a" * 40), ["         in step"], id="in step"),
        pytest.param(
            SyncPlan("r main f", "a" * 40, to_cluster=(RED,), to_git=(RED, BLUE), more=3),
            [
                "Git → cluster: 1 field of spec.document would change",
                "    arguments.A   red → blue",
                "Cluster → Git: 2 fields; would be committed",
                "    arguments.A   red → blue",
                "    arguments.B   (absent) → 1",
                "  and 3 more fields",
            ],
            id="both ways",
        ),
        pytest.param(
            SyncPlan("r main f", "a" * 40, to_git=(BLUE,), creates_file=True),
            [
                "Cluster → Git: 1 field; the file would be created",
                "    arguments.B   (absent) → 1",
            ],
            id="new file",
        ),
        pytest.param(
            SyncPlan(
                "r main f",
                "a" * 40,
                blocked="both changed",
                conflicts=(FieldConflict(path="x", base="0", cluster="1", git="2"),),
            ),
            ["Blocked  both changed", "    x", "      cluster  1", "      git      2"],
            id="conflict",
        ),
    ],
)
def test_a_sync_is_told_for_each_direction(plan: SyncPlan, lines: list[str]) -> None:
    head, *rest = sync_lines(plan)
    assert head == "Git      r main f at aaaaaaa"
    assert rest == lines
    assert plan.differs == (lines != ["         in step"])
