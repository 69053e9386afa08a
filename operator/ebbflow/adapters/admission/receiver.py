"""The life of the admission webhook: credentials, the server, and its registration.

Nothing here may stop the operator or a user's write: what fails is said once, tried again, and
until then the authors of edits are unresolved.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

from ebbflow.adapters.admission import review
from ebbflow.adapters.admission.credentials import Credentials, renew
from ebbflow.adapters.admission.plan import Plan
from ebbflow.adapters.admission.server import PATH, AdmissionServer
from ebbflow.adapters.kube.credential_secret import NoNamespace, Values
from ebbflow.adapters.kube.webhook import Entry, Url, Writer
from ebbflow.adapters.probes import CannotListen
from ebbflow.api.base import JsonObject
from ebbflow.domain.ports import Clock, ClusterError

CHECK_SECONDS: Final = 60.0
"""How often the Secret and the registration are looked at, and repaired."""

RETRY_SECONDS: Final = 5.0
REMOVAL_SECONDS: Final = 2.0
PREPARATION_SECONDS: Final = 3.0
THREAD_FROM: Final = 64 * 1024
"""Bytes of a review from which it is worked on in a thread, to keep the event loop free."""

logger = logging.getLogger(__name__)


class Store(Protocol):
    """Where the credentials are kept."""

    async def bring(self, change: Callable[[Values], Values]) -> Values:
        """Bring the values to what `change` makes of them; returns what is kept then."""
        ...


class Registration(Protocol):
    """Where webhooks are registered."""

    async def put(self, entry: Entry) -> bool:
        """Make sure that the entry is there, exactly so; returns whether it had to be written."""
        ...

    async def remove(self, entry: Entry) -> bool:
        """Take the entry out if it is still this very one; returns whether it was."""
        ...


class AdmissionMetrics(Protocol):
    """What is counted about admission."""

    def admission_review(self, outcome: str, seconds: float) -> None:
        """Count a review; `outcome` is recorded, kept or failed."""
        ...

    def admission_up(self, up: bool) -> None:
        """Tell whether the server listens and, on the leader, is registered."""
        ...


class AdmissionReceiver:
    """`run` on every replica, `lead` while this one leads."""

    def __init__(
        self,
        plan: Plan,
        store: Store,
        registration: Registration,
        whoami: Callable[[], Awaitable[str]],
        on_credentials: Callable[[Credentials], None],
        clock: Clock,
        metrics: AdmissionMetrics,
        *,
        check_seconds: float = CHECK_SECONDS,
    ) -> None:
        self._plan = plan
        self._store = store
        self._registration = registration
        self._whoami = whoami
        self._on_credentials = on_credentials
        self._clock = clock
        self._metrics = metrics
        self._check_seconds = check_seconds
        self._server = AdmissionServer(self._reply)
        self._credentials: Credentials | None = None
        self._signer: review.Signer | None = None
        self._registering = asyncio.Lock()
        self._poke = asyncio.Event()
        self._prepared = asyncio.Event()
        self._leads = False
        self._tried = False
        self._trouble = ""
        metrics.admission_up(False)

    def record_key(self) -> bytes | None:
        """Return the key that records are signed with; None while it is not known."""
        return self._credentials.record_key if self._credentials else None

    def problems(self) -> Sequence[str]:
        """Return why edits are not recorded yet; a try that failed is no reason to wait longer."""
        waiting = self._leads and not self._tried
        return ["the admission webhook is not registered yet"] if waiting else []

    async def prepared(self) -> None:
        """Wait until the credentials were read, or could not be, for 3 s at most.

        A commit that is made before that could not know the authors of the edits in it.
        """
        try:
            await asyncio.wait_for(self._prepared.wait(), PREPARATION_SECONDS)
        except TimeoutError:
            logger.warning("the credentials of the admission webhook are not read yet; going on")

    async def run(self) -> None:
        """Serve until cancelled."""
        try:
            while True:
                self._poke.clear()
                well = await self._check()
                self._metrics.admission_up(well)
                await self._pause(self._check_seconds if well else RETRY_SECONDS)
        finally:
            self._metrics.admission_up(False)
            await self._server.stop()

    async def lead(self) -> None:
        """Keep the webhook registered until cancelled; then take out what nobody else can serve."""
        self._leads = True
        self._poke.set()
        try:
            await asyncio.Event().wait()
        finally:
            self._leads = self._tried = False
            await self._unregister()

    async def _check(self) -> bool:
        """Bring everything to what it should be; returns whether it is."""
        try:
            await self._bring_up()
            self._prepared.set()
            await self._register()
        except (ClusterError, NoNamespace, CannotListen) as error:
            return self._failed(str(error))
        except Exception as error:
            # Edits without an author are better than an operator that ends over this.
            logger.exception("the admission webhook met something unexpected")
            return self._failed(type(error).__name__)
        else:
            self._trouble = ""
            return True
        finally:
            self._prepared.set()
            self._tried = self._leads

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._poke.wait(), seconds)
        except TimeoutError:
            return

    async def _bring_up(self) -> None:
        await self._read_credentials()
        if self._signer is None and self._credentials is not None:
            key, user = self._credentials.record_key, await self._whoami()
            self._signer = review.Signer(key, user, self._plan.manager)
        if self._server.port is None:
            await self._server.listen(self._plan.address)

    async def _read_credentials(self) -> None:
        def change(values: Values) -> Values:
            now = self._clock.now()
            return {**values, **renew(Credentials.parse(values), self._plan.hosts, now).dump()}

        read = Credentials.parse(await self._store.bring(change))
        if read is None or read == self._credentials:
            return
        self._on_credentials(read)
        self._server.use(read)
        if self._credentials and self._credentials.record_key != read.record_key:
            self._signer = None
        self._credentials = read

    async def _register(self) -> None:
        async with self._registering:
            entry = self._entry()
            if self._leads and entry is not None and await self._registration.put(entry):
                logger.info("the admission webhook is registered as %s", entry.name)

    async def _unregister(self) -> None:
        """Take the entry out of the configuration where it is an address of this process.

        A Service goes on with the other replicas, or with this one when it is back.
        """
        entry = self._entry()
        if entry is None or not isinstance(entry.endpoint, Url):
            return
        try:
            async with asyncio.timeout(REMOVAL_SECONDS), self._registering:
                await self._registration.remove(entry)
        except (ClusterError, TimeoutError) as error:
            logger.warning("the admission webhook %s stays registered: %s", entry.name, error)

    def _entry(self) -> Entry | None:
        if self._credentials is None or self._server.port is None:
            return None
        return Entry(
            name=self._plan.name,
            endpoint=self._plan.endpoint(self._server.port),
            path=f"{PATH}/{self._credentials.path_token}",
            authorities=self._credentials.authorities,
            namespaces=self._plan.namespaces,
            own=Writer(self._signer.user, self._signer.manager) if self._signer else None,
        )

    def _failed(self, why: str) -> bool:
        if self._trouble != why:
            logger.warning("edits are not recorded, their authors are unresolved: %s", why)
        self._trouble = why
        return False

    async def _reply(self, body: bytes) -> JsonObject:
        started = time.monotonic()
        if len(body) < THREAD_FROM:
            answer, outcome = self._decide(body)
        else:
            answer, outcome = await asyncio.to_thread(self._decide, body)
        self._metrics.admission_review(outcome, time.monotonic() - started)
        return answer

    def _decide(self, body: bytes) -> tuple[JsonObject, review.Outcome]:
        request = review.read(body)
        return review.answer(request, self._signer, self._plan.serves, self._clock.now())
