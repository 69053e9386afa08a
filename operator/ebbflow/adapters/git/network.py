"""Running operations on servers: policy, threads, deadline, errors, metrics."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import TypeVar
from weakref import WeakValueDictionary

import urllib3.exceptions
from dulwich.errors import GitProtocolError, HangupException

from ebbflow.adapters.git import errors
from ebbflow.adapters.git.errors import ServerSaid
from ebbflow.adapters.git.http_link import HttpLink
from ebbflow.adapters.git.limits import HostPolicy, Limits, Timeouts
from ebbflow.adapters.git.link import Link
from ebbflow.adapters.git.operation import Expired, Operation
from ebbflow.adapters.git.resolve import NameLookUp, check_url, resolve
from ebbflow.adapters.git.ssh_link import SshLink
from ebbflow.adapters.git.transport import Connection, Origin, Pools, origin_of
from ebbflow.api.reasons import Reason
from ebbflow.domain.addresses import is_ssh
from ebbflow.domain.git import GitError, Remote
from ebbflow.domain.ports import Clock, SyncMetrics

V = TypeVar("V")

NAME_THREADS = 2

_FAILURES = (
    urllib3.exceptions.HTTPError,
    GitProtocolError,
    HangupException,
    Expired,
    OSError,
    EOFError,
    *errors.UNREADABLE,
)


class Network:
    """Lends threads and links to operations, a few at a time, and sees that they end.

    workspace: a private directory for files that live as long as an operation.
    """

    def __init__(
        self,
        policy: HostPolicy,
        limits: Limits,
        timeouts: Timeouts,
        metrics: SyncMetrics,
        clock: Clock,
        look_up: NameLookUp,
        workspace: Path,
    ) -> None:
        self._workspace = workspace
        self._look_up = look_up
        self._policy = policy
        self._timeouts = timeouts
        self._metrics = metrics
        self._clock = clock
        self._pools = Pools(timeouts, limits.network_threads)
        threads = limits.network_threads + limits.slow_operations
        self._threads = ThreadPoolExecutor(threads, "git-network")
        self._threads_left = asyncio.Semaphore(threads)
        self._computing = ThreadPoolExecutor(limits.network_threads, "git-packs")
        self._name_threads = ThreadPoolExecutor(NAME_THREADS, "git-names")
        self._slots = asyncio.Semaphore(limits.network_threads)
        # One server that hangs must leave threads for the others.
        self._slots_of_origin = max(1, limits.network_threads - 1)
        self._origins: WeakValueDictionary[Origin, asyncio.Semaphore] = WeakValueDictionary()

    def check(self, remote: Remote) -> None:
        """Refuse a remote by its address alone.

        Raises:
            AddressNotAllowed: the operator may not connect there.
        """
        check_url(remote.url, self._policy)

    async def run(self, remote: Remote, max_bytes: int, work: Callable[[Link], V]) -> V:
        """Run `work` in a thread with a link to the remote's server.

        Raises:
            GitError: whatever goes wrong, within the time of one operation.
        """
        self.check(remote)
        addresses = await resolve(
            remote.url, self._look_up, self._name_threads, self._timeouts.connect
        )
        async with self._slot(remote):
            operation = Operation(addresses, max_bytes)
            loop = asyncio.get_running_loop()
            timer = loop.call_later(self._timeouts.operation, operation.expire)
            try:
                return await loop.run_in_executor(
                    self._threads, self._guarded, remote, operation, work
                )
            except asyncio.CancelledError:
                operation.expire()  # else the thread would go on without its timer
                raise
            finally:
                timer.cancel()
                operation.close()

    async def compute(self, work: Callable[[], V]) -> V:
        """Run `work` that belongs to an operation but needs no server, a few at a time."""
        return await asyncio.get_running_loop().run_in_executor(self._computing, work)

    @contextmanager
    def measured(self, name: str) -> Iterator[Callable[[str], None]]:
        """Report one operation to the metrics; call what is given to name another outcome."""
        started = self._clock.monotonic()
        outcome = "ok"

        def tell(word: str) -> None:
            nonlocal outcome
            outcome = word

        try:
            yield tell
        except GitError as error:
            outcome = error.reason.value
            raise
        except BaseException:
            outcome = Reason.INTERNAL_ERROR.value
            raise
        finally:
            self._metrics.git_operation(name, outcome, self._clock.monotonic() - started)

    def close(self) -> None:
        """Close every connection and end the threads."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._computing.shutdown(wait=True, cancel_futures=True)
        self._name_threads.shutdown(wait=False, cancel_futures=True)
        self._pools.close()

    @asynccontextmanager
    async def _slot(self, remote: Remote) -> AsyncIterator[None]:
        """Wait for a thread, no longer than an operation may take itself."""
        origin = origin_of(remote.url)
        own = self._origins.setdefault(origin, asyncio.Semaphore(self._slots_of_origin))
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(self._timeouts.operation):
                    await stack.enter_async_context(own)
                    await stack.enter_async_context(self._threads_left)
                    await stack.enter_async_context(self._place())
            except TimeoutError as error:
                raise errors.for_queue(remote, self._timeouts.operation) from error
            yield

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        """Hold one of the places for operations that work, until this one proves to be slow.

        An operation that waits for its server costs a thread but no work. If it kept its place, a
        few servers that hang, of anybody's choice, would hold up all others for as long.
        """
        await self._slots.acquire()
        held = True

        def give_back() -> None:
            nonlocal held
            if held:
                held = False
                self._slots.release()

        timer = asyncio.get_running_loop().call_later(self._timeouts.slow, give_back)
        try:
            yield
        finally:
            timer.cancel()
            give_back()

    def _link(self, remote: Remote, operation: Operation) -> Link:
        if is_ssh(remote.url):
            return SshLink(remote, operation, self._timeouts, self._workspace)
        return HttpLink(Connection(remote, self._pools.of(remote), operation))

    def _guarded(self, remote: Remote, operation: Operation, work: Callable[[Link], V]) -> V:
        try:
            with closing(self._link(remote, operation)) as link:
                return work(link)
        except (GitError, ServerSaid, *_FAILURES) as error:
            if operation.expired:
                # Whatever it looks like: a connection that we cut can look like any of them.
                raise errors.for_expiry(remote, self._timeouts.operation) from error
            if isinstance(error, GitError):
                raise
            if isinstance(error, ServerSaid):
                raise errors.for_refusal(remote, error) from None
            raise errors.for_failure(remote, error) from error
