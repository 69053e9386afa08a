"""What the steps behind `secrets` mean."""

from __future__ import annotations

_FIRST_OF_KEY = 2  # behind the Secret's name and `values` or `files`


def secret_key(steps: tuple[str, ...]) -> tuple[str, str] | None:
    """Return the Secret and the key that the steps name, or None if they name no single key.

    `NAME.values.KEY` and `NAME.files.KEY.data`; a key may have points, as in tls.crt.
    """
    if len(steps) <= _FIRST_OF_KEY:
        return None
    name, part, *rest = steps
    if part == "files":
        if len(rest) < 2 or rest[-1] != "data":  # noqa: PLR2004  a key and `data`
            return None
        rest.pop()
    elif part != "values":
        return None
    return name, ".".join(rest)
