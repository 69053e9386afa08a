"""What can be known of an expression's type before it is evaluated."""

from __future__ import annotations

from collections.abc import Iterator

from ebbflow.domain.expression.arguments import check_kind, mismatch
from ebbflow.domain.expression.errors import ExpressionError, hint
from ebbflow.domain.expression.functions import BY_NAME, Function, Kind, Parameter
from ebbflow.domain.expression.syntax import Argument, Arrow, Call, Literal, Regex
from ebbflow.domain.expression.values import kind_of, number_of

_TAKEN = {
    Kind.STRING: (Kind.STRING, Kind.NUMBER, Kind.INTEGER, Kind.BOOLEAN),
    Kind.MATCH: (Kind.STRING, Kind.NUMBER, Kind.INTEGER, Kind.BOOLEAN),
    Kind.NUMBER: (Kind.STRING, Kind.NUMBER, Kind.INTEGER),
    Kind.INTEGER: (Kind.STRING, Kind.NUMBER, Kind.INTEGER),
    Kind.OBJECT: (Kind.OBJECT,),
    Kind.ARRAY: (Kind.ARRAY,),
    Kind.COLLECTION: (Kind.OBJECT, Kind.ARRAY),
}
_SHOWN = {
    Kind.STRING: "a string",
    Kind.NUMBER: "a number",
    Kind.INTEGER: "a number",
    Kind.BOOLEAN: "a boolean",
    Kind.OBJECT: "an object",
    Kind.ARRAY: "an array",
}


def call_faults(node: Call) -> Iterator[ExpressionError]:
    """Return what is wrong with one call, whatever it will be given; not with calls inside."""
    function = BY_NAME.get(node.name)
    if function is None:
        yield ExpressionError(
            f"there is no function fn.{node.name}{hint(node.name, BY_NAME)}", node.offset
        )
        return
    wrong = function.wrong_number(len(node.arguments))
    if wrong:
        yield ExpressionError(wrong, node.offset)
        return
    for index, argument in enumerate(node.arguments):
        fault = _fault(function, function.parameter(index), argument)
        if fault:
            yield fault


def _fault(function: Function, parameter: Parameter, argument: Argument) -> ExpressionError | None:
    message = _message(parameter, argument)
    return ExpressionError(f"fn.{function.name}: {message}", argument.offset) if message else None


def _message(parameter: Parameter, argument: Argument) -> str | None:
    if isinstance(argument, Arrow | Regex):
        try:
            check_kind(parameter, argument)
        except ExpressionError as error:
            return error.message
        return None
    if parameter.kind is Kind.CALLBACK:
        return mismatch(parameter, "a value")
    if isinstance(argument, Literal):
        return _literal(parameter, argument)
    given = _returned(argument)
    taken = _TAKEN.get(parameter.kind)
    if given is None or taken is None or given in taken:
        return None
    return mismatch(parameter, _SHOWN[given])


def _literal(parameter: Parameter, argument: Literal) -> str | None:
    value = argument.value
    match parameter.kind:
        case Kind.ANY | Kind.BOOLEAN:
            fits = True
        case Kind.STRING | Kind.MATCH:
            fits = value is not None
        case Kind.NUMBER:
            fits = number_of(value) is not None
        case Kind.INTEGER:
            number = number_of(value)
            fits = number is not None and float(number).is_integer()
        case _:
            fits = False
    return None if fits else mismatch(parameter, kind_of(value))


def _returned(argument: Argument) -> Kind | None:
    """Return the type of a call's result, None if it may be any."""
    if not isinstance(argument, Call) or argument.steps or argument.name not in BY_NAME:
        return None
    returns = BY_NAME[argument.name].returns
    return None if returns is Kind.ANY else returns
