"""From a hint of a provider to a look at the repository, whichever replica it came to.

The leader looks at once. Another replica writes into the account's `status.webhooks` that something
came for a repository; the leader's watch shows it that. What is lost on the way, as when a process
ends, the next poll finds.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from ebbflow.api.base import Key
from ebbflow.api.gitaccount import GitAccount, WebhookStatus
from ebbflow.domain.conditions import clip
from ebbflow.domain.git import Remote
from ebbflow.domain.ports import Clock, Cluster
from ebbflow.domain.times import format_micro_time
from ebbflow.domain.webhooks.addresses import identity, is_about
from ebbflow.domain.webhooks.store import WebhookStore
from ebbflow.services.gathered import Gathered
from ebbflow.services.repositories.repository_watch import Concerns
from ebbflow.services.schedule import Schedule
from ebbflow.services.status_notes import note_down

GAP: Final = 0.25
"""Seconds between two looks at a repository, however many deliveries come."""

AGAIN: Final = 5.0
"""Seconds after which it is looked at once more: a replica of the server may not show it yet."""

RELAY: Final = 1.0
"""Seconds between two writes of a replica that does not lead."""

SHOWN: Final = 60.0
"""Seconds between two writes of the leader, which are for people."""

MOST: Final = 100
"""Repositories in an account's status, as its CRD bounds them."""

REMEMBERED: Final = 1024

RECEIVED: Final = "Received"


@dataclass(frozen=True, slots=True)
class Told:
    """What a delivery told: the repository's addresses, and the provider's ids of the webhook and of
    the delivery.
    """

    repositories: tuple[str, ...]
    hook_id: str = ""
    delivery: str | None = None


class Watch(Protocol):
    """What follows repositories; RepositoryWatch is it."""

    def look_now(self, concerns: Concerns, delivery: str | None = None) -> int: ...


class WebhookHints:
    """Takes hints, and passes them on.

    `users`: the objects that use an account; deliveries to it concern them, and the objects of its
    own namespace. `leads`: whether this process follows repositories now.
    """

    def __init__(
        self,
        cluster: Cluster,
        store: WebhookStore,
        watch: Watch,
        users: Callable[[Key], Collection[Key]],
        schedule: Schedule,
        clock: Clock,
        leads: Callable[[], bool],
    ) -> None:
        self._cluster = cluster
        self._store = store
        self._watch = watch
        self._users = users
        self._schedule = schedule
        self._clock = clock
        self._leads = leads
        self._looked: OrderedDict[tuple[Key, str], tuple[float, int]] = OrderedDict()
        self._seen: dict[Key, dict[str, str]] = {}
        self._relay = Gathered[Key, Told](self._note, RELAY, MOST)
        self._shown = Gathered[Key, Told](self._note, SHOWN, MOST)

    async def close(self, seconds: float) -> None:
        """Pass on what waits, within this time."""
        await self._relay.close(seconds)

    def take(self, account: Key, server: str | None, told: Told) -> int | None:
        """Have a repository looked at; returns how many that are followed it is, None: unknown."""
        if not self._leads():
            self._relay.add(account, told)
            return None
        found = self._look(account, server, told)
        if found:
            self._shown.add(account, told)
        return found

    def note(self, account: Key, told: Told) -> None:
        """Show people that deliveries about a repository come."""
        self._shown.add(account, told)

    def heed(self, account: GitAccount) -> None:
        """Look at the repositories that other replicas were told of since this was last called."""
        key = account.key
        now = {
            hook.repository: hook.last_delivery_at or "" for hook in account.status.webhooks or ()
        }
        before, self._seen[key] = self._seen.get(key), now
        if before is None:
            return  # all is looked at anyway when a process begins to lead
        for repository, at in now.items():
            # Any other time than before: the clocks of two replicas may differ.
            if at != before.get(repository, ""):
                self._look(key, account.spec.server_url, Told((repository,)))

    def drop(self, account: Key) -> None:
        """Take note that an account is gone."""
        self._seen.pop(account, None)

    def _look(self, account: Key, server: str | None, told: Told) -> int:
        place = (account, _name(told.repositories))
        at, found = self._looked.get(place, (float("-inf"), 0))

        def look_at() -> None:
            self._looked_at(place, server, told)

        if self._clock.monotonic() - at < GAP:
            if ("hint", place) not in self._schedule:
                self._schedule.after(GAP, ("hint", place), look_at)
            return found
        found = self._looked_at(place, server, told)
        if found:
            self._schedule.after(AGAIN, ("hint-again", place), look_at)
        return found

    def _looked_at(self, place: tuple[Key, str], server: str | None, told: Told) -> int:
        def concerns(remote: Remote, followers: Iterable[Key]) -> bool:
            about = is_about(remote.url, told.repositories, server)
            return about and self._is_for(place[0], followers)

        found = self._watch.look_now(concerns, told.delivery)
        self._looked[place] = (self._clock.monotonic(), found)
        self._looked.move_to_end(place)
        if len(self._looked) > REMEMBERED:
            self._looked.popitem(last=False)
        return found

    def _is_for(self, account: Key, followers: Iterable[Key]) -> bool:
        """Tell whether one of these objects is the account's business.

        Whoever may make an account knows its secret: without this they could have the
        repositories of all namespaces looked at, and would learn which are followed.
        """
        users = self._users(account)
        return any(one.namespace == account.namespace or one in users for one in followers)

    async def _note(self, key: Key, told: tuple[Told, ...]) -> None:
        await note_down(
            lambda: self._note_webhooks(key, told), f"deliveries to {key} cannot be passed on"
        )

    async def _note_webhooks(self, key: Key, told: tuple[Told, ...]) -> None:
        account = await self._cluster.get(GitAccount, key.namespace, key.name)
        if account is None:
            return
        at = format_micro_time(self._clock.now())
        if self._leads() and key in self._seen:
            # They were looked at when they came.
            self._seen[key].update({one.repositories[0]: at for one in told})
        entries = _merged(account.status.webhooks or (), told, at)
        await self._store.note_webhooks(account, entries)


def _merged(
    before: tuple[WebhookStatus, ...], told: tuple[Told, ...], at: str
) -> tuple[WebhookStatus, ...]:
    """Return the webhooks of an account's status after deliveries: at most MOST, the newest last."""
    entries = {entry.repository: entry for entry in before}
    for one in told:
        repository = one.repositories[0]
        old = entries.pop(repository, None)
        entries[repository] = WebhookStatus(
            repository=repository,
            id=clip(one.hook_id, 256) or (old.id if old else ""),
            state=RECEIVED,
            last_delivery_at=at,
        )
    return tuple(entries.values())[-MOST:]


def _name(repositories: tuple[str, ...]) -> str:
    found = identity(repositories[0])
    return found.path if found else ""
