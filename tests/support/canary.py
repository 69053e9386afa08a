"""A password that must turn up nowhere, and the search for it in every place that people can read."""

from __future__ import annotations

import base64
import json
import secrets
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, quote_plus

from typing_extensions import override

EBBFLOW_GROUP = "/apis/ebbflow.dev/v1alpha1"
PLACES = (
    "/api/v1/events",
    "/api/v1/configmaps",
    "/apis/coordination.k8s.io/v1/leases",
    "/apis/apps/v1/controllerrevisions",
)
# A token such as user:password is encoded as one text: the password may begin at any of 3 places.
BASE64_OFFSETS = (0, 1, 2)
SHORTEST = 8


@dataclass(frozen=True)
class Canary:
    """A secret value to search for; its repr does not show it."""

    value: str
    # Objects of repositories that it was searched for in: what a hash names never changes.
    looked_at: set[str] = field(default_factory=set, compare=False, repr=False)

    def __post_init__(self) -> None:
        if len(self.value) < SHORTEST:
            raise ValueError(f"a canary needs at least {SHORTEST} characters to be found for sure")

    @override
    def __repr__(self) -> str:
        return "Canary(***)"

    @classmethod
    def generate(cls) -> Self:
        """Make a random one whose characters look different in every encoding."""
        return cls(f'{secrets.token_hex(8)}/+%"\\=@:{secrets.token_hex(8)}')

    @cached_property
    def forms(self) -> frozenset[bytes]:
        """How the value may look: as it is, base64 (also inside a longer text), URL, JSON, hex.

        Long plain parts of it count as well, for half a password is a leak too.
        """
        plain = self.value.encode()
        texts = {self.value, quote(self.value, safe=""), quote(self.value), quote_plus(self.value)}
        texts |= {text.replace("%2F", "%2f") for text in texts} | set(_json_forms(self.value))
        found = {text.encode() for text in texts} | {plain.hex().encode()}
        found |= set(_base64_forms(plain)) | set(_plain_parts(self.value))
        return frozenset(found)

    def is_in(self, data: bytes) -> bool:
        """Tell whether any form of the value is in the data."""
        return any(form in data for form in self.forms)


def _json_forms(value: str) -> Iterator[str]:
    for ascii_only in (True, False):
        inner = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        yield inner
        yield json.dumps(inner, ensure_ascii=ascii_only)[1:-1]
        yield inner.replace("/", "\\/")
        # Go escapes these for the sake of HTML.
        yield inner.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _base64_forms(plain: bytes) -> Iterator[bytes]:
    for offset in BASE64_OFFSETS:
        shifted = b"\0" * offset + plain
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            encoded = encode(shifted)
            # The first and last characters also depend on the neighbours.
            first = -(-offset * 8 // 6)
            last = len(shifted) * 8 // 6
            yield encoded[first:last]


def _plain_parts(value: str) -> Iterator[bytes]:
    words = "".join(c if c.isascii() and c.isalnum() else " " for c in value).split()
    return (word.encode() for word in words if len(word) > SHORTEST)


class CanarySearch:
    """Collects where canaries turned up; the texts name the place and never the value.

    Look at a place while it is there; `verify` at the end raises for all of them.
    """

    def __init__(self) -> None:
        self.found: list[str] = []
        self._canaries: list[Canary] = []

    def add(self, canary: Canary) -> None:
        """Search for this value too, from now on."""
        self._canaries.append(canary)

    def look_at(self, where: str, data: bytes | str) -> None:
        """Look at any data, such as a page of metrics."""
        raw = data.encode() if isinstance(data, str) else data
        if self._is_in(raw):
            self.found.append(where)

    def look_at_files(self, where: str, directory: Path, pattern: str = "**/*") -> None:
        """Look at the files of a directory that match the pattern, as they are on disk."""
        for file in sorted(directory.glob(pattern)):
            if file.is_file():
                self.look_at(f"{where} {file.name}", file.read_bytes())

    def look_at_repositories(self, root: Path) -> None:
        """Look at every object and ref of every bare repository under `root`."""
        for config in sorted(root.rglob("HEAD")):
            if (config.parent / "objects").is_dir():
                self._look_at_repository(config.parent)

    def look_at_cluster(self, get: Callable[[str], bytes]) -> None:
        """Look at all events, ControllerRevisions, ConfigMaps, Leases and objects of ebbflow.dev.

        `get` reads a path of the API server. Objects come whole: with status and managedFields.
        """
        kinds = json.loads(get(EBBFLOW_GROUP))["resources"]
        own = [f"{EBBFLOW_GROUP}/{k['name']}" for k in kinds if "/" not in k["name"]]
        for path in (*PLACES, *own):
            raw = get(path)
            if self._is_in(raw):
                self._name_objects(path.rpartition("/")[2], json.loads(raw)["items"])

    def verify(self) -> None:
        """Raise AssertionError if a canary was anywhere."""
        if self.found:
            places = "\n  ".join(self.found)
            raise AssertionError(f"the password of the test's Git server turned up in:\n  {places}")

    def _is_in(self, data: bytes) -> bool:
        return any(canary.is_in(data) for canary in self._canaries)

    def _name_objects(self, resource: str, items: Iterable[dict[str, Any]]) -> None:
        guilty = [item["metadata"] for item in items if self._is_in(json.dumps(item).encode())]
        names = [f"{resource} {each.get('namespace')}/{each['name']}" for each in guilty]
        # A value that spans two objects belongs to none of them: say so rather than nothing.
        self.found.extend(names or [f"the list of {resource}"])

    def _look_at_repository(self, path: Path) -> None:
        self.look_at(f"refs of repository {path.name}", _git(path, "for-each-ref"))
        for sha, kind, data in _objects(path, self._looked_at):
            self.look_at(f"{kind} {sha} of repository {path.name}", data)
            for canary in self._canaries:
                canary.looked_at.add(sha)

    def _looked_at(self, sha: str) -> bool:
        """Whether every canary was searched for in this object: it is the same wherever it is."""
        return all(sha in canary.looked_at for canary in self._canaries)


def _objects(repository: Path, skip: Callable[[str], bool]) -> Iterator[tuple[str, str, bytes]]:
    form = "--batch-check=%(objectname)"
    names = _git(repository, "cat-file", "--batch-all-objects", form, "--unordered")
    wanted = [sha for sha in names.decode().split() if not skip(sha)]
    if not wanted:
        return
    raw = _git(repository, "cat-file", "--batch", "--buffer", stdin="\n".join(wanted).encode())
    at = 0
    while at < len(raw):
        end = raw.index(b"\n", at)
        sha, kind, size = raw[at:end].decode().split()
        data = raw[end + 1 : end + 1 + int(size)]
        yield sha, kind, data
        at = end + 1 + int(size) + 1


def _git(repository: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    return subprocess.run(
        ["git", f"--git-dir={repository}", *arguments],
        input=stdin,
        capture_output=True,
        check=True,
    ).stdout
