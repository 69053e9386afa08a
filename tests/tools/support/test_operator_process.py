"""An operator process is started, asked and ended as the tests need it."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest

from tests.support.operator_process import OperatorEnded, OperatorProcess, sample_name

FAKE = Path(__file__).with_name("fake_operator.py")


@pytest.fixture
def make(tmp_path):
    """A maker of operators that run the fake program as if it were `ebbflow`."""
    package = tmp_path / "modules" / "ebbflow"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    shutil.copy(FAKE, package / "__main__.py")
    made = []

    def one(mode="", **more):
        environment = {"PYTHONPATH": str(package.parent), "FAKE_OPERATOR": mode}
        kubeconfig = tmp_path / "kubeconfig"
        process = OperatorProcess(kubeconfig, tmp_path / "op", environment=environment, **more)
        made.append(process)
        process.start()
        return process

    yield one
    for process in made:
        if process.running:
            process.kill()


def test_it_waits_until_the_operator_is_ready_and_reads_its_pages(make):
    operator = make()
    operator.wait_ready()
    assert operator.ready_text() == "status 200"
    assert operator.metrics()['ebbflow_syncs_total{kind="Template",result="Done"}'] == 3
    assert operator.metric("ebbflow_syncs_total", kind="Template") == 4
    assert operator.metric("ebbflow_leader") == 1
    assert operator.metric("ebbflow_unknown") == 0


def test_flags_namespaces_and_identity_reach_the_program(make, tmp_path):
    operator = make(namespaces=["a", "b"], flags=["--workers=1"], identity="me")
    operator.wait_ready()
    begin = next(operator.records())
    assert begin["arguments"][0] == "operator"
    assert {"--namespace=a", "--namespace=b", "--workers=1", "--identity=me"} < set(
        begin["arguments"]
    )
    assert begin["home"] == str(tmp_path / "op")


def test_a_killed_operator_starts_again_with_a_log_of_its_own(make):
    operator = make()
    operator.wait_ready()
    first, log = operator.pid, operator.log
    operator.kill()
    assert not operator.running
    operator.restart()
    assert operator.pid != first
    assert operator.log != log
    assert operator.ready_text() == "status 200"


def test_an_orderly_end_tells_its_time_and_exit_code(make):
    operator = make()
    operator.wait_ready()
    ended = operator.terminate()
    assert ended.code == 0
    assert 0 < ended.seconds < 5


def test_a_killed_operator_ends_with_the_signal_as_its_code(make):
    operator = make()
    operator.kill()
    assert operator.wait_end(1).code == -signal.SIGKILL


def test_a_paused_operator_is_ended_all_the_same(make):
    operator = make()
    operator.wait_ready()
    operator.pause()
    operator.end()
    assert not operator.running


def test_an_operator_that_will_not_end_is_told_with_its_log(make):
    operator = make("deaf")
    operator.wait_ready()
    with pytest.raises(AssertionError, match=r"did not end within 0\.1 s\n--- the end of"):
        operator.terminate(timeout=0.1)


def test_an_operator_that_ends_at_once_is_told_with_what_it_said(make):
    operator = make("broken")
    with pytest.raises(OperatorEnded, match=r"exit code 1\n(.*\n)*cannot reach the API server"):
        operator.wait_ready()


def test_an_operator_that_is_not_ready_is_told_with_what_it_lacks(make):
    operator = make("unready")
    assert operator.ready_text() == "status 503"  # it listens
    with pytest.raises(AssertionError, match=r"operator to be ready.*status 503"):
        operator.wait_ready(timeout=0.3)


def test_samples_are_named_with_sorted_labels():
    assert sample_name("n", {"b": "2", "a": "1"}) == 'n{a="1",b="2"}'
    assert sample_name("n", {}) == "n"
