"""The ledger of verdicts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ebbflow.api.gittrigger import MAX_DELIVERIES, Delivery
from ebbflow.domain.triggers.ledger import append


def delivery(id_: str, ref: str = "refs/heads/main", reason: str = "RulesMet") -> Delivery:
    return Delivery(
        id=id_, at="2026-11-21T12:00:00.000000Z", source="Poll", ref=ref, verdict="Fired", reason=reason
    )  # fmt: skip


def test_the_newest_stands_first():
    ledger = append(append((), delivery("1")), delivery("2"), delivery("3"))
    assert [one.id for one in ledger] == ["3", "2", "1"]


def test_what_is_said_again_of_the_same_changes_nothing():
    ledger = append((), delivery("1"), delivery("2"))
    assert append(ledger, delivery("1", reason="Draft")) == ledger


def test_one_delivery_has_a_verdict_on_each_ref():
    ledger = append((), delivery("1", "refs/heads/a"), delivery("1", "refs/tags/a"))
    assert [one.ref for one in ledger] == ["refs/tags/a", "refs/heads/a"]


@given(st.lists(st.lists(st.integers(0, 60), max_size=30), max_size=10))
def test_it_keeps_the_newest_few_each_once(batches: list[list[int]]):
    ledger: tuple[Delivery, ...] = ()
    for batch in batches:
        before = ledger
        ledger = append(ledger, *(delivery(str(n)) for n in batch))
        assert len(ledger) <= MAX_DELIVERIES
        assert len({one.id for one in ledger}) == len(ledger)
        new = list(dict.fromkeys(str(n) for n in batch if str(n) not in {o.id for o in before}))
        expected = [*reversed(new), *(one.id for one in before)][:MAX_DELIVERIES]
        assert [one.id for one in ledger] == expected
