"""The port PodLogs in memory, and what the Job controller and the kubelet would do."""

from __future__ import annotations

import asyncio
from typing import Any

from typing_extensions import override

from ebbflow.api.base import JsonObject
from ebbflow.domain.objects import Account, ObjectError, ObjectId
from ebbflow.domain.pods.exec import Command, Outcome, PodExec
from ebbflow.domain.pods.jobs import JOB_NAME
from ebbflow.domain.pods.log_tail import readable
from ebbflow.domain.pods.logs import Container, PodLogs
from tests.support.memory_tenant import MemoryObjects


class MemoryPodLogs(PodLogs):
    """Logs by pod and container, warnings by the name of the object that they are about. While
    `released` is not set, no log comes.
    """

    def __init__(self) -> None:
        self.logs: dict[tuple[str, str], bytes] = {}
        self.warnings: dict[str, str] = {}
        self.refusal: ObjectError | None = None
        self.released = asyncio.Event()
        self.released.set()

    @override
    async def tail(self, container: Container, account: Account, *, ended: bool) -> str:
        await self.released.wait()
        if self.refusal is not None:
            raise self.refusal
        return readable(self.logs.get((container.pod, container.name), b""))

    @override
    async def warning(self, about: ObjectId, account: Account) -> str:
        if self.refusal is not None:
            raise self.refusal
        return self.warnings.get(about.name, "")


class MemoryPodExec(PodExec):
    """Commands that run nowhere. `commands` are those that began; `outcomes` are how they end, one
    by one, then with 0. While `released` is not set, none comes to its end, nor is one refused.
    """

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.outcomes: list[Outcome | ObjectError] = []
        self.released = asyncio.Event()
        self.released.set()

    @override
    async def run(self, command: Command, account: Account) -> Outcome:
        outcome = self.outcomes.pop(0) if self.outcomes else Outcome(0, "")
        if isinstance(outcome, ObjectError):
            await self.released.wait()
            raise outcome
        self.commands.append(command)
        await self.released.wait()
        return outcome


class Kubelet:
    """Makes the pods of Jobs in memory, and ends them as a test says."""

    def __init__(self, objects: MemoryObjects, logs: MemoryPodLogs) -> None:
        self._objects = objects
        self._logs = logs

    @property
    def jobs(self) -> list[JsonObject]:
        """All Jobs, in the order of their names."""
        return [raw for raw in self._objects.all() if raw["kind"] == "Job"]

    @property
    def job(self) -> JsonObject:
        """The only Job."""
        (found,) = self.jobs
        return found

    def start(self, name: str | None = None, **state: Any) -> str:
        """Make the pod of a Job, its containers in a state such as `waiting`; return its name."""
        job = self._job(name)
        template = job["spec"]["template"]
        pod = f"{job['metadata']['name']}-x"
        statuses = [
            {"name": one["name"], "image": one.get("image", ""), "state": state}
            for one in template["spec"]["containers"]
        ]
        self._objects.put(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {
                    "name": pod,
                    "namespace": job["metadata"]["namespace"],
                    "labels": {JOB_NAME: job["metadata"]["name"]},
                },
                "spec": template["spec"],
                "status": {"phase": "Pending" if "waiting" in state else "Running",
                           "containerStatuses": statuses},
            }
        )  # fmt: skip
        self._status(job, {"active": 1, "startTime": "2026-11-21T12:00:00Z"})
        return pod

    def run(self, log: bytes = b"", name: str | None = None) -> None:
        """Start the pod of a Job, whose container has written a log and goes on."""
        pod = self.start(name, running={"startedAt": "2026-11-21T12:00:00Z"})
        container = self._job(name)["spec"]["template"]["spec"]["containers"][0]["name"]
        self._logs.logs[pod, container] = log

    def end(
        self, code: int = 0, log: bytes = b"", name: str | None = None, **terminated: Any
    ) -> None:
        """End a Job's pod with an exit code, a log, and more of its state, such as `reason`."""
        job = self._job(name)
        pod = self.start(name, terminated={"exitCode": code, **terminated})
        container = job["spec"]["template"]["spec"]["containers"][0]["name"]
        self._logs.logs[pod, container] = log
        target = ObjectId("", "Pod", job["metadata"]["namespace"], pod)
        live = self._objects.live("Pod", pod, job["metadata"]["namespace"])
        phase = "Failed" if code else "Succeeded"
        self._objects.set_status(target, {**live["status"], "phase": phase})
        self.finish("Failed" if code else "Complete", name)

    def finish(self, condition: str, name: str | None = None, **words: str) -> None:
        """Let a Job have ended, whatever became of its pod."""
        job = self._job(name)
        ended = {"type": condition, "status": "True", **words}
        if condition == "Failed":
            ended = {"reason": "BackoffLimitExceeded", **ended}
        self._status(job, {"conditions": [ended]})

    def _status(self, job: JsonObject, status: JsonObject) -> None:
        target = ObjectId("batch", "Job", job["metadata"]["namespace"], job["metadata"]["name"])
        self._objects.set_status(target, status)

    def _job(self, name: str | None) -> JsonObject:
        jobs = (
            self.jobs if name is None else [j for j in self.jobs if j["metadata"]["name"] == name]
        )
        return jobs[-1]


def job_run(**spec: Any) -> JsonObject:
    """Return a JobRun node of an image alone, with more in its spec."""
    return {"kind": "JobRun", "ref": "migrate", "spec": {"image": "busybox:1.36", **spec}}
