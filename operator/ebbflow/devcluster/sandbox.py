"""The first process of a real node: whatever runs in its namespaces ends with it.

Run as a file by real_node.py in fresh network, mount and process namespaces, so it imports the
standard library only. It hides the directories of the machine that a node writes to behind
directories of the node's own, keeps the kernel's settings from the kubelet, opens volumes to
pods, starts containerd and takes the exit codes of processes that lost their parent.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from contextlib import suppress

# Where containerd, the kubelet, kube-proxy and the CNI plugins write, sockets and state alike.
HIDDEN = ("/run", "/tmp", "/var/lib", "/var/log")  # noqa: S108 - names of mount points
# Where the controller manager makes volumes.
VOLUMES = "/tmp/hostpath_pv"  # noqa: S108 - a directory of the node's own
# What the kubelet would set for the whole machine: it finds the values that it wants.
SETTINGS = {
    "kernel/keys/root_maxbytes": 25_000_000,
    "kernel/keys/root_maxkeys": 1_000_000,
    "kernel/panic": 10,
    "kernel/panic_on_oops": 1,
    "vm/overcommit_memory": 1,
    "vm/panic_on_oom": 0,
}


def mount(source: str, target: str, *kept_open: int) -> None:
    """Bind `source` to `target`."""
    # As it is: the path behind a handle may mean another directory by now.
    command = ["mount", "--no-canonicalize", "--bind", source, target]
    subprocess.run(command, check=True, pass_fds=kept_open)  # noqa: S603 - a fixed program


def hide(own: str, kept: list[str]) -> None:
    """Put directories below `own` in the place of HIDDEN; what is `kept` stays where it is.

    All of them are opened first and bound through their handles, for they may lie below a place
    that is hidden.
    """
    own_places = {place: os.path.join(own, place[1:].replace("/", "-")) for place in HIDDEN}  # noqa: PTH118
    for directory in own_places.values():
        os.makedirs(directory, exist_ok=True)  # noqa: PTH103 - pathlib starts slower
    covered = [path for path in kept if path.startswith(tuple(f"{place}/" for place in HIDDEN))]
    handles = {path: _open(path) for path in (*own_places.values(), *covered)}
    for place, directory in own_places.items():
        mount(f"/proc/self/fd/{handles[directory]}", place, handles[directory])
    for path in covered:
        os.makedirs(path, exist_ok=True)  # noqa: PTH103
        mount(f"/proc/self/fd/{handles[path]}", path, handles[path])
    for handle in handles.values():
        os.close(handle)


def _open(directory: str) -> int:
    return os.open(directory, os.O_PATH | os.O_DIRECTORY)


def keep_settings(own: str) -> None:
    """Bind files with the values that the kubelet wants over the kernel's settings."""
    for name, value in SETTINGS.items():
        file = os.path.join(own, name.replace("/", "."))  # noqa: PTH118
        with open(file, "w") as written:  # noqa: PTH123
            written.write(f"{value}\n")
        mount(file, f"/proc/sys/{name}")


def open_volumes() -> None:
    """Let any user write to the volumes that are made from now on.

    The controller manager makes them for root alone, and Kubernetes gives a directory of the node
    to no group, so restricted pods could not use them.
    """
    os.makedirs(VOLUMES, exist_ok=True)  # noqa: PTH103
    watched = os.open(VOLUMES, os.O_RDONLY | os.O_DIRECTORY)

    def look(*_: object) -> None:
        # First, so that what is made meanwhile is told again: a watch tells once.
        fcntl.fcntl(watched, fcntl.F_NOTIFY, fcntl.DN_CREATE)
        for volume in os.scandir(VOLUMES):
            # One may be removed at this very moment, and the node must not end by it.
            with suppress(FileNotFoundError):
                os.chmod(volume.path, 0o777)  # noqa: PTH101, S103

    signal.signal(signal.SIGIO, look)
    look()


def run(command: list[str]) -> int:
    """Run `command` and take every exit code until its own comes; return that."""
    child = subprocess.Popen(command)  # noqa: S603 - what real_node.py asks for
    while True:
        pid, status = os.wait()
        if pid == child.pid:
            return os.waitstatus_to_exitcode(status)


def main(arguments: list[str]) -> int:
    """Arguments: the directory for what is hidden, directories to keep, `--`, the command."""
    split = arguments.index("--")
    own, kept = arguments[0], arguments[1:split]
    hide(own, kept)
    keep_settings(own)
    open_volumes()
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)  # noqa: S607 - of PATH
    return run(arguments[split + 1 :])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
