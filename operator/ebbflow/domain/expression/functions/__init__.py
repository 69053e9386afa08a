"""The 48 functions, those of Northflank's documents by name and meaning."""

from __future__ import annotations

from ebbflow.domain.expression.functions import arrays, general, logic, maths, objects, text
from ebbflow.domain.expression.functions.signature import Call, Function, Kind, Parameter

FUNCTIONS: tuple[Function, ...] = (
    *general.FUNCTIONS,
    *text.FUNCTIONS,
    *logic.FUNCTIONS,
    *maths.FUNCTIONS,
    *objects.FUNCTIONS,
    *arrays.FUNCTIONS,
)

BY_NAME = {function.name: function for function in FUNCTIONS}

__all__ = ["BY_NAME", "FUNCTIONS", "Call", "Function", "Kind", "Parameter"]
