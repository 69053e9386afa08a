"""The expression language of documents: `${…}` in strings. Pure; see docs/reference/expressions.md."""

from __future__ import annotations

from ebbflow.domain.expression.arguments_order import resolve_arguments
from ebbflow.domain.expression.check import Known, Problem, check
from ebbflow.domain.expression.errors import ExpressionError, NotKnownYet, SecretNotFound
from ebbflow.domain.expression.evaluate import evaluate
from ebbflow.domain.expression.limits import Budget, Limits
from ebbflow.domain.expression.nesting import TOP, Nesting
from ebbflow.domain.expression.parser import parse
from ebbflow.domain.expression.printer import escape, print_expression, print_string
from ebbflow.domain.expression.references import References, references
from ebbflow.domain.expression.render import render
from ebbflow.domain.expression.scope import Loop, RandomRequest, Scope
from ebbflow.domain.expression.syntax import SecretKey

__all__ = [
    "TOP",
    "Budget",
    "ExpressionError",
    "Known",
    "Limits",
    "Loop",
    "Nesting",
    "NotKnownYet",
    "Problem",
    "RandomRequest",
    "References",
    "Scope",
    "SecretKey",
    "SecretNotFound",
    "check",
    "escape",
    "evaluate",
    "parse",
    "print_expression",
    "print_string",
    "references",
    "render",
    "resolve_arguments",
]
