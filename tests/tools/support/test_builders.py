"""What the builders make is what the models read."""

from __future__ import annotations

import yaml

from ebbflow.api.gitaccount import GitAccount
from ebbflow.api.template import Template
from tests.support.builders import as_yaml, document, git_account, secret, template

URL = "https://git.example/acme/infra"


def test_a_template_has_its_place_account_options_and_document():
    shop = document({"REPLICAS": "2"})
    made = (
        template("shop")
        .within("a")
        .at(URL, "shop.yaml", branch="prod", account="acme", account_namespace="platform")
        .syncing(direction="FromGit")
        .syncing(onConflict="PreferGit")
        .holding(shop)
        .labelled(team="x")
        .suspended()
        .build()
    )
    read = Template.parse(made)
    assert (str(read.key), read.metadata.labels) == ("Template/a/shop", {"team": "x"})
    assert read.spec.git is not None
    assert (read.spec.git.branch, read.spec.git.path) == ("prod", "shop.yaml")
    assert read.spec.git.account_ref is not None
    assert read.spec.git.account_ref.namespace == "platform"
    assert (read.spec.sync.direction, read.spec.sync.on_conflict) == ("FromGit", "PreferGit")
    assert read.spec.document == shop
    assert read.spec.suspend


def test_an_account_has_its_provider_secret_namespaces_and_committer():
    made = (
        git_account("acme")
        .within("a")
        .using("login")
        .serving(**{"from": "All"})
        .committing_as("Ada", "ada@acme.dev")
        .build()
    )
    read = GitAccount.parse(made)
    assert read.spec.provider == "Git"
    assert read.spec.secret_ref is not None
    assert read.spec.secret_ref.name == "login"
    assert read.spec.allowed_namespaces.from_ == "All"
    assert read.spec.committer.email == "ada@acme.dev"


def test_a_secret_has_its_login_and_hosts():
    made = secret("login").within("a").for_hosts("one", "two").with_login("ada", "p").build()
    assert made["stringData"] == {"username": "ada", "password": "p"}
    assert made["metadata"]["annotations"] == {"ebbflow.dev/hosts": "one,two"}


def test_a_builder_is_not_changed_by_what_is_made_from_it():
    plain = template("shop")
    plain.within("a").suspended().holding({})
    assert plain.build()["metadata"] == {"name": "shop"}
    assert "spec" not in plain.build()


def test_a_document_as_a_file_reads_as_the_same_document():
    made = document({"A": "1"}, steps=({"kind": "Delay", "spec": {"duration": "5s"}},), name="x")
    assert yaml.safe_load(as_yaml(made)) == made
    assert list(made) == ["apiVersion", "arguments", "spec", "name"]
