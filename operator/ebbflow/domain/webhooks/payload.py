"""What the readers of all providers share: bounded texts, and errors that tell the field."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, Field, ValidationError

from ebbflow.domain.webhooks.addresses import MAX_ADDRESS
from ebbflow.domain.webhooks.delivery import Malformed

M = TypeVar("M", bound=BaseModel)

Text = Annotated[str, Field(max_length=1024)]
Url = Annotated[str, Field(max_length=MAX_ADDRESS)]


def parsed(model: type[M], body: Any) -> M:
    """Read a payload as the model says, and pass over all else in it. Raises Malformed."""
    try:
        return model.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        field = ".".join(map(str, first["loc"]))
        raise Malformed(f"the body lacks what this event has: {field}: {first['msg']}") from error


def addresses(urls: Iterable[str]) -> tuple[str, ...]:
    """Return the addresses that are there, each once. Raises Malformed if there is none."""
    found = tuple(dict.fromkeys(filter(None, urls)))
    if not found:
        raise Malformed("the body names no repository: it has no address of one")
    return found
