"""Words of errors: nothing of a credential, nothing for a terminal to obey, never too much."""

from __future__ import annotations

import pytest

from ebbflow.adapters.git.errors import (
    ServerSaid,
    for_refusal,
    for_status,
)
from ebbflow.domain.git import Remote, RepositoryNotFound, Unreachable


def test_a_401_without_credentials_says_to_name_an_account() -> None:
    error = for_status(Remote("https://git.example/a/b"), 401, {}, "", writing=False)
    assert "Name a GitAccount" in str(error)
    assert "does not exist" in str(error)


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("Repository not found.", RepositoryNotFound),
        ("upload-pack: internal server error", Unreachable),
    ],
)
def test_words_in_the_protocol_tell_a_missing_repository(words: str, kind: type) -> None:
    error = for_refusal(Remote("https://git.example/a/b"), ServerSaid(words))
    assert type(error) is kind
    assert words.rstrip(".") in str(error)
