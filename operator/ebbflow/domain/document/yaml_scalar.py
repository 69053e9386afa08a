"""What a YAML scalar means: the rules of kubectl's YAML reader.

kubectl and the API server's clients read YAML with sigs.k8s.io/yaml, which stands on go.yaml.in/yaml/v2:
YAML 1.1 without base 60 numbers, dates as strings. A file and a manifest with the same text must
give the same document, so these are that library's rules (resolve.go), kept to the letter: `0755`
is 493, `yes` is true, `1e3` is 1000, `2001-01-01` and `1:30` are strings.
"""

from __future__ import annotations

import math
import re

from ebbflow.domain.document.limits import MAX_INTEGER, MIN_INTEGER
from ebbflow.domain.document.syntax import Json

CORE = "tag:yaml.org,2002:"


class CannotResolve(ValueError):
    """A scalar that has no value in JSON; the text says why and what to write instead."""


_WORDS: dict[str, Json] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "off", "Off", "OFF"), False),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
}
_NO_JSON = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_FIRST = frozenset("+-0123456789yYnNtTfFoO~.")
_INTEGER = re.compile(
    r"(?P<sign>[-+]?)(?:0[xX](?P<hex>[0-9a-fA-F]+)|0[bB](?P<bin>[01]+)|0[oO]?(?P<oct>[0-7]+)"
    r"|(?P<dec>0|[1-9][0-9]*))"
)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_POINT_FIRST = re.compile(r"\.[0-9](?:_?[0-9])*+(?:[eE][-+]?[0-9](?:_?[0-9])*+)?")
_DIGITS = re.compile(r"[-+]?[0-9]+")
_BASES = {"hex": 16, "bin": 2, "oct": 8, "dec": 10}
_MAX_DIGITS = 70  # 64 binary digits and a sign; more is no integer of 64 bits


def resolve_plain(text: str) -> Json:
    """Return the value of a plain scalar without a tag. Raises CannotResolve."""
    if text and text[0] not in _FIRST:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if not text or text[0] not in "+-.0123456789":
        return text
    if _NO_JSON.fullmatch(text):
        raise CannotResolve(f"{text} has no value in JSON; put it in quotes to make it a string")
    return _number(text)


def _number(text: str) -> Json:
    if text[0] == ".":
        return _float(text.replace("_", "")) if _POINT_FIRST.fullmatch(text) else text
    plain = text.replace("_", "")
    found = _INTEGER.fullmatch(plain)
    if found:
        return _integer(found)
    if _DIGITS.fullmatch(plain) and len(plain.lstrip("+-0")) >= len(str(MAX_INTEGER)):
        raise _too_large()  # such as 089…: no octal number, but too long to be kept as a decimal one
    number = _float(plain) if _FLOAT.fullmatch(plain) else None
    return text if number is None else number


def _float(plain: str) -> float | None:
    """None: too large for 64 bits, which go-yaml then reads as a string."""
    number = float(plain)
    return None if math.isinf(number) else number


def _integer(found: re.Match[str]) -> int:
    base = str(found.lastgroup)
    digits = found[base].lstrip("0") or "0"
    if len(digits) > _MAX_DIGITS:
        raise _too_large()
    number = int(found["sign"] + digits, _BASES[base])
    if not MIN_INTEGER <= number <= MAX_INTEGER:
        raise _too_large()
    return number


def _too_large() -> CannotResolve:
    return CannotResolve(
        "the integer does not fit into 64 bits, so the API server would lose digits; "
        "put it in quotes to make it a string"
    )


def resolve_tagged(tag: str, text: str) -> Json:
    """Return the value of a scalar with an explicit tag. Raises CannotResolve."""
    kind = tag.removeprefix(CORE)
    if kind == tag or kind not in ("str", "int", "float", "bool", "null"):
        raise CannotResolve(
            "only the tags !!str, !!int, !!float, !!bool, !!null, !!map, !!seq may be used"
        )
    if kind == "str":
        return text
    value = resolve_plain(text)
    if kind == "float" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    types: dict[str, type] = {"int": int, "float": float, "bool": bool, "null": type(None)}
    if type(value) is not types[kind]:
        raise CannotResolve(f"the value does not fit its tag !!{kind}")
    return value
