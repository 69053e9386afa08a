"""A pod template laid over another one."""

from __future__ import annotations

import pytest
from hypothesis import given

from ebbflow.api.base import JsonObject
from ebbflow.domain.pods.overrides import overridden
from tests.support.pod_templates import templates

APP = {"name": "app", "image": "a:1", "env": [{"name": "A", "value": "1"}]}
BASE: JsonObject = {
    "metadata": {"labels": {"app": "api"}},
    "spec": {"containers": [APP], "dnsPolicy": "Default"},
}


@pytest.mark.parametrize(
    ("override", "spec"),
    [
        pytest.param({}, {"containers": [APP], "dnsPolicy": "Default"}, id="nothing"),
        pytest.param(
            {"dnsPolicy": None, "nodeSelector": {"disk": "fast"}},
            {"containers": [APP], "nodeSelector": {"disk": "fast"}},
            id="fields-come-and-go",
        ),
        pytest.param(
            {"containers": [{"name": "app", "env": [{"name": "A", "value": "2"}, {"name": "B"}]}]},
            {
                "containers": [{**APP, "env": [{"name": "A", "value": "2"}, {"name": "B"}]}],
                "dnsPolicy": "Default",
            },
            id="by-the-names-of-containers-and-variables",
        ),
        pytest.param(
            {"containers": [{"name": "proxy", "command": ["x"]}]},
            {"containers": [APP, {"name": "proxy", "command": ["x"]}], "dnsPolicy": "Default"},
            id="another-container",
        ),
        pytest.param(
            {"containers": [{"image": "nameless"}]},
            {"containers": [APP, {"image": "nameless"}], "dnsPolicy": "Default"},
            id="a-nameless-one-is-another-one",
        ),
        pytest.param(
            {"containers": "x"}, {"containers": "x", "dnsPolicy": "Default"}, id="of-another-shape"
        ),
    ],
)
def test_it_is_laid_over_the_spec(override: JsonObject, spec: JsonObject) -> None:
    made = overridden(BASE, {"spec": override})
    assert made == {"metadata": {"labels": {"app": "api"}}, "spec": spec}


def test_lists_without_names_are_replaced() -> None:
    below = {"containers": [{"name": "app", "args": ["a", "b"]}]}
    above = {"containers": [{"name": "app", "args": ["c"]}]}
    assert overridden(below, above) == above


@given(templates())
def test_a_template_laid_over_itself_is_itself(template: JsonObject) -> None:
    assert overridden(template, template) == without_nulls(template)


def without_nulls(value: object) -> object:
    match value:
        case dict():
            return {key: without_nulls(item) for key, item in value.items() if item is not None}
        case list():
            return [without_nulls(item) for item in value]
        case _:
            return value
