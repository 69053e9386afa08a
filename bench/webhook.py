"""A signed delivery: how long until its Run is there, has begun, and has applied its object."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from typing_extensions import override

from bench.figures import Figure
from bench.operator_process import Launch
from bench.stage import ACCOUNT, NAMESPACE, Stage, Usage, stage
from bench.watched import Watched
from ebbflow.api.base import API_VERSION
from tests.support.hooked import RECEIVER, Provider, call, provider_of, receiver_of
from tests.support.ran import config_map, deployer, source, steps_document

TIMES = 20
REPOSITORY = "hooked"
TEMPLATE = "hooked"
APPLIED = "told"
KEY = "a-key-of-a-bench"


class Applied(Watched[str]):
    """What the applied objects of a namespace say."""

    @override
    def look(self, thing: dict[str, Any]) -> str:
        value: str = (thing.get("data") or {}).get("sha", "")
        return value


class Runs(Watched[str]):
    """Which Runs there are, and which have begun."""

    @override
    def look(self, thing: dict[str, Any]) -> str:
        commit = thing["metadata"]["annotations"].get("ebbflow.dev/trigger", "")
        begun = "begun" if (thing.get("status") or {}).get("startedAt") else "made"
        return f"{begun} {commit}"

    def wait_for(self, state: str, what: str) -> float:
        """Wait until a Run of this commit or delivery is there; returns when."""
        return self.wait(
            lambda: any(
                what in sight and sight.startswith((state, "begun"))
                for sight in self.sights.values()
            )
        )


def measure(launch: Launch) -> Iterator[Figure]:
    """Measure deliveries of pushes, and calls of a keyed trigger."""
    with stage("10m", (RECEIVER,), launch) as running:
        _begin(running)
        kubeconfig = running.kubectl.cluster.kubeconfig
        runs = Runs(kubeconfig, "Run", NAMESPACE, 60)
        applied = Applied(kubeconfig, "ConfigMap", NAMESPACE, 60)
        runs.start()
        applied.start()
        try:
            yield from _pushes(running, runs, applied)
            yield from _calls(running, runs)
        finally:
            runs.stop()
            applied.stop()


def _begin(running: Stage) -> None:
    kubectl, git = running.kubectl, running.git
    git.create_repository(REPOSITORY, {"README.md": b"# Shop\n"})
    document = steps_document(config_map(APPLIED, sha="${refs.trigger.sha}"))
    source(kubectl, NAMESPACE, TEMPLATE, document, serviceAccountName=deployer(kubectl, NAMESPACE))
    about = {"name": "key", "namespace": NAMESPACE}
    kubectl.create(
        {"apiVersion": "v1", "kind": "Secret", "metadata": about, "stringData": {"key": KEY}}
    )
    place = {"accountRef": {"name": ACCOUNT}, "repository": git.url_of(REPOSITORY)}
    key = {"secretKeyRef": {"name": "key", "key": "key"}}
    _trigger(running, "pushes", {"type": "Push", "git": place, "branches": ["main"]})
    _trigger(running, "calls", {"type": "Webhook", "keyFrom": key})


def _trigger(running: Stage, name: str, spec: dict[str, Any]) -> None:
    body = {**spec, "targets": [{"kind": "Template", "name": TEMPLATE}]}
    about = {"name": name, "namespace": NAMESPACE}
    running.kubectl.create(
        {"apiVersion": API_VERSION, "kind": "GitTrigger", "metadata": about, "spec": body}
    )
    running.kubectl.wait_condition("GitTrigger", name, NAMESPACE, "Ready", "True")


def _pushes(running: Stage, runs: Runs, applied: Applied) -> Iterator[Figure]:
    provider = provider_of(running.kubectl, running.operator, NAMESPACE, ACCOUNT)
    answered, made, begun, done, spent = [], [], [], [], list[Usage]()
    for number in range(TIMES):
        commit = running.git.commit(REPOSITORY, {"app": str(number).encode()}, "Change")
        with running.usage() as used:
            sent_at = time.monotonic()
            _deliver(running, provider)
            answered.append(time.monotonic() - sent_at)
            made.append(runs.wait_for("made", commit) - sent_at)
            begun.append(runs.wait_for("begun", commit) - sent_at)
            done.append(applied.wait(lambda c=commit: c in applied.sights.values()) - sent_at)  # type: ignore[misc] # bound now
            running.wait_quiet()
            spent.append(used())
    yield Figure("signed delivery → answer", "s", tuple(answered))
    yield Figure("signed delivery → Run made", "s", tuple(made))
    yield Figure("signed delivery → Run begun", "s", tuple(begun))
    yield Figure("signed delivery → object applied, Git transfer included", "s", tuple(done))
    yield Figure("… API requests", "requests", tuple(len(s.api) for s in spent))
    yield Figure("… HTTP requests to the Git server", "requests", tuple(s.git for s in spent))
    yield Figure("… CPU of the operator", "s", tuple(s.cpu for s in spent))


def _deliver(running: Stage, provider: Provider) -> None:
    said = provider.push(running.git.url_of(REPOSITORY))
    if said.status != 202:
        raise RuntimeError(f"the receiver answered {said}")


def _calls(running: Stage, runs: Runs) -> Iterator[Figure]:
    place, path = receiver_of(running.operator), f"/hooks/run/{NAMESPACE}/GitTrigger/calls"
    answered, begun = [], []
    for number in range(TIMES):
        identity = f"call-{number:04}"
        sent_at = time.monotonic()
        said = call(place, path, KEY, Idempotency_Key=identity)
        answered.append(time.monotonic() - sent_at)
        if said.status != 202:
            raise RuntimeError(f"the receiver answered {said}")
        begun.append(runs.wait_for("begun", identity) - sent_at)
        running.wait_quiet()
    yield Figure("keyed call → answer, its Run made", "s", tuple(answered))
    yield Figure("keyed call → Run begun", "s", tuple(begun))
