"""The scope that the examples of the expression language are evaluated in."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from ebbflow.domain.expression import Budget, Loop, RandomRequest, Scope, render
from ebbflow.domain.secret import Tainted

SCOPE_FILE = Path(__file__).parent / "examples/expressions/scope.yaml"


def made_up(request: RandomRequest) -> Tainted:
    """Return a value that shows what was asked for."""
    return Tainted(
        f"{request.place}:{request.encoding}:".ljust(request.length, "0")[: request.length]
    )


def example_scope(**changes: Any) -> Scope:
    """Return the scope of the reference page, with the given parts of it replaced."""
    given = yaml.safe_load(SCOPE_FILE.read_text())
    secrets = {
        name: {key: Tainted(value) for key, value in keys.items()}
        for name, keys in given["secrets"].items()
    }
    scope = Scope(
        args=given["args"],
        refs=given["refs"],
        secrets=secrets.get,
        loop=Loop(**given["loop"]),
        now=datetime.fromisoformat(given["now"]),
        random_secrets=made_up,
    )
    return replace(scope, **changes)


def value_of(expression: str, **changes: Any) -> Any:
    """Evaluate one expression (without its braces) in the example scope; secrets stay wrapped."""
    return render("${" + expression + "}", example_scope(**changes), Budget())


def plain(value: Any) -> Any:
    """Take a value out of its wrapping."""
    return value.reveal() if isinstance(value, Tainted) else value
