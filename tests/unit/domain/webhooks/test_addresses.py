"""Which addresses mean the same repository."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbflow.domain.webhooks.addresses import identity, is_about

OURS = "https://github.com/acme/shop"


@pytest.mark.parametrize(
    "told",
    [
        "https://github.com/acme/shop",
        "https://github.com/acme/shop.git",
        "https://github.com/acme/shop/",
        "https://GitHub.com/Acme/Shop.git",
        "https://user@github.com:443/acme/shop",
        "git@github.com:acme/shop.git",
        "git@github.com:/acme/shop.git",
        "github.com:acme/shop",
        "ssh://git@github.com/acme/shop.git",
        "ssh://git@ssh.github.com:443/acme/shop.git",
        "https://github.com/acme/%73hop",
    ],
)
def test_all_forms_of_an_address_mean_the_same(told: str) -> None:
    assert is_about(OURS, [told], None)
    assert is_about(told, [OURS], None)


@pytest.mark.parametrize(
    "told",
    [
        "https://github.com/acme/shop2",
        "https://github.com/acme",
        "https://github.com/acme/shop/shop",
        "https://gitlab.com/acme/shop",
        "https://github.com.evil.dev/acme/shop",
        "https://[::1/acme/shop",
        "acme/shop",
        "",
        "/",
        "https://github.com/" + "x" * 3000,
    ],
)
def test_another_repository_is_another_one(told: str) -> None:
    assert not is_about(OURS, [told], None)


@pytest.mark.parametrize(
    ("ours", "server", "same"),
    [
        pytest.param("http://gitea.git.svc:3000/acme/shop", "http://gitea.git.svc:3000", True, id="inside"),
        pytest.param("http://other.svc/acme/shop", "http://gitea.git.svc:3000", False, id="elsewhere"),
        pytest.param("http://gitea.git.svc:3000/acme/shop", None, False, id="unknown-server"),
    ],
)  # fmt: skip
def test_on_the_accounts_own_server_the_path_is_enough(
    ours: str, server: str | None, same: bool
) -> None:
    assert is_about(ours, ["https://git.acme.dev/acme/shop.git"], server) is same


def test_bitbucket_data_centers_paths_over_https_and_ssh_are_the_same() -> None:
    server = "https://git.acme.dev"
    for ours in ("https://git.acme.dev/scm/acme/shop.git", "ssh://git@git.acme.dev:7999/ACME/shop"):
        assert is_about(ours, ["ACME/shop"], server)


@given(st.text())
def test_no_text_whatever_breaks_it(text: str) -> None:
    found = identity(text)
    assert found is None or found.path
    assert isinstance(is_about(OURS, [text], "https://github.com"), bool)
