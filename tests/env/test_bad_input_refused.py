"""What the API server itself refuses: credentials in a URL never get as far as the operator."""

from __future__ import annotations

import json

import pytest

from tests.support.api_client import ApiError
from tests.support.builders import git_account, template
from tests.support.kubectl import Kubectl

SECRET_REF = "secretRef"


@pytest.mark.parametrize(
    "url",
    [
        pytest.param(
            "https://ada:sesame-street@git.example.com/acme/infra", id="user-and-password"
        ),
        pytest.param("https://ada@git.example.com/acme/infra", id="user-alone"),
        pytest.param("https://:sesame-street@git.example.com/acme/infra", id="password-alone"),
        pytest.param("HTTPS://ada:sesame-street@git.example.com/acme/infra", id="upper-case"),
        pytest.param("ssh://git:sesame-street@git.example.com/acme/infra", id="ssh-with-password"),
        pytest.param("http://ada:ses@me@git.example.com/acme/infra", id="two-at-signs"),
    ],
)
def test_credentials_in_a_repositorys_address_are_refused_with_the_right_place_for_them(
    kubectl: Kubectl, namespace: str, url: str
) -> None:
    with pytest.raises(ApiError) as refused:
        kubectl.create(template("shop").within(namespace).at(url, "shop.yaml").build())
    assert refused.value.code == 422
    assert "spec.git.repository" in str(refused.value)
    assert SECRET_REF in str(refused.value)
    assert kubectl.find("Template", "shop", namespace) is None


def test_credentials_in_an_accounts_address_are_refused_too(
    kubectl: Kubectl, namespace: str
) -> None:
    url = "https://ada:sesame-street@git.example.com"
    with pytest.raises(ApiError, match=SECRET_REF):
        kubectl.create(git_account("acme").within(namespace).spec(url=url).build())


def test_the_real_kubectl_shows_where_credentials_belong(kubectl: Kubectl, namespace: str) -> None:
    made = template("shop").within(namespace)
    url = "https://ada:sesame-street@git.example.com/acme/infra"
    manifest = made.at(url, "shop.yaml").build()
    done = kubectl.cluster.kubectl_run(
        *("create", "-f", "-"), input=json.dumps(manifest), check=False
    )
    assert done.returncode != 0
    assert "put them into a Secret and name it in a GitAccount's spec.secretRef" in done.stderr


def test_ssh_with_its_usual_user_is_no_credential(kubectl: Kubectl, namespace: str) -> None:
    url = "ssh://git@git.example.com/acme/infra"
    kubectl.create(template("shop").within(namespace).at(url, "shop.yaml").build())
