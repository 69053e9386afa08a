"""kopf on our settings: it compares nothing, remembers nothing, and writes nothing into objects."""

from __future__ import annotations

from typing import Any

import kopf
import pytest

from ebbflow.handlers.kopf_memory import NoDiffBase, NoProgress

RAW: Any = {
    "metadata": {"name": "a", "annotations": {"ebbflow.dev/last-handled-configuration": "{}"}},
    "spec": {"replicas": 1},
    "status": {"kopf": {"progress": {"handler": {"retries": 3}}}},
}


@pytest.fixture
def body() -> kopf.Body:
    return kopf.Body(RAW)


def test_no_two_forms_of_an_object_differ(body: kopf.Body) -> None:
    storage = NoDiffBase()
    other = kopf.Body({**RAW, "spec": {"replicas": 2}})
    assert storage.build(body=body) == storage.build(body=other, extra_fields=["spec"])


def test_no_earlier_form_of_an_object_is_known(body: kopf.Body) -> None:
    assert NoDiffBase().fetch(body=body) is None


def test_no_progress_is_known(body: kopf.Body) -> None:
    assert NoProgress().fetch(key="handler", body=body) is None


def test_nothing_is_written_into_the_object(body: kopf.Body) -> None:
    patch = kopf.Patch()
    NoDiffBase().store(body=body, patch=patch, essence=NoDiffBase().build(body=body))
    progress = NoProgress()
    progress.store(key="handler", record={}, body=body, patch=patch)
    progress.touch(body=body, patch=patch, value="now")
    progress.purge(key="handler", body=body, patch=patch)
    progress.flush()
    assert not patch
