"""Reading all pages of a list that changes while it is read."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from ebbflow.adapters.providers.kind import Page
from ebbflow.domain.git import Unreachable
from ebbflow.domain.providers import Listing
from ebbflow.domain.triggers.change import PullRequest

MAX_PAGES: Final = 40
MOST_READINGS: Final = 4
KEPT_LISTS: Final = 1024

ReadPage = Callable[[int], Awaitable[Page]]
_Ids = tuple[int, ...]


class Listings:
    """Reads lists; what a list held last is kept, to tell whether it holds still.

    An item that leaves an earlier page moves all that follow up by one, so that one of them is on
    no page that is read: it would look closed. So several pages count only when two readings, one
    after the other, found the same items; the reading before counts too, which makes the usual
    case cost nothing more. A single page is always whole.
    """

    def __init__(self) -> None:
        self._last: OrderedDict[str, _Ids] = OrderedDict()

    async def read(self, key: str, first: int, page: ReadPage, about: str) -> Listing:
        """Return the whole list. Raises Unreachable when it does not hold still."""
        for _ in range(MOST_READINGS):
            listing, pages = await _read_once(first, page)
            found = tuple(pull.id for pull in listing.pulls)
            same = self._last.get(key) == found
            self._remember(key, found)
            if pages == 1 or same:
                return listing
        raise Unreachable(
            f"{about} changed each time while its pages were read. The operator tries again."
        )

    def _remember(self, key: str, found: _Ids) -> None:
        self._last[key] = found
        self._last.move_to_end(key)
        if len(self._last) > KEPT_LISTS:
            self._last.popitem(last=False)


async def _read_once(first: int, page: ReadPage) -> tuple[Listing, int]:
    """Return what the pages hold, and how many there are."""
    pulls: dict[int, PullRequest] = {}
    number = first
    for count in range(1, MAX_PAGES + 1):
        read = await page(number)
        for pull in read.pulls:
            pulls.setdefault(pull.id, pull)
        if read.following is None:
            return Listing(tuple(pulls.values())), count
        number = read.following
    return Listing(tuple(pulls.values()), complete=False), MAX_PAGES
