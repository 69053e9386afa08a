"""Parsers of what others wrote: with the committed inputs, with inputs made from these, and a short search."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.all_targets import TARGETS
from tests.fuzz.target import CORPUS, Target

ROOT = Path(__file__).parents[2]
SHORT = ("-runs=2000", "-seed=1")
ALL = [pytest.param(target, id=target.name) for target in TARGETS]
SEEDS = [
    pytest.param(target, data, id=f"{target.name}-{name}")
    for target in TARGETS
    for name, data in target.seeds().items()
]


@pytest.mark.parametrize(("target", "data"), SEEDS)
def test_every_committed_input_is_taken_or_refused(target: Target, data: bytes) -> None:
    target.run(data)


def test_every_target_has_a_corpus_and_every_corpus_a_target() -> None:
    assert {target.name for target in TARGETS} == {path.name for path in CORPUS.iterdir()}
    assert all(target.seeds() for target in TARGETS)


@pytest.mark.parametrize("target", ALL)
@given(draw=st.data())
def test_inputs_like_the_committed_ones_are_taken_or_refused(
    target: Target, draw: st.DataObject
) -> None:
    target.run(draw.draw(mutants(target)))


@st.composite
def mutants(draw: st.DrawFn, target: Target) -> bytes:
    """Return pieces of committed inputs, with some bytes between them."""
    seeds = st.sampled_from(sorted(target.seeds().values()))
    made = b""
    for _ in range(draw(st.integers(1, 3))):
        seed = draw(seeds)
        start = draw(st.integers(0, len(seed)))
        made += seed[start : draw(st.integers(start, len(seed)))] + draw(st.binary(max_size=4))
    return made[: target.max_bytes]


@pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason="atheris is not installed here"
)
@pytest.mark.parametrize("target", ALL)
def test_a_short_search_breaks_nothing(target: Target, tmp_path: Path) -> None:
    artifacts = f"-artifact_prefix={tmp_path}/"
    command = [sys.executable, "-m", "tests.fuzz", target.name, *SHORT, artifacts]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
