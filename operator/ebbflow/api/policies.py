"""The admission policies, in one visible list. What is installed comes from here."""

from __future__ import annotations

from typing import Final

from ebbflow.api.admission_policy import Policy
from ebbflow.api.run_policy import RUN_POLICY
from ebbflow.api.trigger_policy import TRIGGER_POLICY

POLICIES: Final[tuple[Policy, ...]] = (RUN_POLICY, TRIGGER_POLICY)
