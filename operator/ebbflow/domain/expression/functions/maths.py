"""Functions over numbers. Whole results are integers, as JSON keeps them."""

from __future__ import annotations

import math

from ebbflow.domain.expression.errors import ExpressionError
from ebbflow.domain.expression.functions.signature import Call, Function, Kind, Parameter
from ebbflow.domain.expression.values import result_number

_A = Parameter("a", Kind.NUMBER)
_B = Parameter("b", Kind.NUMBER)
_PAIR = (_A, _B)
_MANY = (_A, Parameter("b", Kind.NUMBER, many=True))
_BITS = 64
Number = int | float


def _add(_call: Call, *numbers: Number) -> Number:
    return result_number(sum(numbers))


def _subtract(_call: Call, first: Number, *others: Number) -> Number:
    return result_number(first - sum(others))


def _multiply(_call: Call, *numbers: Number) -> Number:
    product: Number = 1
    for number in numbers:
        product = result_number(product * number)
    return product


def _divide(_call: Call, a: Number, b: Number) -> Number:
    _check_divisor(b)
    if isinstance(a, int) and isinstance(b, int) and a % b == 0:
        return result_number(a // b)
    return result_number(a / b)


def _remainder(_call: Call, a: Number, b: Number) -> Number:
    """Return the remainder with the sign of a, as in JavaScript."""
    _check_divisor(b)
    if isinstance(a, int) and isinstance(b, int):
        rest = abs(a) % abs(b)
        return rest if a >= 0 else -rest
    return result_number(math.fmod(a, b))


def _check_divisor(number: Number) -> None:
    if number == 0:
        raise ExpressionError("division by zero")


def _exp(_call: Call, a: Number, b: Number) -> Number:
    if isinstance(a, int) and isinstance(b, int) and b >= 0 and abs(a) > 1:
        if b > _BITS:
            raise ExpressionError("the result does not fit into 64 bits")
        return result_number(a**b)
    try:
        power = math.pow(a, b)
    except (ValueError, OverflowError):
        raise ExpressionError("the result is no finite number") from None
    return result_number(power)


def _floor(_call: Call, a: Number) -> Number:
    return result_number(math.floor(a))


def _ceil(_call: Call, a: Number) -> Number:
    return result_number(math.ceil(a))


FUNCTIONS = (
    Function(
        "add", "maths", _MANY, Kind.NUMBER, "The sum of all numbers.",
        ("fn.add(args.REPLICAS, 1, 0.5)", 4.5), _add,
    ),
    Function(
        "subtract", "maths", _MANY, Kind.NUMBER, "The first number less all others.",
        ("fn.subtract(10, 1, 2)", 7), _subtract,
    ),
    Function(
        "multiply", "maths", _MANY, Kind.NUMBER, "The product of all numbers.",
        ("fn.multiply(2, 3, 4)", 24), _multiply,
    ),
    Function(
        "divide", "maths", _PAIR, Kind.NUMBER, "a divided by b; an error if b is 0.",
        ("fn.divide(7, 2)", 3.5), _divide,
    ),
    Function(
        "remainder", "maths", _PAIR, Kind.NUMBER,
        "What is left of a divided by b, with the sign of a; an error if b is 0.",
        ("fn.remainder(-7, 3)", -1), _remainder,
    ),
    Function(
        "exp", "maths", _PAIR, Kind.NUMBER, "a to the power of b.",
        ("fn.exp(2, 10)", 1024), _exp,
    ),
    Function(
        "floor", "maths", (_A,), Kind.INTEGER, "The largest integer that is not above the number.",
        ("fn.floor(-1.5)", -2), _floor,
    ),
    Function(
        "ceil", "maths", (_A,), Kind.INTEGER, "The smallest integer that is not below the number.",
        ("fn.ceil(1.2)", 2), _ceil,
    ),
)  # fmt: skip
