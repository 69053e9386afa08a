"""The real operator as a process of its own, to be started, killed and asked."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.support.waiting import eventually

READY_SECONDS = 30.0
END_SECONDS = 15.0
GRACE_SECONDS = 3.0
ANSWER_SECONDS = 5.0
TAIL_LINES = 60
LISTENING = "listening"
NOT_PASSED_ON = ("KUBE", "EBBFLOW_", "GIT_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


@dataclass(frozen=True, slots=True)
class Ended:
    """How long a process took to end, in seconds, and its exit code (negative: the signal)."""

    seconds: float
    code: int


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a running operator answers, as it logged it: `host:port`."""

    health: str
    metrics: str


class OperatorProcess:
    """One operator: `ebbflow operator` under a kubeconfig, at most one process at a time.

    Each start writes a log of its own in `directory`; the cache directory and the identity stay the
    same over restarts. `group` is a process group that ends with the tests' process. Methods may be
    called from any thread. Failures are AssertionErrors that hold the end of the log.
    """

    def __init__(
        self,
        kubeconfig: Path,
        directory: Path,
        *,
        namespaces: Sequence[str] = (),
        flags: Sequence[str] = (),
        identity: str = "test-operator",
        environment: Mapping[str, str] | None = None,
        group: int | None = None,
        insecure_http: bool = True,
    ) -> None:
        self.kubeconfig = kubeconfig
        self.directory = directory
        self.cache_dir = directory / "cache"
        self.identity = identity
        self._flags = [f"--namespace={namespace}" for namespace in namespaces] + list(flags)
        if insecure_http:
            self._flags.append("--allow-insecure-http")
        self._environment = dict(environment or {})
        self._group = group
        self._process: subprocess.Popen[bytes] | None = None
        self._addresses: Addresses | None = None
        self._starts = 0
        directory.mkdir(parents=True, exist_ok=True)

    # Its life

    @property
    def pid(self) -> int:
        """The process id; raises AssertionError if it was never started."""
        return self._started.pid

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the process; it is not ready yet."""
        assert not self.running, "the operator runs already"
        self._starts += 1
        self._addresses = None
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                env=self._whole_environment(),
                process_group=self._group,
            )

    def wait_ready(self, timeout: float = READY_SECONDS) -> None:
        """Wait until /readyz answers 200."""

        def ready() -> bool:
            assert self._logged() is not None, "it has not logged where it listens"
            status, text = self._ready()
            assert status == 200, text
            return True

        try:
            eventually(ready, timeout, "the operator to be ready")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.tail()}") from None

    def kill(self) -> None:
        """End the process as a crash would (SIGKILL) and wait until it is gone."""
        self._started.send_signal(signal.SIGKILL)
        self._started.wait(END_SECONDS)

    def terminate(self, timeout: float = END_SECONDS) -> Ended:
        """Ask the process to end (SIGTERM); how long it took and its exit code."""
        began = time.monotonic()
        self._started.send_signal(signal.SIGTERM)
        return self._wait(began, timeout)

    def wait_end(self, timeout: float) -> Ended:
        """Wait until the process ends by itself, as when it lost its Lease."""
        return self._wait(time.monotonic(), timeout)

    def restart(self) -> None:
        """End the process if it runs, start it again and wait until it is ready."""
        if self.running:
            self.terminate()
        self.start()
        self.wait_ready()

    def pause(self) -> None:
        """Stop the process in its tracks (SIGSTOP) until `resume`."""
        self._started.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused process go on."""
        self._started.send_signal(signal.SIGCONT)

    def end(self) -> None:
        """End the process whatever its state is: orderly within 3 s, else by SIGKILL.

        That it ends in time is for a test with `terminate` to hold.
        """
        if not self.running:
            return
        self.resume()
        self._started.terminate()
        try:
            self._started.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    # What it says

    @property
    def log(self) -> Path:
        """The log of the last start."""
        return self.directory / f"operator-{self._starts}.log"

    def tail(self, lines: int = TAIL_LINES) -> str:
        """The end of the log of the last start, with its name."""
        if not self.log.exists():
            return f"{self.identity} was not started"
        text = self.log.read_text(errors="replace").splitlines()
        return "\n".join([f"--- the end of {self.identity}'s {self.log.name}:", *text[-lines:]])

    def records(self) -> Iterator[dict[str, Any]]:
        """The entries of the last start's JSON log; other lines are left out."""
        for line in self.log.read_text(errors="replace").splitlines():
            if line.startswith("{"):
                try:
                    yield json.loads(line)
                except ValueError:
                    # The last line may still be half written.
                    continue

    def addresses(self, timeout: float = READY_SECONDS) -> Addresses:
        """Where the running process answers; waits until it has logged that."""
        if self._addresses is None:
            self._addresses = eventually(self._logged, timeout, "the operator to listen")
        assert self._addresses is not None
        return self._addresses

    def answers(self) -> bool:
        """Whether it runs, is not paused, and its pages can be read now."""
        return self.running and self._addresses is not None and self._ready()[0] != 0

    def ready_text(self) -> str:
        """What /readyz says, whatever the status is."""
        return self._ready()[1]

    def metrics_text(self) -> str:
        """The metrics page."""
        return _get(f"http://{self.addresses().metrics}/metrics")[1]

    def metrics(self) -> dict[str, float]:
        """Each sample by its name and labels, such as `ebbflow_syncs_total{result="Done"}`.

        Labels are in alphabetical order.
        """
        families = text_string_to_metric_families(self.metrics_text())
        samples = (sample for family in families for sample in family.samples)
        return {sample_name(sample.name, sample.labels): sample.value for sample in samples}

    def metric(self, name: str, **labels: str) -> float:
        """The sum of the samples of this name that have these labels; 0 if there are none."""
        families = text_string_to_metric_families(self.metrics_text())
        return sum(
            sample.value
            for family in families
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    # How

    @property
    def _started(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "the operator was not started"
        return self._process

    def _command(self) -> list[str]:
        return [
            *(sys.executable, "-m", "ebbflow", "operator"),
            "--poll-interval=1s",
            "--commit-window=0s",
            "--health-address=127.0.0.1:0",
            "--metrics-address=127.0.0.1:0",
            "--log-format=json",
            f"--identity={self.identity}",
            f"--cache-dir={self.cache_dir}",
            *self._flags,
        ]

    def _whole_environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.upper().startswith(NOT_PASSED_ON)}
        own = {"KUBECONFIG": str(self.kubeconfig), "HOME": str(self.directory)}
        return kept | own | {"PYTHONUNBUFFERED": "1"} | self._environment

    def _must_run(self) -> None:
        code = self._started.poll()
        if code is not None:
            # No AssertionError: those mean "not yet" to the one who waits.
            raise OperatorEnded(f"the operator ended with exit code {code}\n{self.tail()}")

    def _logged(self) -> Addresses | None:
        self._must_run()
        for record in self.records():
            if str(record.get("msg", "")).startswith(LISTENING) and "metrics" in record:
                return Addresses(str(record["health"]), str(record["metrics"]))
        return None

    def _ready(self) -> tuple[int, str]:
        return _get(f"http://{self.addresses().health}/readyz")

    def _wait(self, began: float, timeout: float) -> Ended:
        try:
            code = self._started.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"the operator did not end within {timeout:g} s\n{self.tail()}"
            ) from None
        return Ended(time.monotonic() - began, code)


class OperatorEnded(RuntimeError):
    """The operator ended while a test waited for it; the text holds the end of its log."""


def sample_name(name: str, labels: Mapping[str, str]) -> str:
    """Write a sample's name as the metrics page does, with the labels in alphabetical order."""
    inside = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
    return f"{name}{{{inside}}}" if inside else name


# Loopback only: a proxy of the environment must not see it.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _get(url: str) -> tuple[int, str]:
    try:
        with _opener.open(url, timeout=ANSWER_SECONDS) as answer:
            status, body = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, body = error.code, error.read()
    except OSError as error:
        return 0, f"no answer: {error}"
    return status, body.decode(errors="replace")
