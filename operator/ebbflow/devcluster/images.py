"""Container images made on this machine: there is no registry to pull from.

An image is a tar archive in the form of `docker save` (Docker Image Specification v1.2): layers,
a configuration for each image, and a manifest that names them.
"""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ebbflow.devcluster.build import machine

BUSYBOX: Final = "busybox:1.36"
PAUSE: Final = "ebbflow.local/pause:1"
SEARCH_PATH: Final = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Image:
    """A name and what runs in a container of it that says nothing else."""

    name: str
    command: tuple[str, ...]
    environment: tuple[str, ...] = (SEARCH_PATH,)


IMAGES: Final = (
    Image(BUSYBOX, ("sh",)),
    # A pod's first process only has to stay; nobody waits for it to end by itself.
    Image(PAUSE, ("sleep", "1000000000")),
)


def busybox_layer(busybox: Path) -> bytes:
    """Return a layer with a static busybox under the name of each of its programs."""
    listed = subprocess.run(  # noqa: S603 - the machine's busybox, no shell
        [busybox, "--list"], capture_output=True, text=True, check=True
    )
    applets = [name for name in listed.stdout.split() if name != "busybox"]
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as layer:
        for name in ("bin", "etc", "home", "root", "usr", "usr/bin", "var"):
            layer.addfile(_entry(name, 0o755, tarfile.DIRTYPE))
        layer.addfile(_entry("tmp", 0o1777, tarfile.DIRTYPE))
        _add_file(layer, "bin/busybox", busybox.read_bytes(), 0o755)
        _add_file(layer, "etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:\n")
        _add_file(layer, "etc/group", b"root:x:0:\nnobody:x:65534:\n")
        for name in applets:
            link = _entry(f"bin/{name}", 0o777, tarfile.SYMTYPE)
            link.linkname = "busybox"
            layer.addfile(link)
    return stream.getvalue()


def write_archive(file: Path, layer: bytes, images: tuple[Image, ...] = IMAGES) -> None:
    """Write an archive of images that all have the one layer."""
    with tarfile.open(file, "w") as archive:
        _add_file(archive, "layer.tar", layer)
        manifest = []
        for name, config in _configurations(layer, images):
            digest = hashlib.sha256(config).hexdigest()
            _add_file(archive, f"{digest}.json", config)
            manifest.append(
                {"Config": f"{digest}.json", "RepoTags": [name], "Layers": ["layer.tar"]}
            )
        _add_file(archive, "manifest.json", json.dumps(manifest).encode())


def _configurations(layer: bytes, images: tuple[Image, ...]) -> Iterator[tuple[str, bytes]]:
    difference = f"sha256:{hashlib.sha256(layer).hexdigest()}"
    for image in images:
        config: dict[str, Any] = {
            "architecture": machine(),
            "os": "linux",
            "config": {
                "Cmd": list(image.command),
                "Env": list(image.environment),
            },
            "rootfs": {"type": "layers", "diff_ids": [difference]},
        }
        yield image.name, json.dumps(config).encode()


def _entry(name: str, mode: int, kind: bytes) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.mode, entry.type = mode, kind
    return entry


def _add_file(archive: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    entry = _entry(name, mode, tarfile.REGTYPE)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))
