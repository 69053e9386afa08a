"""Processes end with their parent, however it ends, and only then."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ebbflow.devcluster.identity import ProcessIdentity
from ebbflow.devcluster.processes import Keeper, Part, launch, log_tail
from ebbflow.devcluster.trouble import ClusterFailed
from tests.support.waiting import eventually

PARENT = """\
import sys, threading, time
from pathlib import Path
from ebbflow.devcluster.processes import Keeper, launch
directory = Path(sys.argv[1])
keeper = Keeper(remove=directory / "state")
def start():
    part = launch("sleep", ["/bin/sleep", "60"], directory / "log", group=keeper.group)
    part.identity.save(directory / "pid")
thread = threading.Thread(target=start)
thread.start()
thread.join()
{rest}
"""


def parent_of_a_sleeper(
    tmp_path: Path, rest: str = "time.sleep(60)"
) -> tuple[subprocess.Popen[bytes], ProcessIdentity]:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "secret.key").touch()
    parent = subprocess.Popen([sys.executable, "-c", PARENT.format(rest=rest), str(tmp_path)])
    child = eventually(lambda: ProcessIdentity.load(tmp_path / "pid"), 20, "the child to start")
    return parent, child


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_child_ends_with_its_parent(tmp_path: Path, number: signal.Signals) -> None:
    parent, child = parent_of_a_sleeper(tmp_path)
    assert child.alive()

    parent.send_signal(number)
    parent.wait(10)

    eventually(lambda: not child.alive(), 10, "the child to end")
    eventually(lambda: not (tmp_path / "state").exists(), 10, "its state to be removed")


def test_a_program_forked_from_the_parent_does_not_keep_the_children_alive(tmp_path: Path) -> None:
    rest = "import os\nif os.fork() == 0:\n    time.sleep(4)\ntime.sleep(60)"
    parent, child = parent_of_a_sleeper(tmp_path, rest)

    parent.kill()
    parent.wait(10)

    eventually(lambda: not child.alive(), 3, "the child to end though the pipe is held open")


def test_a_child_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    parts: list[Part] = []
    with Keeper() as keeper:

        def start() -> None:
            command = ["/bin/sleep", "60"]
            parts.append(launch("sleep", command, tmp_path / "log", group=keeper.group))

        thread = threading.Thread(target=start)
        thread.start()
        thread.join()
        assert parts[0].alive()
        parts[0].end()
    assert not parts[0].alive()


def test_a_released_keeper_ends_alone(tmp_path: Path) -> None:
    keeper = Keeper(remove=tmp_path / "state")
    (tmp_path / "state").mkdir()
    part = launch("sleep", ["/bin/sleep", "60"], tmp_path / "log", group=keeper.group)

    keeper.release()

    assert part.alive()
    assert (tmp_path / "state").exists()
    part.end()


def test_without_a_group_a_process_has_a_session_of_its_own(tmp_path: Path) -> None:
    part = launch("sleep", ["/bin/sleep", "60"], tmp_path / "log", group=None)

    assert os.getsid(part.identity.pid) == part.identity.pid
    part.end()


def test_a_process_that_does_not_heed_a_request_is_killed_after_the_grace(tmp_path: Path) -> None:
    script = "trap '' TERM; echo ready; while :; do sleep 0.05; done"
    log = tmp_path / "log"
    part = launch("stubborn", ["/bin/sh", "-c", script], log, group=None)
    eventually(lambda: log.read_text() == "ready\n", 10, "the process to ignore SIGTERM")

    part.end(grace_seconds=0.1)

    assert part.child is not None
    assert part.child.returncode == -signal.SIGKILL


def test_a_process_that_heeds_a_request_is_not_killed(tmp_path: Path) -> None:
    part = launch("sleep", ["/bin/sleep", "60"], tmp_path / "log", group=None)

    part.end(grace_seconds=10)

    assert part.child is not None
    assert part.child.returncode == -signal.SIGTERM


def test_a_program_that_is_not_there_is_named_with_what_to_do(tmp_path: Path) -> None:
    missing = tmp_path / "etcd"

    with pytest.raises(ClusterFailed) as caught:
        launch("etcd", [str(missing)], tmp_path / "log", group=None)

    assert str(caught.value).splitlines() == [
        "etcd cannot be started: No such file or directory",
        f"  where: {missing}",
        "  what to do: check that the file is there and may be executed on this machine",
    ]


def test_the_end_of_a_long_log_is_cut_to_a_few_short_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"{number} {'x' * 1000}\n" for number in range(1000)))

    tail = log_tail(log)

    assert [line.split()[0] for line in tail] == [str(number) for number in range(992, 1000)]
    assert max(map(len, tail)) == 300


def test_a_missing_log_has_no_lines(tmp_path: Path) -> None:
    assert log_tail(tmp_path / "none") == []


@pytest.mark.skipif(sys.platform != "linux", reason="only nodes on Linux have such parts")
def test_a_part_may_be_the_process_that_a_command_waits_for(tmp_path: Path) -> None:
    command = ["sh", "-c", "sleep 300 & wait"]
    waiter = launch("waiter", command, tmp_path / "log", group=None)
    part = dataclasses.replace(waiter, identity=waiter.wait_for_child())
    assert part.identity != waiter.identity

    part.send(signal.SIGSTOP)
    eventually(part.identity.stopped, 10, "the process to stop")
    assert part.alive()

    part.end()

    assert not part.alive()
    assert not part.identity.alive()
    assert not waiter.identity.alive()


@pytest.mark.skipif(sys.platform != "linux", reason="only nodes on Linux have such parts")
def test_a_command_that_starts_nothing_is_told_with_its_last_words(tmp_path: Path) -> None:
    part = launch(
        "waiter", ["sh", "-c", "echo no such place; exit 4"], tmp_path / "log", group=None
    )

    with pytest.raises(ClusterFailed, match=r"(?s)waiter ended with exit code 4.*no such place"):
        part.wait_for_child()
