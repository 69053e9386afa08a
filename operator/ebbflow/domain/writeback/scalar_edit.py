"""A changed scalar: the same quotes, the same place, the same comment behind it."""

from __future__ import annotations

import json
import re

from ebbflow.domain.document.syntax import Json, Scalar
from ebbflow.domain.document.yaml_scalar import CannotResolve, resolve_tagged
from ebbflow.domain.writeback.context import Context
from ebbflow.domain.writeback.respell import SPELLINGS, respell
from ebbflow.domain.writeback.yaml_text import number_text, quoted, reads_as, scalar_text

_TAG = re.compile(r"!\S*[ \t]+")
_RADIX = re.compile(r"(0[xX]|0[oO]|0[bB]|0)([0-9a-fA-F]+)")
_FORMATS = {"0x": "x", "0X": "X", "0o": "o", "0O": "o", "0": "o", "0b": "b", "0B": "b"}


def new_scalar_text(context: Context, node: Scalar, wanted: Json, *, flow: bool) -> str:
    """Write `wanted` in the place of a scalar, in its style as far as that can hold it."""
    raw = context.text[node.start : node.end]
    if not context.yaml:
        return _json_text(raw, node, wanted)
    if node.tag is not None:
        return _tagged(context, node, wanted, flow=flow)
    kept = (
        _in_its_style(raw, node, wanted) if isinstance(wanted, str) else _in_its_radix(raw, wanted)
    )
    if kept is not None and reads_as(kept, wanted, flow=flow, column=_fold_column(context, node)):
        return kept
    if isinstance(wanted, str) and node.style in ("'", '"'):
        return quoted(wanted, node.style)
    return scalar_text(wanted, flow=flow, quote=context.flow.quote)


def _json_text(raw: str, node: Scalar, wanted: Json) -> str:
    if node.style and isinstance(wanted, str) and "\\" in raw:
        inner = respell(raw[1:-1], node.text, wanted, SPELLINGS["json"])
        if inner is not None:
            return f'"{inner}"'
    return json.dumps(wanted, ensure_ascii=False)


def _in_its_style(raw: str, node: Scalar, wanted: str) -> str | None:
    """Keep the quotes, the escapes and the folds of a string."""
    if node.style not in SPELLINGS:
        return None
    quote = node.style
    inner = respell(
        raw.removeprefix(quote).removesuffix(quote), node.text, wanted, SPELLINGS[quote]
    )
    if inner is None or not isinstance(node.value, str):
        return None
    if not quote and "\n" not in raw:
        return None  # plain text on one line: nothing to keep, and more to be careful about
    return quote + inner + quote


def _in_its_radix(raw: str, wanted: Json) -> str | None:
    """Write a number as octal, hexadecimal or binary if the one before it was (0755)."""
    found = _RADIX.fullmatch(raw)
    if found is None or not isinstance(wanted, int) or isinstance(wanted, bool) or wanted < 0:
        return None
    prefix, digits = found.groups()
    return prefix + format(wanted, _FORMATS[prefix]).rjust(len(digits), "0")


def _tagged(context: Context, node: Scalar, wanted: Json, *, flow: bool) -> str:
    """Keep an explicit tag if the new value fits it, else leave it out."""
    found = _TAG.match(context.text, node.start)
    text = wanted if isinstance(wanted, str) else number_text(wanted)
    try:
        fits = node.tag is not None and resolve_tagged(node.tag, text) == wanted
    except CannotResolve:
        fits = False
    if found is None or not fits:
        return scalar_text(wanted, flow=flow, quote=context.flow.quote)
    style = context.text[found.end()]
    written = text if style not in ("'", '"') else quoted(text, style)
    candidate = found[0] + written
    if reads_as(candidate, wanted, flow=flow):
        return candidate
    return found[0] + quoted(text, context.flow.quote)


def _fold_column(context: Context, node: Scalar) -> int:
    """Return a column that the lines of a folded scalar are deeper than."""
    lines = context.text[node.start : node.end].splitlines()[1:]
    widths = [len(line) - len(line.lstrip(" ")) for line in lines if line.strip()]
    return max(0, min(widths, default=0) - 1)
