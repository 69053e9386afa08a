"""What the operator and the unpacking process say to each other: an order, and a result."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from ebbflow.adapters.unpack.scan import PackBounds


@dataclass(frozen=True, slots=True)
class Order:
    """Unpack standard input into an object directory, within bounds.

    parent: the process to end with. memory_bytes: of address space; cpu_seconds: of the processor;
    file_bytes: of each file.
    """

    directory: str
    parent: int
    bounds: PackBounds
    memory_bytes: int
    cpu_seconds: int
    file_bytes: int

    def to_text(self) -> str:
        """Return the order as an argument of a program."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> Order:
        """Read what `to_text` wrote."""
        fields = json.loads(text)
        return cls(**{**fields, "bounds": PackBounds(**fields["bounds"])})


@dataclass(frozen=True, slots=True)
class Unpacked:
    """The pack is in the directory; its largest object has so many bytes."""

    largest: int

    def to_text(self) -> str:
        """Return the result as one line."""
        return json.dumps({"unpacked": self.largest})


@dataclass(frozen=True, slots=True)
class Refused:
    """The pack would become more than it may; `words` say what, for people."""

    words: str

    def to_text(self) -> str:
        """Return the result as one line."""
        return json.dumps({"refused": self.words})


@dataclass(frozen=True, slots=True)
class Broken:
    """The pack cannot be unpacked; `kind` is the name of the error."""

    kind: str

    def to_text(self) -> str:
        """Return the result as one line."""
        return json.dumps({"broken": self.kind})


@dataclass(frozen=True, slots=True)
class Failed:
    """The machine could not do it, in these words."""

    words: str

    def to_text(self) -> str:
        """Return the result as one line."""
        return json.dumps({"failed": self.words})


Result = Unpacked | Refused | Broken | Failed


def read_result(text: str) -> Result | None:
    """Read a result; None if the process ended without one."""
    try:
        said = json.loads(text)
    except ValueError:
        return None
    match said:
        case {"unpacked": int(largest)}:
            return Unpacked(largest)
        case {"refused": str(words)}:
            return Refused(words)
        case {"broken": str(kind)}:
            return Broken(kind)
        case {"failed": str(words)}:
            return Failed(words)
        case _:
            return None
