"""The audit log is read as it grows, and each request counts once."""

from __future__ import annotations

import json

import pytest

from tests.support.audit import AuditLog

OPERATOR = "system:serviceaccount:ebbflow-system:ebbflow"


def entry(verb="get", resource="templates", number="1", **more):
    """One line of an audit log at level Metadata."""
    plain, _, subresource = resource.partition("/")
    code = more.pop("code", 200)
    lease = plain == "leases"
    target = {
        "resource": plain,
        "namespace": more.pop("namespace", "a"),
        "name": more.pop("name", "shop"),
        "apiGroup": "coordination.k8s.io" if lease else "ebbflow.dev",
    }
    return {
        "kind": "Event",
        "stage": more.pop("stage", "ResponseComplete"),
        "auditID": number,
        "verb": verb,
        "requestURI": more.pop("uri", "/apis"),
        "user": {"username": more.pop("user", OPERATOR)},
        "userAgent": more.pop("agent", "ebbflow/1"),
        "objectRef": target | ({"subresource": subresource} if subresource else {}),
        "responseStatus": {"code": code},
        "requestReceivedTimestamp": "2026-01-02T03:04:05.678901Z",
        "annotations": {"authorization.k8s.io/decision": "forbid" if code == 403 else "allow"},
    } | more


@pytest.fixture
def path(tmp_path):
    return tmp_path / "audit.log"


def write(path, *entries):
    with path.open("a") as file:
        file.writelines(json.dumps(each) + "\n" for each in entries)


def test_a_log_that_does_not_exist_yet_has_no_requests(path):
    log = AuditLog(path)
    assert log.since() == ()
    write(path, entry())
    assert len(log.since()) == 1


def test_only_what_came_after_the_mark_is_given(path):
    log = AuditLog(path)
    write(path, entry())
    mark = log.mark()
    write(path, entry("patch", "templates/status", "2"))
    assert log.since(mark).counts() == {("patch", "templates/status"): 1}
    assert len(log.since()) == 2


def test_a_watch_counts_once_and_when_it_begins(path):
    log = AuditLog(path)
    write(path, entry("watch", stage="ResponseStarted"))
    assert log.since().counts() == {("watch", "templates"): 1}
    write(path, entry("watch", stage="ResponseComplete"))
    assert log.since().counts() == {("watch", "templates"): 1}


def test_a_refused_watch_counts_once(path):
    write(path, entry("watch", code=403))
    assert [(r.verb, r.code, r.allowed) for r in AuditLog(path).since()] == [("watch", 403, False)]


@pytest.mark.parametrize("stage", ["RequestReceived", "ResponseStarted", "Panic"])
def test_other_stages_of_a_request_do_not_count(path, stage):
    write(path, entry("get", stage=stage))
    assert AuditLog(path).since() == ()


def test_a_line_that_is_half_written_waits_for_its_end(path):
    log = AuditLog(path)
    line = json.dumps(entry())
    path.write_text(line[:40])
    assert log.since() == ()
    path.write_text(line + "\n")
    assert len(log.since()) == 1


def test_a_torn_line_is_left_out(path):
    path.write_text('{"stage": "Respo\n')
    write(path, entry())
    assert len(AuditLog(path).since()) == 1


def test_a_rotated_log_is_read_to_its_end_and_then_the_new_one(path):
    log = AuditLog(path)
    write(path, entry(name="one"))
    log.mark()
    write(path, entry(name="two"))
    path.rename(path.with_suffix(".1"))
    write(path, entry(name="three"))
    assert [request.name for request in log.since()] == ["one", "two", "three"]


def test_requests_are_chosen_by_who_asked_for_what(path):
    write(
        path,
        entry(),
        entry("list", number="2", user="ada", name=""),
        entry("patch", "templates/status", "3", namespace="b"),
        entry("update", "leases", "4"),
        entry("delete", number="5", code=404, agent="kubectl/1"),
    )
    seen = AuditLog(path).since()
    assert [r.verb for r in seen.where(user=OPERATOR)] == ["get", "patch", "update", "delete"]
    assert [r.verb for r in seen.where(user_agent="kubectl")] == ["delete"]
    assert [r.verb for r in seen.not_by("ebbflow/")] == ["delete"]
    assert [r.verb for r in seen.where(namespace="b", resource="templates/status")] == ["patch"]
    assert [r.verb for r in seen.where(code=404)] == ["delete"]
    assert [r.verb for r in seen.writes()] == ["patch", "delete"]
    assert [r.verb for r in seen.writes(leases=True)] == ["patch", "update", "delete"]
    assert [r.verb for r in seen.lists()] == ["list"]
    assert len(seen.without_leases()) == 4
    assert "patch templates/status b/shop -> 200" in seen.text()


def test_marking_waits_until_earlier_requests_are_written(path):
    def late(token):
        write(path, entry(name="earlier"), entry(number="2", uri=f"/version?{token}"))

    log = AuditLog(path, probe=late)
    mark = log.mark()
    assert [request.name for request in log.since()][:1] == ["earlier"]
    assert mark == 2


def test_a_time_is_read_in_seconds(path):
    write(path, entry())
    (request,) = AuditLog(path).since()
    assert request.at == pytest.approx(1767323045.678901)
