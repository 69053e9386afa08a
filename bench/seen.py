"""What a watcher sees of Templates: whether they are Ready, and what their documents say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typing_extensions import override

from bench.watched import Watched
from tests.support.kubectl import condition_of


@dataclass(frozen=True, slots=True)
class Sight:
    """One Template: whether it is Ready as it is now, and what its document says."""

    ready: bool
    value: str | None


class SeenTemplates(Watched[Sight]):
    """The Templates of a namespace."""

    def __init__(self, kubeconfig: Path, namespace: str, patience: float) -> None:
        super().__init__(kubeconfig, "Template", namespace, patience)

    @override
    def look(self, thing: dict[str, Any]) -> Sight:
        return _sight(thing)

    def value(self, name: str) -> str | None:
        """Return what a document says."""
        sight = self.sights.get(name)
        return sight.value if sight else None

    def is_ready(self, name: str) -> bool:
        """Tell whether a Template is Ready as it is now."""
        sight = self.sights.get(name)
        return sight is not None and sight.ready

    def count(self, *, ready: bool | None = None, value: str | None = None) -> int:
        """Return how many Templates there are like this; None: whichever."""
        return self.number(lambda s: ready in (None, s.ready) and value in (None, s.value))

    def wait_value(self, name: str, value: str) -> float:
        """Wait until a document says `value`; returns when that was, by the monotonic clock."""
        return self.wait(lambda: self.value(name) == value)

    def wait_ready(self, name: str, value: str | None = None) -> float:
        """Wait until a Template is Ready (with a value); returns when, by the monotonic clock."""
        return self.wait(lambda: self.is_ready(name) and value in (None, self.value(name)))

    def wait_all(self, number: int, value: str | None = None) -> float:
        """Wait until so many are Ready (with a value); returns when, by the monotonic clock."""
        return self.wait(lambda: self.count(ready=True, value=value) == number)

    def wait_first(self, value: str) -> float:
        """Wait until some document says `value`; returns when, by the monotonic clock."""
        return self.wait(lambda: self.count(value=value) > 0)


def _sight(thing: dict[str, Any]) -> Sight:
    ready = condition_of(thing, "Ready")
    is_ready = (
        ready is not None
        and ready["status"] == "True"
        and ready["observedGeneration"] == thing["metadata"]["generation"]
    )
    document = thing["spec"].get("document") or {}
    return Sight(is_ready, document.get("arguments", {}).get("value"))
