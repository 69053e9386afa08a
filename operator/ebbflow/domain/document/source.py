"""The text of a file: decoded, with positions."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ebbflow.domain.document.invalid import InvalidDocument
from ebbflow.domain.document.limits import MAX_BYTES

_BREAK = re.compile(r"\r\n|\n|\r")
_BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class Source:
    """A file's text without its byte order mark. Offsets count characters of `text`."""

    text: str
    bom: bool

    def position(self, offset: int) -> tuple[int, int]:
        """Return the line and the column of a character, both from 1."""
        line, start = 1, 0
        for found in _BREAK.finditer(self.text, 0, offset):
            line, start = line + 1, found.end()
        return line, offset - start + 1

    def fault(self, message: str, offset: int, path: str | None = None) -> InvalidDocument:
        """Return the error that points at a character."""
        line, column = self.position(offset)
        return InvalidDocument(message, line=line, column=column, path=path)

    def encode(self, text: str) -> bytes:
        """Return the bytes of an edited text, with the byte order mark that the file had."""
        return ((_BOM if self.bom else "") + text).encode()


def decode(data: bytes) -> Source:
    """Decode a file as UTF-8, with or without a byte order mark.

    Raises InvalidDocument when it is larger than 512 KiB or not UTF-8.
    """
    if len(data) > MAX_BYTES:
        raise InvalidDocument(
            f"the file has {len(data)} bytes; a document may have {MAX_BYTES} (512 KiB)"
        )
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        before = Source(data[: error.start].decode().removeprefix(_BOM), bom=False)
        raise before.fault(
            "the file is not UTF-8 here; save it as UTF-8", len(before.text)
        ) from None
    return Source(text.removeprefix(_BOM), bom=text.startswith(_BOM))
