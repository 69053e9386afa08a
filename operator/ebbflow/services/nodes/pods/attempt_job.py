"""The Job of one attempt: made once, followed to its end, ended when the attempt is."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from ebbflow.api.base import GROUP, VERSION, JsonObject
from ebbflow.domain.health import Current, health
from ebbflow.domain.health_verdict import count, mapping
from ebbflow.domain.objects import ObjectError, ObjectId, Objects
from ebbflow.domain.pods.choice import newest_first
from ebbflow.domain.pods.exit import Exit, exit_of, first_failure, hopeless, why_going, why_lost
from ebbflow.domain.pods.jobs import (
    ATTEMPT,
    JOB_NAME,
    KEPT_ELSEWHERE,
    MANAGER,
    NODE,
    RUN,
    annotation,
    first_container,
    for_one_attempt,
    job_name,
    standing,
    why_failed,
)
from ebbflow.domain.pods.log_tail import ending, last_lines
from ebbflow.domain.pods.logs import Container, PodLogs
from ebbflow.domain.pods.refusals import lasting_refusal
from ebbflow.services.nodes.kind import Call, Failed, Working
from ebbflow.services.nodes.objects.applying import prepared
from ebbflow.services.nodes.objects.creating import create
from ebbflow.services.nodes.objects.pod_trouble import PATIENCE, RECHECK
from ebbflow.services.nodes.pods.job_source import (
    COMMIT,
    UNPACKER,
    UNPACKING_NEEDS,
    GitSource,
    JobSources,
    is_given,
    with_source,
)

_JOB: Final = "batch/v1"
LAST_WORDS_SECONDS: Final = 2.0
"""How long the end of a log is waited for before the Job is deleted: whoever cancels waits too."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The Job has come to its end. `exit` is that of the container that failed first, if known.

    `container` is the one that counts. `pod` is the one that it was about; None if none can be seen.
    `log` are its last lines, `words` tell what happened.
    """

    job: JsonObject
    container: str
    succeeded: bool
    pod: JsonObject | None
    exit: Exit | None
    log: str
    words: str

    @property
    def name(self) -> str:
        """The Job's name."""
        return ObjectId.of(self.job).name

    def failed(self) -> Failed:
        """Return the failure of the attempt, with the end of the log."""
        said = "; ".join(part for part in (self.words, ending(self.log)) if part)
        return Failed(f"the Job {self.name} failed: {said}")


@dataclass(frozen=True, slots=True)
class _Told:
    """What a Job's pods tell: the pod that tells most, how it failed if it did, its log's end."""

    pod: JsonObject | None
    exit: Exit | None
    log: str


class AttemptJobs:
    """Jobs of attempts, made and read in the tenant's name.

    A Job is owned by its Run, so it stays as long as the Run and then goes; in another namespace,
    where nothing can be owned across, it goes a day after its end. `patience`: seconds that a Job
    which is to be deleted is given for its log to be read.
    """

    def __init__(
        self,
        objects: Objects,
        logs: PodLogs,
        sources: JobSources,
        patience: float = LAST_WORDS_SECONDS,
    ) -> None:
        self._patience = patience
        self._objects = objects
        self._logs = logs
        self._sources = sources

    def target(self, call: Call[Any], namespace: str | None = None) -> ObjectId:
        """Return which Job the attempt has, whether it is there or not."""
        node = call.ref or call.path
        name = job_name(call.run.key.name, node, call.attempt, call.idempotency_key)
        return ObjectId("batch", "Job", namespace or call.context.namespace, name, "v1")

    async def make(
        self,
        call: Call[Any],
        target: ObjectId,
        spec: JsonObject,
        git: GitSource | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> JsonObject:
        """Make the attempt's Job, or return the one that an earlier call made.

        `spec` is what Jobs have as their spec; `git` is what its pods find. Raises CannotDo, NotNow,
        ObjectError.
        """
        if git is None:
            made = manifest(call, target, spec, labels)
            return await create(self._objects, made, call.run.account, MANAGER)
        source = await self._sources.resolve(call, git)
        parts = await self._sources.parts(call, source)
        made = manifest(call, target, spec, labels)
        made["spec"] = with_source(made["spec"], target.name, git, len(parts))
        made["metadata"]["annotations"][COMMIT] = source.commit
        live = await create(self._objects, made, call.run.account, MANAGER)
        if is_given(live) or annotation(live, COMMIT) != source.commit:
            return live  # an earlier call of this attempt made it; what it lacks comes next
        try:
            return await self._sources.give(call, live, parts)
        except ObjectError as error:
            if not error.passing:
                # The attempt fails for it, and nobody would let the Job go on.
                await self._delete(call, target, live)
            raise

    async def get(self, call: Call[Any], target: ObjectId) -> JsonObject | None:
        """Return the attempt's Job; None if it is not there (any more)."""
        return await self._objects.get(target, call.run.account)

    async def look(
        self,
        call: Call[Any],
        target: ObjectId,
        live: JsonObject | None,
        *,
        git: GitSource | None = None,
        container: str | None = None,
    ) -> Working | Failed | Ended:
        """See how the attempt's Job stands, and do what it waits for.

        `container` is the one whose log counts where none failed; absent: the first.
        """
        if live is None:
            return Failed(f"the Job {target.name} was deleted before its end was seen")
        if annotation(live, ATTEMPT) != call.idempotency_key:
            return Failed(
                f"there is a Job {target.name} already that this node did not make; delete it"
            )
        stands = standing(live)
        if stands in ("Succeeded", "Failed"):
            succeeded = stands == "Succeeded"
            return await self._ended(call, live, container, succeeded=succeeded)
        if mapping(live.get("metadata")).get("deletionTimestamp"):
            return Failed(f"the Job {target.name} was deleted before its end")
        if stands == "Suspended":
            return await self._suspended(call, target, live, git)
        return await self._running(call, target, live)

    async def stop(self, call: Call[Any], target: ObjectId, container: str | None = None) -> str:
        """Delete the attempt's Job unless it has ended; its pods get their time to end.

        Return how its log ended, as a part of a sentence; empty if it could not be read in time, as
        it is where the Job was deleted before. Raises ObjectError.
        """
        live = await self.get(call, target)
        if live is None or annotation(live, ATTEMPT) != call.idempotency_key:
            return ""
        log = await self._last_words(call, live, container)
        if standing(live) in ("Running", "Suspended"):
            await self._delete(call, target, live)
        return ending(log)

    async def _log_of(self, call: Call[Any], pod: JsonObject, container: str) -> str:
        """Return the last lines that a container wrote; empty where they cannot be read."""
        target, ended = ObjectId.of(pod), exit_of(pod, container) is not None
        wanted = Container(target.namespace, target.name, container)
        try:
            text = await self._logs.tail(wanted, call.run.account, ended=ended)
        except ObjectError:
            return ""
        return last_lines(text)

    async def _delete(self, call: Call[Any], target: ObjectId, live: JsonObject) -> None:
        uid = str(mapping(live.get("metadata")).get("uid"))
        await self._objects.delete(target, call.run.account, uid=uid)

    async def _pods(self, call: Call[Any], target: ObjectId) -> list[JsonObject]:
        """Return the Job's pods, the newest first; none where the account may not list them."""
        try:
            found = await self._objects.find(
                "", "Pod", target.namespace, {JOB_NAME: target.name}, call.run.account
            )
        except ObjectError:
            return []
        return newest_first(found)

    async def _suspended(
        self, call: Call[Any], target: ObjectId, live: JsonObject, git: GitSource | None
    ) -> Working:
        if git is None or is_given(live):
            words = "somebody suspended the Job; it goes on when its spec.suspend is false"
            return Working(words, after=RECHECK, follow=(target,))
        await self._sources.give_again(call, live, git)
        return Working("its files have been handed over", after=PATIENCE, follow=(target,))

    async def _running(
        self, call: Call[Any], target: ObjectId, live: JsonObject
    ) -> Working | Failed:
        runs = bool(count(mapping(live.get("status")), "active"))
        verdict = health(live).message
        early = PATIENCE - (call.now - call.attempt_at)
        if early > timedelta():
            return Working(verdict, after=early, follow=(target,), running=runs)
        pods = await self._pods(call, target)
        why = next((why for why in map(hopeless, pods) if why), "")
        trouble = _trouble(pods)
        if not pods:
            trouble = await self._warning(call, target)
            why = lasting_refusal(trouble)
        if why:
            await self._delete(call, target, live)
            return Failed(f"the Job {target.name} cannot run: {why}")
        words = f"{verdict}; {trouble}" if trouble else verdict
        return Working(words, after=RECHECK, follow=(target,), running=runs)

    async def _warning(self, call: Call[Any], target: ObjectId) -> str:
        try:
            return await self._logs.warning(target, call.run.account)
        except ObjectError:
            return ""

    async def _ended(
        self, call: Call[Any], live: JsonObject, container: str | None, *, succeeded: bool
    ) -> Ended:
        wanted = container or first_container(mapping(live["spec"]))
        told = await self._told(call, live, wanted)
        if not call.recalled:
            await self._sources.take_back(call, live)
        words = "" if succeeded else _why(live, told.pod, told.exit)
        return Ended(live, wanted, succeeded, told.pod, told.exit, told.log, words)

    async def _told(self, call: Call[Any], live: JsonObject, container: str) -> _Told:
        """Ask the pods. The log is that of the container that failed first, else of `container`."""
        pod, exit_ = _telling(await self._pods(call, ObjectId.of(live)))
        teller = exit_.container if exit_ is not None else container
        log = "" if pod is None else await self._log_of(call, pod, teller)
        return _Told(pod, exit_, log)

    async def _last_words(self, call: Call[Any], live: JsonObject, container: str | None) -> str:
        """Return the end of the log of a Job that is to be deleted, if it can be had soon."""
        if standing(live) == "Suspended":
            return ""
        wanted = container or first_container(mapping(live["spec"]))
        try:
            async with asyncio.timeout(self._patience):
                return (await self._told(call, live, wanted)).log
        except TimeoutError:
            return ""


def manifest(
    call: Call[Any],
    target: ObjectId,
    spec: JsonObject,
    labels: Mapping[str, str] | None = None,
) -> JsonObject:
    """Return the attempt's Job as it is made. Raises NotAnObject, ExpressionError."""
    run = call.run
    marks = {RUN: run.key.name, **(labels or {})}
    notes = {ATTEMPT: call.idempotency_key, NODE: call.path}
    template = mapping(spec.get("template"))
    metadata = mapping(template.get("metadata"))
    template = {
        **template,
        "metadata": {
            **metadata,
            "labels": {**mapping(metadata.get("labels")), **marks},
            "annotations": {**mapping(metadata.get("annotations")), NODE: call.path},
        },
    }
    made = for_one_attempt({**spec, "template": template}, call.timeout)
    whole: JsonObject = {"name": target.name, "namespace": target.namespace}
    whole |= {"labels": marks, "annotations": notes}
    if target.namespace == run.key.namespace:
        owner = {"apiVersion": f"{GROUP}/{VERSION}", "kind": "Run", "name": run.key.name}
        whole["ownerReferences"] = [owner | {"uid": run.uid}]
    else:
        made["ttlSecondsAfterFinished"] = int(KEPT_ELSEWHERE.total_seconds())
    job = {"apiVersion": _JOB, "kind": "Job", "metadata": whole, "spec": made}
    return prepared(call, [job])[0]


def _telling(pods: list[JsonObject]) -> tuple[JsonObject | None, Exit | None]:
    """Return the pod that tells most of the Job's end, and how its container failed."""
    for pod in pods:
        if (failure := first_failure(pod)) is not None:
            return pod, failure
    return (pods[0] if pods else None), None


def _why(live: JsonObject, pod: JsonObject | None, exit_: Exit | None) -> str:
    lost = why_lost(pod) if pod is not None else ""
    if exit_ is not None:
        words = exit_.words
        if exit_.container == UNPACKER:
            words = f"its files were not unpacked: {words}. {UNPACKING_NEEDS}"
        return f"{lost}; {words}" if lost else words
    if lost:
        return lost
    if pod is None:
        return (
            f"{why_failed(live)}, and its pod cannot be seen: it was deleted, its node was lost, "
            "or the account may not list pods"
        )
    return why_failed(live)


def _trouble(pods: list[JsonObject]) -> str:
    for pod in pods:
        verdict = health(pod)
        if not isinstance(verdict, Current):
            return f"Pod {ObjectId.of(pod).name}: {why_going(pod) or verdict.message}"
    return ""
