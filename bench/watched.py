"""Objects as a watch shows them: told by the API server, so that looking costs nearly nothing."""

from __future__ import annotations

import json
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from tests.support.api_client import ApiClient
from tests.support.kubectl import KINDS

WATCH_SECONDS = 3600

S = TypeVar("S")


class Watched(ABC, Generic[S]):
    """The objects of one kind in a namespace, followed by a thread of its own.

    Of each only its sight is kept, a hashable value; `counts` tells how many have which.
    """

    def __init__(self, kubeconfig: Path, kind: str, namespace: str, patience: float) -> None:
        self._stream = _Stream(kubeconfig, "ebbflow-bench")
        self._path = KINDS[kind].path(namespace)
        self._patience = patience
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._follow, name=f"seen {kind}", daemon=True)
        self._stopped = False
        self.sights: dict[str, S] = {}
        self.counts: Counter[S] = Counter()

    @abstractmethod
    def look(self, thing: dict[str, Any]) -> S:
        """Return the sight of an object."""

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """End the watch."""
        self._stopped = True

    def number(self, like: Callable[[S], bool]) -> int:
        """Return how many objects are like this."""
        with self._changed:
            return sum(count for sight, count in self.counts.items() if like(sight))

    def wait(self, reached: Callable[[], bool]) -> float:
        """Wait until something is so; returns when that was, by the monotonic clock."""
        with self._changed:
            if not self._changed.wait_for(reached, self._patience):
                raise TimeoutError(f"not reached after {self._patience:.0f} s: {self.counts}")
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
            if before := self.sights.pop(name, None):
                self.counts[before] -= 1
            if kind != "DELETED":
                self.sights[name] = sight = self.look(thing)
                self.counts[sight] += 1
            self._changed.notify_all()


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
