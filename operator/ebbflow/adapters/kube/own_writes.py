"""Which versions of objects this process wrote itself."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

REMEMBERED: Final = 16384
"""Writes that are remembered. Their events come within moments, so the oldest may go."""


class OwnWrites:
    """A bounded record of the resourceVersions that our writes made.

    An event whose resourceVersion is our own brings nothing new: no pass is needed for it. A write
    is only noted when nothing but ours changed, because a watcher may join several changes into
    the last event.
    """

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self._writes: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._under_way: Counter[str] = Counter()
        self._held: dict[str, list[Callable[[], None]]] = {}

    def note(self, uid: str, resource_version: str) -> None:
        """Remember that this version of the object is our own work."""
        self._writes[uid, resource_version] = None
        self._writes.move_to_end((uid, resource_version))
        while len(self._writes) > self._remembered:
            self._writes.popitem(last=False)

    @contextmanager
    def writing(self, uid: str) -> Iterator[None]:
        """Hold the events of an object back until the answer to a write of ours is here.

        The event of a write often comes before its answer, which alone tells that it is our own.
        """
        self._under_way[uid] += 1
        try:
            yield
        finally:
            self._under_way[uid] -= 1
            if not self._under_way[uid]:
                del self._under_way[uid]
                for then in self._held.pop(uid, ()):
                    then()

    def hold(self, uid: str, then: Callable[[], None]) -> bool:
        """Call `then` as soon as no write to the object is under way; False if none is."""
        if uid not in self._under_way:
            return False
        self._held.setdefault(uid, []).append(then)
        return True

    def is_own(self, uid: str, resource_version: str) -> bool:
        """Tell whether this version of the object is our own work, as far as it is remembered."""
        return (uid, resource_version) in self._writes
