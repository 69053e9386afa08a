"""For all suites."""

from __future__ import annotations

import os

from hypothesis import settings

pytest_plugins = ["pytester"]

# Few examples keep the unit suite quick; `make test` runs the property tests again with more, and
# `make soak` with very many.
settings.register_profile(
    "ebbflow", max_examples=int(os.environ.get("EBBFLOW_EXAMPLES", "30")), deadline=None
)
settings.load_profile("ebbflow")
