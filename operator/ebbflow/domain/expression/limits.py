"""How much an expression may cost."""

from __future__ import annotations

from dataclasses import dataclass, field

from ebbflow.domain.expression.errors import ExpressionError

MAX_LENGTH = 16 * 1024
"""Characters of one expression, from `${` to its `}`."""

MAX_NESTING = 32
"""Calls and arrow functions within each other, in one expression."""

MAX_LEVELS = 8
"""`template.` in front of one expression."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one Budget allows.

    `expressions`: rendered; `steps`: parts of expressions evaluated and values walked over, about two
    microseconds each; `depth`: evaluations within each other; `nesting`: objects and arrays
    within each other in a result; `output`: characters and array items made; `matching`: bytes
    that regular expressions read, times the size of the compiled pattern, about 2 ns each.
    """

    expressions: int = 10_000
    steps: int = 100_000
    depth: int = 64
    nesting: int = 128
    output: int = 4 * 1024 * 1024
    matching: int = 50_000_000


@dataclass(slots=True)
class Budget:
    """What rendering one value may still spend. Make a new one for each.

    Every method raises ExpressionError, whose `limit` says which one is exceeded.
    """

    limits: Limits = field(default_factory=Limits)
    expressions: int = 0
    steps: int = 0
    output: int = 0
    matching: int = 0

    def begin(self) -> None:
        """Count one expression."""
        self.expressions += 1
        if self.expressions > self.limits.expressions:
            raise _exceeded("expressions", self.limits.expressions, "expressions")

    def step(self, count: int = 1) -> None:
        """Count parts of an expression, or values walked over."""
        self.steps += count
        if self.steps > self.limits.steps:
            raise _exceeded("steps", self.limits.steps, "steps of evaluation")

    def make(self, size: int) -> None:
        """Count characters or items of a result, before it is built."""
        self.output += size
        if self.output > self.limits.output:
            raise _exceeded("output", self.limits.output, "characters and items of output")

    def match(self, size: int) -> None:
        """Count the work of a regular expression, before it is done."""
        self.matching += size
        if self.matching > self.limits.matching:
            raise _exceeded("matching", self.limits.matching, "units of matching")

    def deep(self, depth: int) -> None:
        """Check how deep evaluations stand within each other."""
        if depth > self.limits.depth:
            raise _exceeded("depth", self.limits.depth, "evaluations within each other")

    def nested(self, depth: int) -> None:
        """Check how deep objects and arrays stand within each other."""
        if depth > self.limits.nesting:
            raise _exceeded("nesting", self.limits.nesting, "levels of objects and arrays")


def _exceeded(limit: str, most: int, what: str) -> ExpressionError:
    return ExpressionError(
        f"the limit of {most:,} {what} is exceeded; make the expression or its input smaller",
        limit=limit,
    )
