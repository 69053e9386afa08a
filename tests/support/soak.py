"""Whether the tests run at length (`make soak`) or as in every `make test`."""

from __future__ import annotations

import os

SOAK = os.environ.get("EBBFLOW_SOAK") == "1"
