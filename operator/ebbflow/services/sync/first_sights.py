"""New Templates as the watch has just shown them, so that their first pass need not read them."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from ebbflow.api.base import Key
from ebbflow.api.template import Template

MOST: Final = 4096
"""That are kept at once, a few KiB each; those that come beyond are read by their pass."""


class FirstSights:
    """What the watch showed of Templates that no pass has said anything about yet.

    All that a first pass writes is swapped in on the version that it saw, so an old sight is found
    out at the first write, and the pass that follows reads. Each is handed out once.
    """

    def __init__(self) -> None:
        self._seen: OrderedDict[Key, Template] = OrderedDict()

    def see(self, template: Template) -> None:
        """Take note of a Template as it is now."""
        self.forget(template.key)
        if is_new(template) and len(self._seen) < MOST:
            self._seen[template.key] = template

    def forget(self, key: Key) -> None:
        """Take note that what was seen does not hold any more."""
        self._seen.pop(key, None)

    def take(self, key: Key) -> Template | None:
        """Return what was seen last; None if the Template has to be read."""
        return self._seen.pop(key, None)


def is_new(template: Template) -> bool:
    """Tell whether a Template is to be filled from Git and nothing was said of it yet.

    One that holds a document may have to be written to Git, which is no compare-and-swap on it.
    """
    status, spec = template.status, template.spec
    unsaid = status.sync is None and status.updated is None and status.active is None
    return unsaid and spec.git is not None and spec.document is None
