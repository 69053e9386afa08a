"""Values as YAML text on one line."""

from __future__ import annotations

import re

import yaml

from ebbflow.domain.document import InvalidDocument
from ebbflow.domain.document.source import Source
from ebbflow.domain.document.syntax import Json, Mapping, Scalar
from ebbflow.domain.document.yaml_reader import read_yaml
from ebbflow.domain.document.yaml_scalar import CannotResolve, resolve_plain

_SURELY_PLAIN = re.compile(r"[A-Za-z_/.][A-Za-z0-9_./@=+-]*+(?: [A-Za-z0-9_./@=+()-]++)*+")
_NEVER_PLAIN = re.compile(
    r"[^\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_MARKS = ("-", "?", ":")  # read as indicators in some places
_TO_ESCAPE = re.compile(r'["\\]|' + _NEVER_PLAIN.pattern)
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\x85": "\\N"}
_LONG = 0xFFFF
_SHORT = 0xFF


def scalar_text(value: Json, *, flow: bool, quote: str = '"') -> str:
    """Write a scalar on one line, plain if it can be, else in the given quotes if they can hold it."""
    if isinstance(value, str):
        if can_be_plain(value, flow=flow):
            return value
        only_double = '"' in value or "\\" in value
        return quoted(value, "'" if only_double and "'" not in value else quote)
    return number_text(value)


def number_text(value: Json) -> str:
    """Write what is no string: null, a boolean or a number."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case _:
            return repr(value)


def quoted(text: str, quote: str) -> str:
    """Write a string in quotes: in single ones only if asked for and possible."""
    if quote == "'" and not _NEVER_PLAIN.search(text):
        return "'" + text.replace("'", "''") + "'"
    return '"' + escaped(text) + '"'


def escaped(text: str) -> str:
    """Escape what cannot stand in double quotes as it is; printable characters stay."""
    return _TO_ESCAPE.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    if character in _ESCAPES:
        return _ESCAPES[character]
    code = ord(character)
    if code > _LONG:
        return f"\\U{code:08X}"
    return f"\\u{code:04X}" if code > _SHORT else f"\\x{code:02X}"


def can_be_plain(text: str, *, flow: bool) -> bool:
    """Tell whether a string may stand without quotes and is read as this string by everyone.

    Everyone: our reader, and readers of YAML 1.1 that take dates and base 60 numbers for values.
    """
    if is_ambiguous(text) or text in _MARKS or _NEVER_PLAIN.search(text):
        return False
    if _SURELY_PLAIN.fullmatch(text):
        return True
    if flow and "?" in text:
        return False  # kubectl's reader takes it for a key mark even within a word
    return reads_as(text, text, flow=flow)


def is_ambiguous(text: str) -> bool:
    """Tell whether plain text would be read as something else than a string by some reader."""
    if not text:
        return True
    try:
        if not isinstance(resolve_plain(text), str):
            return True
    except CannotResolve:
        return True
    resolvers = yaml.SafeLoader.yaml_implicit_resolvers
    return any(pattern.match(text) for _, pattern in resolvers.get(text[0], ()))


def reads_as(written: str, value: Json, *, flow: bool, column: int = 0) -> bool:
    """Tell whether text in the place of a value (of a key at `column`) is read as `value`."""
    indent = " " * column
    text = f"{{k: {written}, z: 0}}" if flow else f"{indent}k: {written}\n{indent}z: 0\n"
    try:
        root = read_yaml(Source(text, bom=False))
    except InvalidDocument:
        return False
    if not isinstance(root, Mapping) or [key.text for key in root.keys] != ["k", "z"]:
        return False
    node = root.values[0]
    return isinstance(node, Scalar) and type(node.value) is type(value) and node.value == value


def key_text(key: str, *, flow: bool, quote: str = '"') -> str:
    """Write a key, which is a string whatever it looks like."""
    return scalar_text(key, flow=flow, quote=quote)


def literal(text: str, indent: int, parent: int) -> tuple[str, list[str]] | None:
    """Write a string of several lines in the literal style: its header, and its lines.

    `indent` is the column of the lines, `parent` that of the key or dash they belong to. None
    where the style cannot hold the string exactly.
    """
    body = text.removesuffix("\n")
    if "\n" not in text or not body.strip(" \n") or body.endswith("\n"):
        return None
    lines = body.split("\n")
    if any(_NEVER_PLAIN.search(line.replace("\t", " ")) for line in lines):
        return None
    first = next(line for line in lines if line.strip(" "))
    upto = lines[: lines.index(first) + 1]
    indicator = str(indent - parent) if any(line.startswith(" ") for line in upto) else ""
    chomping = "" if text.endswith("\n") else "-"
    return f"|{indicator}{chomping}", [" " * indent + line if line else "" for line in lines]
