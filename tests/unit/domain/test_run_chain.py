"""Runs that start runs: what is written down of it, and when it has to end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbflow.api.base import Key
from ebbflow.api.run import Run
from ebbflow.domain.runs.chain import (
    CHAIN,
    MAX_DEPTH,
    PARENT_RUN,
    WANTED,
    chain_of,
    child_annotations,
    parent_run,
    wanted_of,
    why_not,
)

STARTER = Key("Run", "shop", "one")


def run(annotations: dict[str, str]) -> Run:
    metadata = {"name": "child", "namespace": "shop", "annotations": annotations}
    source = {"source": {"kind": "Template", "name": "inner"}}
    return Run.parse({"metadata": metadata, "spec": source})


def source(name: str) -> Key:
    return Key("Template", "shop", name)


names = st.text("abc-", min_size=1, max_size=10).map(source)
paths = st.tuples(st.text(min_size=1, max_size=8), st.text(max_size=8))


@given(st.lists(names, min_size=1, max_size=MAX_DEPTH), st.frozensets(paths, max_size=5))
def test_what_a_starter_writes_the_other_run_reads(
    chain: list[Key], wanted: frozenset[tuple[str, ...]]
) -> None:
    child = run(child_annotations(STARTER, chain, wanted))
    assert chain_of(child) == tuple(chain)
    assert wanted_of(child) == wanted
    assert parent_run(child) == STARTER


@pytest.mark.parametrize(
    "annotations",
    [
        pytest.param({}, id="none"),
        pytest.param({CHAIN: "", WANTED: "", PARENT_RUN: ""}, id="empty"),
        pytest.param({CHAIN: "a,/b,c/", WANTED: "{"}, id="broken"),
        pytest.param({WANTED: '{"a": 1}'}, id="another shape"),
        pytest.param({WANTED: '[1, [], [1], ["a", 2]]'}, id="other items"),
    ],
)
def test_what_people_write_there_does_no_harm(annotations: dict[str, str]) -> None:
    child = run(annotations)
    assert (chain_of(child), wanted_of(child), parent_run(child)) == ((), frozenset(), None)


def test_more_wishes_than_fit_are_left_out() -> None:
    wanted = {("ref", str(number) * 100) for number in range(100)}
    assert WANTED not in child_annotations(STARTER, [source("a")], wanted)


@pytest.mark.parametrize(
    ("chain", "target", "words"),
    [
        pytest.param(["a"], "b", None, id="another"),
        pytest.param(["a"], "a", "Template a → Template a", id="itself"),
        pytest.param(["a", "b"], "a", "Template a → Template b → Template a", id="a cycle"),
        pytest.param([str(n) for n in range(7)], "x", None, id="deep"),
        pytest.param([str(n) for n in range(8)], "x", "at most 8 deep", id="too deep"),
    ],
)
def test_cycles_and_depths_are_refused(chain: list[str], target: str, words: str | None) -> None:
    said = why_not([source(name) for name in chain], source(target))
    assert said is None if words is None else words in (said or "")
