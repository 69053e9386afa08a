"""A pid file means one process for all time, never another that got the same pid."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ebbflow.devcluster.identity import ProcessIdentity
from tests.support.waiting import eventually


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["/bin/sleep", "60"]) as child:
        yield child
        child.kill()


def test_a_running_process_is_alive(sleeper: subprocess.Popen[bytes]) -> None:
    identity = ProcessIdentity.of(sleeper.pid)

    assert identity is not None
    assert identity.alive()


def test_a_process_of_the_same_pid_but_another_start_is_not_it(
    sleeper: subprocess.Popen[bytes],
) -> None:
    identity = ProcessIdentity.of(sleeper.pid)
    assert identity is not None
    recycled = dataclasses.replace(identity, started="another time")

    assert not recycled.alive()
    assert not recycled.send(signal.SIGKILL)
    assert sleeper.poll() is None


def test_a_signal_reaches_the_process(sleeper: subprocess.Popen[bytes]) -> None:
    identity = ProcessIdentity.of(sleeper.pid)
    assert identity is not None

    assert identity.send(signal.SIGKILL)

    assert sleeper.wait(10) == -signal.SIGKILL
    assert not identity.alive()
    assert not identity.send(signal.SIGKILL)


def test_a_stopped_process_is_alive_and_a_zombie_is_not(sleeper: subprocess.Popen[bytes]) -> None:
    identity = ProcessIdentity.of(sleeper.pid)
    assert identity is not None

    assert not identity.stopped()
    identity.send(signal.SIGSTOP)
    eventually(identity.stopped, 10, "the process to come to rest")
    assert identity.alive()
    identity.send(signal.SIGKILL)

    eventually(lambda: not identity.alive(), 10, "the process to end")
    assert ProcessIdentity.of(sleeper.pid, ended_too=True) == identity


def test_a_name_with_spaces_and_parentheses_does_not_confuse_the_start_time(tmp_path: Path) -> None:
    odd = tmp_path / "a) S (b"
    odd.symlink_to("/bin/sleep")
    with subprocess.Popen([str(odd), "60"]) as child:
        identity = ProcessIdentity.of(child.pid)
        child.kill()

    own = ProcessIdentity.of(os.getpid())
    assert identity is not None
    assert own is not None
    # Boot id and ticks: what came before us started before us.
    assert identity.started.split("/")[0] == own.started.split("/")[0]
    assert int(identity.started.split("/")[1]) >= int(own.started.split("/")[1])


def test_a_pid_file_comes_back_as_it_was_written(tmp_path: Path) -> None:
    identity = ProcessIdentity(12, "boot/345")

    identity.save(tmp_path / "etcd.json")

    assert ProcessIdentity.load(tmp_path / "etcd.json") == identity


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("", id="empty"),
        pytest.param("1234", id="a-bare-pid"),
        pytest.param("[]", id="not-a-mapping"),
        pytest.param('{"pid": 1}', id="no-start-time"),
        pytest.param('{"pid": "x", "started": "y"}', id="no-number"),
    ],
)
def test_what_is_no_pid_file_means_no_process(tmp_path: Path, content: str) -> None:
    (tmp_path / "etcd.json").write_text(content)

    assert ProcessIdentity.load(tmp_path / "etcd.json") is None


def test_a_missing_pid_file_means_no_process(tmp_path: Path) -> None:
    assert ProcessIdentity.load(tmp_path / "etcd.json") is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows the first thread as a zombie")
def test_a_process_is_alive_while_any_of_its_threads_holds_its_ports() -> None:
    script = (
        "import ctypes, threading, time;"
        "threading.Thread(target=time.sleep, args=(60,)).start();"
        "ctypes.CDLL(None).pthread_exit(None)"
    )
    with subprocess.Popen([sys.executable, "-c", script]) as child:
        stat = Path(f"/proc/{child.pid}/stat")
        eventually(lambda: ") Z " in stat.read_text(), 10, "the first thread to end")
        identity = ProcessIdentity.of(child.pid)
        child.kill()

    assert identity is not None
    assert not identity.alive()
