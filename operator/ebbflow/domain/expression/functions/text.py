"""Functions over strings."""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterator

from ebbflow.domain.document.syntax import Json
from ebbflow.domain.expression.errors import ExpressionError
from ebbflow.domain.expression.functions.signature import Call, Function, Kind, Parameter
from ebbflow.domain.expression.pattern import Match, Pattern, expand
from ebbflow.domain.expression.values import kind_of, text_of

_STRING = Parameter("string", Kind.STRING)
_MATCH = Parameter("match", Kind.MATCH)
_NO_WORD = re.compile(r"[^a-z0-9]+")
_NO_BASE64 = re.compile(r"[^A-Za-z0-9+/]")


def _made(call: Call, text: str) -> str:
    call.budget.make(len(text))
    return text


def _to_base64(call: Call, string: str) -> str:
    return _made(call, base64.b64encode(string.encode(errors="replace")).decode())


def _from_base64(call: Call, text: str) -> str:
    bare = "".join(text.split()).rstrip("=").replace("-", "+").replace("_", "/")
    if _NO_BASE64.search(bare):
        raise ExpressionError("the string is not base64")
    try:
        return _made(call, base64.b64decode(bare + "=" * (-len(bare) % 4)).decode())
    except binascii.Error:
        raise ExpressionError("the string is not base64") from None
    except UnicodeDecodeError:
        raise ExpressionError("the decoded bytes are not UTF-8") from None


def _slug(call: Call, string: str) -> str:
    call.budget.make(len(string))
    plain = unicodedata.normalize("NFKD", string.casefold()).encode("ascii", "ignore").decode()
    return _NO_WORD.sub("-", plain).strip("-")


def _index_of(_call: Call, string: str, match: str) -> int:
    return string.find(match)


def _matches(call: Call, string: str, match: str | Pattern) -> Iterator[Match]:
    """Return the matches of a string or a regular expression from left to right."""
    if isinstance(match, Pattern):
        yield from match.matches(string, call.budget)
        return
    offset = 0
    while (start := string.find(match, offset)) >= 0:
        call.budget.step()
        yield Match(start, start + len(match), match, ())
        offset = start + max(1, len(match))


def _search(call: Call, string: str, match: str | Pattern) -> int:
    return next((found.start for found in _matches(call, string, match)), -1)


def _replace(call: Call, string: str, match: str | Pattern, replacement: str) -> str:
    everywhere = isinstance(match, Pattern) and match.everywhere
    return _replaced(call, string, match, replacement, everywhere=everywhere)


def _replace_all(call: Call, string: str, match: str | Pattern, replacement: str) -> str:
    return _replaced(call, string, match, replacement, everywhere=True)


def _replaced(
    call: Call, string: str, match: str | Pattern, replacement: str, *, everywhere: bool
) -> str:
    names = match.names if isinstance(match, Pattern) else {}
    pieces: list[str] = []
    last = 0
    for found in _matches(call, string, match):
        filled = expand(replacement, found, string, names, call.budget)
        pieces += (string[last : found.start], filled)
        last = found.end
        if not everywhere:
            break
    call.budget.make(len(string) - last)
    return "".join((*pieces, string[last:]))


def _slice(call: Call, string: str, start: int, end: int | None) -> str:
    return _made(call, string[start:end])


def _length(_call: Call, string: str) -> int:
    return len(string)


def _to_upper(call: Call, string: str) -> str:
    return _made(call, string.upper())


def _to_lower(call: Call, string: str) -> str:
    return _made(call, string.lower())


def _split(call: Call, string: str, separator: str | Pattern, limit: int | None) -> list[str]:
    if limit is not None and limit < 0:
        raise ExpressionError("the limit is a whole number from 0 on")
    pieces: list[str] = []
    for piece in _pieces(call, string, separator):
        if limit is not None and len(pieces) >= limit:
            break
        call.budget.make(1 + len(piece))
        pieces.append(piece)
    return pieces


def _pieces(call: Call, string: str, separator: str | Pattern) -> Iterator[str]:
    """Return what stands between the separators; an empty match parts two characters."""
    last = 0
    for found in _matches(call, string, separator):
        if found.end == found.start and found.start in (last, len(string)):
            continue
        yield string[last : found.start]
        last = found.end
    if string or separator:
        yield string[last:]


def _join(call: Call, strings: list[Json], separator: str | None) -> str:
    pieces = [_piece(call, item) for item in strings]
    between = separator or ""
    call.budget.make(sum(map(len, pieces)) + len(between) * len(pieces))
    return between.join(pieces)


def _piece(call: Call, item: Json) -> str:
    call.budget.step()
    value = call.open(item)
    if isinstance(value, str | int | float):
        return text_of(value, call.budget)
    raise ExpressionError(f"an array of strings is needed, and {kind_of(value)} is in it")


FUNCTIONS = (
    Function(
        "toBase64", "string", (_STRING,), Kind.STRING, "The string as UTF-8, in base64.",
        ("fn.toBase64('user:pässword')", "dXNlcjpww6Rzc3dvcmQ="), _to_base64,
    ),
    Function(
        "fromBase64", "string", (Parameter("base64", Kind.STRING),), Kind.STRING,
        "The text that base64 holds; an error if it is not base64 of UTF-8. Padding may be missing, `-` and `_` may stand for `+` and `/`.",
        ("fn.fromBase64('aGVsbG8=')", "hello"), _from_base64,
    ),
    Function(
        "slug", "string", (_STRING,), Kind.STRING,
        "Lower case, accents removed, every run of other characters than letters and digits a hyphen, none at the ends.",
        ("fn.slug('Feature/Größe & Login page')", "feature-grosse-login-page"), _slug,
    ),
    Function(
        "indexOf", "string", (_STRING, Parameter("match", Kind.STRING)), Kind.INTEGER,
        "Where the text first stands in the string, from 0; -1 if it does not.",
        ("fn.indexOf('release/1.8', '/')", 7), _index_of,
    ),
    Function(
        "search", "string", (_STRING, _MATCH), Kind.INTEGER,
        "Where the first match stands in the string, from 0; -1 if there is none. A string is searched for literally.",
        ("fn.search('release/1.8', /[0-9]/)", 8), _search,
    ),
    Function(
        "replace", "string", (_STRING, _MATCH, Parameter("replacement", Kind.STRING)), Kind.STRING,
        "The string with its first match replaced (with flag `g`: all). `$1`, `$<name>`, `$&` in the replacement are what was matched, `$$` is a `$`.",
        ("fn.replace('feature/login', /^([a-z]+)\\//, '$1-')", "feature-login"), _replace,
    ),
    Function(
        "replaceAll", "string", (_STRING, _MATCH, Parameter("replacement", Kind.STRING)), Kind.STRING,
        "The string with all matches replaced.",
        ("fn.replaceAll('a.b.c', '.', '-')", "a-b-c"), _replace_all,
    ),
    Function(
        "slice", "string", (_STRING, Parameter("start", Kind.INTEGER), Parameter("end", Kind.INTEGER, optional=True)), Kind.STRING,
        "The characters from start up to end, end not included; negative ones count from the end of the string.",
        ("fn.slice('0123456789abcdef', 0, 7)", "0123456"), _slice,
    ),
    Function(
        "length", "string", (_STRING,), Kind.INTEGER, "How many characters the string has.",
        ("fn.length('héllo')", 5), _length,
    ),
    Function(
        "toUpper", "string", (_STRING,), Kind.STRING, "The string in upper case.",
        ("fn.toUpper('prod')", "PROD"), _to_upper,
    ),
    Function(
        "toLower", "string", (_STRING,), Kind.STRING, "The string in lower case.",
        ("fn.toLower('Main')", "main"), _to_lower,
    ),
    Function(
        "split", "string", (_STRING, Parameter("separator", Kind.MATCH), Parameter("limit", Kind.INTEGER, optional=True)), Kind.ARRAY,
        "The parts of the string between the separators; the first `limit` of them if it is given. An empty separator gives the characters.",
        ("fn.split('a, b,c', /, */, 2)", ["a", "b"]), _split,
    ),
    Function(
        "join", "string", (Parameter("strings", Kind.ARRAY), Parameter("separator", Kind.STRING, optional=True)), Kind.STRING,
        "The strings one behind the other, with the separator, if there is one, between them.",
        ("fn.join(fn.split('a,b', ','), ' and ')", "a and b"), _join,
    ),
)  # fmt: skip
