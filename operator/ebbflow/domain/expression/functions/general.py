"""Functions that look outside of the expression: the clock, Secrets, random values."""

from __future__ import annotations

from ebbflow.domain.document.syntax import Json
from ebbflow.domain.expression.errors import ExpressionError, SecretNotFound
from ebbflow.domain.expression.functions.moment import format_time, iso
from ebbflow.domain.expression.functions.signature import Call, Function, Kind, Parameter
from ebbflow.domain.expression.scope import RandomRequest
from ebbflow.domain.secret import Tainted

MAX_RANDOM = 4096
"""Characters of one random secret."""

_LONGEST_TOKEN = 16  # characters that one of a format can become
_ENCODINGS = ("base64", "hex")


def _random_secret(call: Call, length: int, encoding: str | None) -> Tainted:
    if not 1 <= length <= MAX_RANDOM:
        raise ExpressionError(f"the length is a whole number from 1 to {MAX_RANDOM}")
    if encoding not in (None, *_ENCODINGS):
        raise ExpressionError("the encoding is 'base64' or 'hex'")
    provider = call.scope.random_secrets
    if provider is None:
        raise ExpressionError("a random secret cannot be made here")
    return provider(RandomRequest(call.place, length, encoding or "base64"))


def _date(call: Call, form: str | None) -> str:
    if call.scope.now is None:
        raise ExpressionError("the time is not known here")
    if form is None:
        return iso(call.scope.now)
    call.budget.make(_LONGEST_TOKEN * len(form))
    return format_time(call.scope.now, form)


def _fetch_secret(call: Call, name: str) -> Json:
    return secret_object(call, name)


def secret_object(call: Call, name: str) -> dict[str, Json]:
    """Return what `secrets.NAME` is: `{values: {KEY: …}, files: {KEY: {data: …}}}`.

    Raises SecretNotFound.
    """
    keys = call.scope.secrets(name)
    if keys is None:
        raise SecretNotFound(name)
    call.budget.step(len(keys))
    return {
        "values": {
            key: Tainted(value.reveal(), value.sources | {f"secrets.{name}.values.{key}"})
            for key, value in keys.items()
        },
        "files": {
            key: {"data": Tainted(value.reveal(), value.sources | {f"secrets.{name}.values.{key}"})}
            for key, value in keys.items()
        },
    }


FUNCTIONS = (
    Function(
        "randomSecret", "general",
        (Parameter("length", Kind.INTEGER), Parameter("encoding", Kind.STRING, optional=True)), Kind.STRING,
        "A random secret of that many characters, in `'base64'` (default) or `'hex'`. The first value is kept in a Secret that belongs to the Template, and stays until it is removed there.",
        ("fn.length(fn.randomSecret(32, 'hex'))", 32), _random_secret,
    ),
    Function(
        "date", "general", (Parameter("format", Kind.STRING, optional=True),), Kind.STRING,
        "The time in UTC, as ISO 8601 or in a format of Moment.js.",
        ("fn.date('YYYY-MM-DD HH:mm')", "2025-05-14 22:00"), _date,
    ),
    Function(
        "fetchSecret", "general", (Parameter("name", Kind.STRING),), Kind.OBJECT,
        "The Secret whose name is only known in the run. A fixed name is better written as `secrets.NAME`.",
        ("fn.get(fn.fetchSecret(args.SECRET), 'values.user')", "app"), _fetch_secret,
    ),
)  # fmt: skip
