"""An image with this very Python, made of the files of this machine: nothing is pulled.

It is a stand-in for the public image: the same Python that runs the tests, its standard library and
the shared libraries that they need, and busybox for everything else.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

from ebbflow.devcluster.images import Image, busybox_layer, write_archive
from tests.support.tools import need

NAME = f"ebbflow.invalid/python:{sys.version_info.major}.{sys.version_info.minor}"
LEFT_OUT = re.compile(
    r"/(__pycache__|site-packages|dist-packages|test|tests|idlelib|tkinter|turtledemo|ensurepip|"
    r"lib2to3|config-[^/]*)(/|$)"
)
LIBRARY = re.compile(r"(/\S+) \(0x")


def write_python_archive(file: Path) -> Image:
    """Write an archive with the image, and return it."""
    image = Image(NAME, ("python3",))
    busybox = need("busybox", "install busybox-static")
    write_archive(file, python_layer(busybox), (image,))
    return image


def python_layer(busybox: Path) -> bytes:
    stream = io.BytesIO(busybox_layer(busybox))
    with tarfile.open(fileobj=stream, mode="a") as layer:
        interpreter = Path(sys.executable).resolve()
        library = Path(sysconfig.get_path("stdlib"))
        modules = list((library / "lib-dynload").glob("*.so"))
        layer.add(interpreter)
        layer.add(library, filter=_wanted)
        for each in sorted(_libraries([interpreter, *modules])):
            layer.add(each.resolve(), arcname=str(each))
        link = tarfile.TarInfo("usr/bin/python3")
        link.type, link.linkname = tarfile.SYMTYPE, str(interpreter)
        layer.addfile(link)
    return stream.getvalue()


def _wanted(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if LEFT_OUT.search(f"/{entry.name}") else entry


def _libraries(programs: list[Path]) -> set[Path]:
    ldd = shutil.which("ldd")
    assert ldd is not None
    shown = subprocess.run([ldd, *programs], capture_output=True, text=True, check=False).stdout
    return {Path(found) for found in LIBRARY.findall(shown)}
