"""Syntax trees → strings: what `parse` reads back to an equal tree."""

from __future__ import annotations

import re

from ebbflow.domain.expression.parser import BEGIN
from ebbflow.domain.expression.syntax import (
    Argument,
    Arrow,
    Call,
    Hole,
    Interpolation,
    Literal,
    Part,
    Path,
    Regex,
    SecretKey,
    Text,
    Variable,
)

_PLAIN_STEP = re.compile(r"[A-Za-z0-9_$][A-Za-z0-9_$-]*")
_QUOTED = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_WORDS = {True: "true", False: "false", None: "null"}


def print_string(string: Interpolation) -> str:
    """Write a string with its expressions and escapes."""
    following = (*string.parts, None)[1:]
    return "".join(map(_part, string.parts, following))


def escape(text: str) -> str:
    """Write a text so that it holds no expression: `parse` reads it as that text alone."""
    return text.replace(BEGIN, "\\" + BEGIN) if BEGIN in text else text


def _part(part: Part, after: Part | None) -> str:
    match part:
        case Text(value):
            # A last \ or $ would make the next expression's ${ a literal one.
            plain = value if after is None else value.rstrip("\\$")
            rest = value[len(plain) :]
            return escape(plain) + ("${" + _quoted(rest) + "}" if rest else "")
        case Hole(expression, level):
            return "${" + "template." * level + print_expression(expression) + "}"
        case SecretKey(secret, key):
            return "${{secrets" + _steps((secret, "values", key)) + "}}"


def print_expression(node: Argument) -> str:
    """Write an expression or an argument, without the braces around it."""
    match node:
        case Literal(value):
            return _literal(value)
        case Regex(pattern, flags):
            return f"/{pattern}/{flags}"
        case Path(root, steps) | Variable(root, steps):
            return root + _steps(steps)
        case Call(name, arguments, steps):
            return f"fn.{name}({', '.join(map(print_expression, arguments))})" + _steps(steps)
        case Arrow(parameters, body):
            return f"({', '.join(parameters)}) => {print_expression(body)}"


def _literal(value: str | float | bool | None) -> str:
    if isinstance(value, str):
        return _quoted(value)
    return _WORDS[value] if value is None or isinstance(value, bool) else repr(value)


def _steps(steps: tuple[str, ...]) -> str:
    return "".join(
        f".{step}" if _PLAIN_STEP.fullmatch(step) else f"[{_quoted(step)}]" for step in steps
    )


def _quoted(text: str) -> str:
    return "'" + "".join(_QUOTED.get(character) or _visible(character) for character in text) + "'"


def _visible(character: str) -> str:
    return character if character.isprintable() else f"\\u{{{ord(character):x}}}"
