"""Commands in pods: each attempt's at most once, whatever is killed when.

What a command does cannot be undone or told from what it did before. So an attempt that another
process had on record as running fails: whether its command ran is known to nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from ebbflow.api.base import JsonObject
from ebbflow.domain.objects import ObjectId, Objects
from ebbflow.domain.pods.choice import NoContainer, container_of, is_ready, pods_of, selector_of
from ebbflow.domain.pods.exec import Command, PodExec
from ebbflow.domain.pods.log_tail import in_one_line
from ebbflow.services.nodes.errands import PATIENCE, RECHECK, Errands
from ebbflow.services.nodes.kind import Call, CannotDo, Failed, Result, Succeeded, Working
from ebbflow.services.nodes.objects.pod_trouble import trouble_with_pods

LONGEST: Final = timedelta(hours=1)
"""How long a command may run that nobody waits for."""

POD_RECHECK: Final = timedelta(seconds=5)
"""How soon to look again for a pod that is ready."""

GOES_ON: Final = (
    "the connection to the command was closed, but Kubernetes ends no program for that: it may go on "
    "in its container until the pod ends"
)

UNKNOWN: Final = (
    "the attempt had begun when the operator was stopped, so the command may have run, and nobody "
    "knows how it ended; it is not run again by itself: look at what it does, and give the node "
    "settings.maxAttempts if it may run twice"
)


@dataclass(frozen=True, slots=True)
class Execution:
    """What is run where. `expect`: exit codes that are right; not `wait`: its end is not waited for."""

    target: ObjectId
    container: str | None
    arguments: tuple[str, ...]
    expect: tuple[int, ...] = (0,)
    wait: bool = True


class Executions:
    """Commands under way."""

    def __init__(self, objects: Objects, pods: PodExec, patience: float = PATIENCE) -> None:
        self._objects = objects
        self._pods = pods
        self._commands = Errands(patience, LONGEST)

    async def act(self, call: Call[Any], wanted: Execution) -> Result:
        """Run the command once a pod is ready, or see whether it has ended.

        Raises CannotDo, ObjectError.
        """
        key = call.idempotency_key
        if key not in self._commands:
            first = call.fresh and not call.inherited
            if not first and not self._commands.may_begin_again(key):
                return Failed(UNKNOWN)
            pod = await self._ready_pod(call, wanted)
            if isinstance(pod, Working | Failed):
                return pod
            if call.waits:
                # On record as running before it begins: else nobody could tell after a crash.
                return Working("a pod is ready", after=timedelta(), anew=True)
            self._commands.begin(key, self._run(call, wanted, pod), call.now)
        if not wanted.wait:
            return Succeeded({}, "the command was sent; its end is not waited for")
        ended = await self._commands.result(key)
        return ended or Working("the command runs", after=RECHECK)

    def stop(self, call: Call[Any]) -> str:
        """Close the connection to the command, and return what people should know of that, if it
        was under way.
        """
        return GOES_ON if self._commands.give_up(call.idempotency_key) else ""

    async def _ready_pod(self, call: Call[Any], wanted: Execution) -> Command | Working | Failed:
        """Return the command for the newest pod that is ready, or what is waited for."""
        target, account = wanted.target, call.run.account
        live = await self._objects.get(target, account)
        if live is None:
            return Failed(f"there is no {target.title}; correct the target, or create it before")
        pods = await self._pods_of(call, target, live)
        pod = next((pod for pod in pods if is_ready(pod)), None)
        if pod is None:
            trouble = await trouble_with_pods(self._objects, live, account)
            said = trouble or ("it has no pod" if not pods else "it is not ready")
            words = f"no pod of {target.title} is ready: {said}"
            return Working(
                words, after=POD_RECHECK, follow=(target,), made=False, waiting=True, anew=True
            )
        try:
            container = container_of(pod, wanted.container)
        except NoContainer as error:
            raise CannotDo(f"spec.container: {error}") from error
        found = ObjectId.of(pod)
        return Command(found.namespace, found.name, container, wanted.arguments)

    async def _pods_of(
        self, call: Call[Any], target: ObjectId, live: JsonObject
    ) -> list[JsonObject]:
        if target.kind == "Pod":
            return [live]
        labels = selector_of(live)
        if not labels:
            raise CannotDo(f"spec.target: {target.title} selects no pods by matchLabels")
        found = await self._objects.find("", "Pod", target.namespace, labels, call.run.account)
        return pods_of(live, found)

    async def _run(self, call: Call[Any], wanted: Execution, command: Command) -> Result:
        outcome = await self._pods.run(command, call.run.account)
        where = f"in container {command.container} of Pod {command.pod}"
        wrote = f"; it wrote: {in_one_line(outcome.output)}" if outcome.output else ""
        if outcome.exit_code is None:
            return Failed(f"the command {where} did not come to its end: {outcome.words}{wrote}")
        if outcome.exit_code not in wanted.expect:
            return Failed(f"the command {where} ended with exit code {outcome.exit_code}{wrote}")
        outputs = {
            "exitCode": outcome.exit_code,
            "output": outcome.output,
            "pod": command.pod,
            "container": command.container,
        }
        return Succeeded(outputs, f"exit code {outcome.exit_code} {where}")
