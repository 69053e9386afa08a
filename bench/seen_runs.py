"""What a watcher sees of Runs: how far each is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from typing_extensions import override

from bench.watched import Watched

ENDED = ("Succeeded", "Failed", "Cancelled", "Skipped")


class SeenRuns(Watched[str]):
    """The phases of the Runs of a namespace; "" while there is none."""

    def __init__(self, kubeconfig: Path, namespace: str, patience: float) -> None:
        super().__init__(kubeconfig, "Run", namespace, patience)

    @override
    def look(self, thing: dict[str, Any]) -> str:
        phase: str = (thing.get("status") or {}).get("phase", "")
        return phase

    def wait_ended(self, number: int) -> float:
        """Wait until so many ended, all of them well; returns when, by the monotonic clock."""
        return self.wait(lambda: self._well() >= number)

    def wait_end(self, name: str) -> float:
        """Wait until one has ended well; returns when, by the monotonic clock."""
        return self.wait(lambda: self._succeeded(name))

    def _well(self) -> int:
        """Return how many succeeded; a bench of Runs that fail would be no measurement."""
        bad = {phase: count for phase, count in self.counts.items() if phase in ENDED[1:] and count}
        if bad:
            raise RuntimeError(f"Runs did not succeed: {bad}")
        return self.counts["Succeeded"]

    def _succeeded(self, name: str) -> bool:
        self._well()
        return self.sights.get(name) == "Succeeded"
