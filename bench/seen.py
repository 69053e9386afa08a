"""What a watcher sees of Templates: told by the API server, so that looking costs nearly nothing."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.support.api_client import ApiClient
from tests.support.kubectl import KINDS, condition_of

WATCH_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Sight:
    """One Template: whether it is Ready as it is now, and what its document says."""

    ready: bool
    value: str | None


class SeenTemplates:
    """The Templates of a namespace as a watch shows them, in a thread of its own."""

    def __init__(self, kubeconfig: Path, namespace: str, patience: float) -> None:
        self._stream = _Stream(kubeconfig, "ebbflow-bench")
        self._path = KINDS["Template"].path(namespace)
        self._patience = patience
        self._sights: dict[str, Sight] = {}
        self._counts: Counter[Sight] = Counter()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._follow, name="seen", daemon=True)
        self._stopped = False

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """End the watch."""
        self._stopped = True

    def value(self, name: str) -> str | None:
        """Return what a document says."""
        sight = self._sights.get(name)
        return sight.value if sight else None

    def is_ready(self, name: str) -> bool:
        """Tell whether a Template is Ready as it is now."""
        sight = self._sights.get(name)
        return sight is not None and sight.ready

    def count(self, *, ready: bool | None = None, value: str | None = None) -> int:
        """Return how many Templates there are like this; None: whichever."""
        with self._changed:
            return sum(
                count
                for sight, count in self._counts.items()
                if ready in (None, sight.ready) and value in (None, sight.value)
            )

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

    def wait(self, reached: Callable[[], bool]) -> float:
        """Wait until something is so; returns when that was, by the monotonic clock."""
        with self._changed:
            if not self._changed.wait_for(reached, self._patience):
                raise TimeoutError(f"not reached after {self._patience:.0f} s: {self._counts}")
            return time.monotonic()

    def _follow(self) -> None:
        version = "0"
        while not self._stopped:
            with suppress(OSError, HTTPException, ValueError):
                query = {"watch": "true", "resourceVersion": version}
                for event in self._stream.events(self._path, query):
                    if event["type"] == "ERROR":
                        version = "0"  # too old to go on from: all objects are shown anew
                        break
                    version = event["object"]["metadata"]["resourceVersion"]
                    self._note(event["type"], event["object"])
            time.sleep(0.1)

    def _note(self, kind: str, thing: dict[str, Any]) -> None:
        name = thing["metadata"]["name"]
        with self._changed:
            if before := self._sights.pop(name, None):
                self._counts[before] -= 1
            if kind != "DELETED":
                self._sights[name] = sight = _sight(thing)
                self._counts[sight] += 1
            self._changed.notify_all()


def _sight(thing: dict[str, Any]) -> Sight:
    ready = condition_of(thing, "Ready")
    is_ready = (
        ready is not None
        and ready["status"] == "True"
        and ready["observedGeneration"] == thing["metadata"]["generation"]
    )
    document = thing["spec"].get("document") or {}
    return Sight(is_ready, document.get("arguments", {}).get("value"))


class _Stream(ApiClient):
    """A client that reads an answer line by line while it comes."""

    def events(self, path: str, query: dict[str, str]) -> Iterator[dict[str, Any]]:
        """Watch a path until the API server ends it."""
        self._forget()
        connection = self._connection()
        connection.connect()
        if connection.sock is not None:
            connection.sock.settimeout(None)  # nothing may happen for long
        asked = {**query, "timeoutSeconds": str(WATCH_SECONDS)}
        connection.request("GET", f"{path}?{urlencode(asked)}", headers=self._headers)
        for line in connection.getresponse():
            yield json.loads(line)
