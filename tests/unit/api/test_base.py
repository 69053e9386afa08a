"""What every model does: null, unknown keys, strict types, and errors that give nothing away."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from ebbflow.api.gitaccount import Access, GitAccount
from ebbflow.api.template import ArgumentOverride, Template, TemplateSpec


def template(**spec) -> Template:
    return Template.parse({"metadata": {"name": "shop", "namespace": "default"}, "spec": spec})


def test_null_is_absent_but_for_the_value_of_an_override():
    assert template(queueLimit=None).spec.queue_limit == 20
    overrides = template(argumentOverrides=[{"name": "a", "value": None}]).spec.argument_overrides
    assert overrides == (ArgumentOverride(name="a", value=None),)


def test_null_deep_in_a_document_stays():
    assert template(document={"a": {"b": None}}).spec.document == {"a": {"b": None}}


def test_unknown_keys_of_a_newer_definition_are_ignored():
    assert template(later={"a": 1}).spec == TemplateSpec()


@pytest.mark.parametrize("flag", ["true", "yes", 1, 0, "false"])
def test_a_flag_is_a_boolean_as_for_the_api_server(flag: object):
    with pytest.raises(ValidationError, match=r"spec\.suspend"):
        template(suspend=flag)


@pytest.mark.parametrize("number", ["20", True, 20.5])
def test_a_number_is_a_number_as_for_the_api_server(number: object):
    with pytest.raises(ValidationError, match=r"spec\.queueLimit"):
        template(queueLimit=number)


def test_the_text_of_an_error_does_not_hold_the_value():
    with pytest.raises(ValidationError) as caught:
        template(git={"repository": "https://u:hunter2@x.dev/a", "branch": "m", "path": "p"})
    assert "hunter2" not in str(caught.value)
    assert "GitAccount's spec.secretRef" in str(caught.value)


def test_a_list_whose_entries_must_differ_names_the_list():
    with pytest.raises(ValidationError, match="every entry may occur once"):
        Access(owners=("a", "b", "a"))


def test_the_hosted_providers_have_their_addresses():
    account = GitAccount.parse({"metadata": {"name": "a"}, "spec": {"provider": "GitLab"}})
    assert account.spec.server_url == "https://gitlab.com"


def test_an_object_that_was_parsed_is_written_as_it_was():
    spec = {
        "git": {"repository": "https://a.dev/b", "branch": "main", "path": "x.yaml"},
        "interval": "1h30m",
        "timeout": "500ms",
    }
    written = template(**spec).spec.dump()
    assert {key: written[key] for key in spec} == spec | {"interval": "90m"}
