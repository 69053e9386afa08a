"""Images that builds push: references that can be read again, and digests that are digests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbflow.domain.pods.images import REPOSITORY, TAG, Pushed, read_digest, read_reference

DIGEST = f"sha256:{'ab' * 32}"


@pytest.mark.parametrize(
    ("message", "digest"),
    [
        pytest.param(DIGEST, DIGEST, id="alone"),
        pytest.param(f" {DIGEST}\n", DIGEST, id="with-a-line-break"),
        pytest.param(f'{{"containerimage.digest":"{DIGEST}"}}', DIGEST, id="buildkit"),
        pytest.param(f"pushed {DIGEST}", None, id="in-a-sentence"),
        pytest.param(DIGEST.upper(), None, id="capitals"),
        pytest.param("[]", None, id="another-json"),
        pytest.param("[" * 5000, None, id="deep-json"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_a_digest_is_read_only_where_it_is_one(message: str, digest: str | None) -> None:
    assert read_digest(message) == digest


@given(st.from_regex(REPOSITORY, fullmatch=True), st.from_regex(TAG, fullmatch=True))
def test_a_reference_can_be_read_again(repository: str, tag: str) -> None:
    image = Pushed(repository, tag, DIGEST)
    assert read_reference(image.reference) == image


@pytest.mark.parametrize("text", ["", "a", f"a@{DIGEST}", f"a:b@{DIGEST} ", f"A b:c@{DIGEST}"])
def test_what_is_no_reference_is_none(text: str) -> None:
    assert read_reference(text) is None
