"""Write-back: the text of a file after an edit in the cluster, and the text of a new file."""

from __future__ import annotations

from ebbflow.domain.writeback.create import create
from ebbflow.domain.writeback.editor import edit
from ebbflow.domain.writeback.refusal import CannotEdit

__all__ = ["CannotEdit", "create", "edit"]
