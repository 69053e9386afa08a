"""An edit that cannot be made without disturbing what was not edited."""

from __future__ import annotations

from ebbflow.domain.document.invalid import shortened
from ebbflow.domain.document.path import Step, path_of


class CannotEdit(ValueError):
    """The file cannot be changed in place; the text has the field path and the reason in words."""

    def __init__(self, reason: str, steps: tuple[Step, ...] = ()) -> None:
        self.path = path_of(steps)
        self.reason = reason
        where = shortened(self.path, 200) or "the document"
        super().__init__(f"{where} cannot be edited in the file: {reason}")
