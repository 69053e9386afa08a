"""For all suites."""

from __future__ import annotations

import gc
import os

from hypothesis import settings

pytest_plugins = ["pytester"]

# Few examples keep a run by hand quick. `make unit` runs the property tests in a step of their own,
# with many, and `make soak` with very many.
settings.register_profile(
    "ebbflow", max_examples=int(os.environ.get("EBBFLOW_EXAMPLES", "30")), deadline=None
)
settings.load_profile("ebbflow")

# Modules and collected tests live to the end: looking through them for garbage again and again was
# a sixth of the time of the unit tests.
gc.disable()


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()
    gc.enable()
