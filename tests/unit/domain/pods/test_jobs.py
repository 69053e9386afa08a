"""Jobs of attempts: their names, and what becomes of a spec that is run once."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbflow.domain.pods.jobs import (
    NoSuchContainer,
    Overrides,
    for_one_attempt,
    job_name,
    job_spec_of,
    standing,
    with_overrides,
)

NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
RUNS = st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,50}[a-z0-9])?", fullmatch=True)


@given(RUNS, st.text(max_size=80), st.integers(1, 20), st.text(max_size=40))
def test_every_attempt_has_a_name_that_a_job_may_have(
    run: str, node: str, attempt: int, key: str
) -> None:
    name = job_name(run, node, attempt, key)
    assert NAME.fullmatch(name)
    assert len(name) <= 63


def test_the_name_tells_run_node_and_attempt() -> None:
    assert re.fullmatch(r"shop-4kd-migrate-2-[a-z2-7]{8}", job_name("shop-4kd", "migrate", 2, "k"))
    assert job_name("r", "0.2[3].1", 1, "k").startswith("r-0-2-3-1-1-")


def test_other_attempts_have_other_names() -> None:
    names = {job_name("r", "n", n, f"uid/{path}/{n}") for n in (1, 2) for path in ("0", "1")}
    assert len(names) == 4


@pytest.mark.parametrize(
    ("given_seconds", "timeout", "deadline"),
    [
        pytest.param(None, None, None, id="none"),
        pytest.param(None, 60, 90, id="the-nodes"),
        pytest.param(30, 60, 30, id="a-shorter-one-stays"),
        pytest.param(500, 60, 90, id="a-longer-one-goes"),
    ],
)
def test_the_cluster_ends_a_job_that_no_operator_ended(
    given_seconds: int | None, timeout: int | None, deadline: int | None
) -> None:
    spec: dict[str, Any] = {"template": {"spec": {"containers": []}}}
    if given_seconds is not None:
        spec["activeDeadlineSeconds"] = given_seconds
    made = for_one_attempt(spec, None if timeout is None else timedelta(seconds=timeout))
    assert made.get("activeDeadlineSeconds") == deadline


def test_nothing_in_a_job_tries_again_or_removes_it() -> None:
    spec = {
        "backoffLimit": 6,
        "suspend": True,
        "ttlSecondsAfterFinished": 1,
        "selector": {"matchLabels": {"a": "b"}},
        "parallelism": 2,
        "template": {"spec": {"restartPolicy": "OnFailure"}},
    }
    assert for_one_attempt(spec, None) == {
        "backoffLimit": 0,
        "parallelism": 2,
        "template": {"spec": {"restartPolicy": "Never"}},
    }


def test_a_jobs_spec_can_be_run_again() -> None:
    labels = {"app": "a", "controller-uid": "u", "batch.kubernetes.io/job-name": "old"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": []}}
    job = {"kind": "Job", "spec": {"template": template, "completions": 1}}
    made = job_spec_of(job)
    assert made["template"]["metadata"] == {"labels": {"app": "a"}}
    assert made["completions"] == 1


CONTAINERS = [{"name": "a", "image": "a:1", "env": [{"name": "X", "value": "1"}]}, {"name": "b"}]


def test_changes_are_those_of_one_container() -> None:
    wanted = Overrides("b", "b:2", ("run",), ("now",), ({"name": "Y", "value": "2"},))
    made = with_overrides({"spec": {"containers": CONTAINERS}}, wanted)["spec"]["containers"]
    env = [{"name": "Y", "value": "2"}]
    assert made == [
        CONTAINERS[0],
        {"name": "b", "image": "b:2", "command": ["run"], "args": ["now"], "env": env},
    ]


def test_a_variable_of_the_same_name_takes_the_place_of_the_other() -> None:
    wanted = Overrides(env=({"name": "X", "value": "2"},))
    made = with_overrides({"spec": {"containers": CONTAINERS}}, wanted)["spec"]["containers"]
    assert made[0]["env"] == [{"name": "X", "value": "2"}]


@pytest.mark.parametrize(
    ("containers", "words"),
    [
        pytest.param(CONTAINERS, "there is no container c: there are a, b", id="another-name"),
        pytest.param([], "there are no containers", id="none"),
    ],
)
def test_a_container_that_is_not_there_is_named(containers: list[Any], words: str) -> None:
    with pytest.raises(NoSuchContainer, match=words):
        with_overrides({"spec": {"containers": containers}}, Overrides("c"))


@pytest.mark.parametrize(
    ("conditions", "spec", "stands"),
    [
        pytest.param([], {}, "Running", id="runs"),
        pytest.param([], {"suspend": True}, "Suspended", id="suspended"),
        pytest.param([("FailureTarget", "True")], {}, "Running", id="its-pods-are-ending"),
        pytest.param([("Failed", "True")], {}, "Failed", id="failed"),
        pytest.param([("Complete", "True")], {"suspend": True}, "Succeeded", id="ended-well"),
        pytest.param([("Complete", "False")], {}, "Running", id="not-complete"),
    ],
)
def test_how_a_job_stands(
    conditions: list[tuple[str, str]], spec: dict[str, Any], stands: str
) -> None:
    status = {"conditions": [{"type": type_, "status": value} for type_, value in conditions]}
    assert standing({"spec": spec, "status": status}) == stands
