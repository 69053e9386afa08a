"""The tree of a Run: what has not begun is there too, and large trees show what matters."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ebbflow.cli.run_tree import Row, lines_of, spell, tree_of
from ebbflow.cli.run_view import Journal, console, view
from tests.support.cli_runs import node, run_of

NOW = datetime(2026, 11, 21, 10, 1, 5, tzinfo=UTC)


def task(ref: str) -> dict[str, Any]:
    return {"kind": "Delay", "ref": ref, "spec": {"duration": "1s"}}


def flow(kind: str = "Workflow", *steps: Any, **spec: Any) -> dict[str, Any]:
    return {"kind": kind, "spec": {"type": "sequential", "steps": list(steps), **spec}}


def content(*steps: Any, **more: Any) -> dict[str, Any]:
    return {"document": {"apiVersion": "ebbflow.dev/v1", "spec": flow("Workflow", *steps), **more}}


NESTED = content(task("a"), flow("Workflow", task("b"), task("c")), task("d"))


def drawn(rows: tuple[Row, ...], *, plain: bool = False, room: int | None = None) -> list[str]:
    return [
        f"{row.branches}{row.path} {row.phase}" for row in lines_of(rows, plain=plain, room=room)
    ]


def test_nodes_that_have_not_begun_are_pending() -> None:
    run = run_of(node("0"), node("1", "Running", "Workflow"), node("1.0", "Failed"))
    assert drawn(tree_of(run, NESTED)) == [
        "├─ 0 Succeeded",
        "├─ 1 Running",
        "│  ├─ 1.0 Failed",
        "│  └─ 1.1 Pending",
        "└─ 2 Pending",
    ]


def test_plain_trees_are_ascii() -> None:
    shown = drawn(tree_of(run_of(node("0")), NESTED), plain=True)
    assert all(line.isascii() for line in shown)
    assert shown[2] == "|  |- 1.0 Pending"


def test_without_the_document_the_nodes_that_began_are_listed_in_order() -> None:
    run = run_of(node("0.10"), node("0.2"), node("0", "Running", "Workflow"))
    assert [row.path for row in tree_of(run, None)] == ["0", "0.2", "0.10"]


def test_a_loop_shows_the_iterations_that_are_under_way() -> None:
    loop = content(flow("LoopWorkflow", task("x"), iterations=[1, 2, 3]))
    counts = {"total": 3, "done": 1}
    run = run_of(
        node("0", "Running", "LoopWorkflow", iterations=counts), node("0[1].0", "Running", "Delay")
    )
    rows = tree_of(run, loop)
    assert drawn(rows) == ["└─ 0 Running", "   └─ 0[1] Pending", "      └─ 0[1].0 Running"]
    assert rows[0].info() == "1 of 3 done"


def test_a_teardown_is_shown_once_it_has_begun() -> None:
    both = content(task("a"), teardownSpec={"spec": flow("Workflow", task("t"))})
    assert drawn(tree_of(run_of(node("0")), both)) == ["└─ 0 Succeeded"]
    run = run_of(node("0"), node("teardown.0", "Running"))
    assert drawn(tree_of(run, both))[-1] == "   └─ teardown.0 Running"


def test_where_there_is_no_room_only_what_happens_and_what_went_wrong_is_shown() -> None:
    run = run_of(node("0"), node("1", "Running", "Workflow"), node("1.0", "Failed"))
    assert drawn(tree_of(run, NESTED), room=3) == ["└─ 1 Running", "   └─ 1.0 Failed"]
    assert len(drawn(tree_of(run, NESTED), room=5)) == 5


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0.0s"), (0.44, "0.4s"), (12.9, "12s"), (125, "2m05s"), (3720, "1h02m")],
    ids=str,
)
def test_durations_are_short(seconds: float, text: str) -> None:
    assert spell(seconds) == text


def shown(run: Any, doc: Any = None, **how: Any) -> str:
    screen = console()
    screen.width = 120
    with screen.capture() as captured:
        screen.print(view(run, doc, NOW, plain=True, **how))
    return captured.get()


def test_the_picture_says_what_runs_and_what_to_do_next() -> None:
    waiting = node("0", "Waiting", "Approval", message="waits for 1 more approval")
    text = shown(run_of(waiting, reason="1.8.2 hotfix"))
    assert '"1.8.2 hotfix"' in text
    assert "Template shop" in text
    assert "waits for 1 more approval" in text
    assert "ebbflow approve shop-1 -n team" in text


def test_what_comes_from_the_cluster_cannot_steer_the_terminal() -> None:
    text = shown(run_of(node("0", "Failed", message="bad\x1b[2Jnews\n[bold]x[/bold]")))
    assert "\x1b" not in text
    assert "bad [2Jnews [bold]x[/bold]" in text


def test_hidden_nodes_are_counted() -> None:
    document = content(*(task(f"t{index}") for index in range(40)))
    run = run_of(*(node(str(index)) for index in range(20)), node("20", "Running"))
    assert "40 more nodes" not in shown(run, document)
    assert "39 more nodes are pending or ended well" in shown(run, document, room=20)


def test_the_journal_has_a_line_for_each_change_and_none_for_the_rest() -> None:
    journal = Journal()
    first = journal.news(run_of(node("0", "Running", ref="a")), NOW, plain=True)
    assert first == ["10:01:05  0  a  Manifest  > Running", "10:01:05  shop-1  > Running"]
    assert journal.news(run_of(node("0", "Running", ref="a")), NOW, plain=True) == []
    ended = journal.news(
        run_of(node("0", "Failed", message="no\nway"), phase="Failed"), NOW, plain=True
    )
    assert ended == [
        "10:01:05  0  Manifest  x Failed  2.5s  no way",
        "10:01:05  shop-1  x Failed",
    ]
