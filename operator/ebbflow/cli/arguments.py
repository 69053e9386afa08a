"""Arguments of documents on the command line: `--arg K=V` and `--arg-from K=secret/NAME:KEY`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import click
from typing_extensions import override

Command = Callable[..., Any]

_SOURCES: Final = {"secret": "secretKeyRef", "configmap": "configMapKeyRef"}


class ArgumentType(click.ParamType[Any]):
    """NAME=VALUE, the value as text."""

    name = "name=value"

    @override
    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Any]:
        if isinstance(value, tuple):
            return value
        name, equals, text = str(value).partition("=")
        if not (name and equals):
            self.fail(f"{value!r} is not {self.name.upper()}, such as REPLICAS=3", param, ctx)
        return name, self.value(name, text, param, ctx)

    def value(
        self, name: str, text: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:
        """Return the argument's value; fails with a usage error."""
        del name, param, ctx
        return text


class JsonArgumentType(ArgumentType):
    """NAME=JSON, any JSON value."""

    name = "name=json"

    @override
    def value(
        self, name: str, text: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:
        try:
            return json.loads(text)
        except ValueError as error:
            self.fail(f"the value of {name} is not JSON: {error}", param, ctx)


class ArgumentFromType(ArgumentType):
    """NAME=secret/OBJECT:KEY or NAME=configmap/OBJECT:KEY; the value is never read here."""

    name = "name=secret/object:key"

    @override
    def value(
        self, name: str, text: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:
        kind, slash, rest = text.partition("/")
        target, colon, key = rest.rpartition(":")
        if kind.lower() not in _SOURCES or not (slash and colon and target and key):
            # The text is not repeated: it could be the secret itself.
            self.fail(
                f"the source of {name} must be secret/OBJECT:KEY or configmap/OBJECT:KEY, "
                f"such as {name}=secret/shop:apiKey",
                param,
                ctx,
            )
        return {_SOURCES[kind.lower()]: {"name": target, "key": key}}


def argument_options(command: Command) -> Command:
    """Add --arg and --arg-json; the command gets pairs of name and value as `arg`, `arg_json`."""
    command = click.option(
        "--arg-json",
        type=JsonArgumentType(),
        multiple=True,
        metavar="NAME=JSON",
        help="An argument that is any JSON value; may be repeated.",
    )(command)
    return click.option(
        "--arg",
        type=ArgumentType(),
        multiple=True,
        metavar="NAME=VALUE",
        help="An argument, as text; may be repeated.",
    )(command)


argument_from_option = click.option(
    "--arg-from",
    type=ArgumentFromType(),
    multiple=True,
    metavar="NAME=secret/OBJECT:KEY",
    help="An argument whose value stays in a Secret (or configmap/OBJECT:KEY); may be repeated.",
)
