"""The API proxy passes requests on unchanged, counts them, and breaks those it is told to."""

from __future__ import annotations

import http.client
import json
import threading
import time
from urllib.parse import urlsplit

import pytest

from tests.support.apifaults import Answer, Call, Cut, Delay, Pass, matching
from tests.support.apiproxy import ApiProxy
from tests.support.waiting import eventually
from tests.tools.support.fake_api import FakeApi

TEMPLATES = "/apis/ebbflow.dev/v1alpha1/namespaces/a/templates"
SHOP = f"{TEMPLATES}/shop"
WATCH = f"{TEMPLATES}?watch=true"
SECONDS = 5


@pytest.fixture
def api():
    with FakeApi() as fake:
        yield fake


@pytest.fixture
def proxy(api):
    with ApiProxy(api.url) as running:
        yield running


def connect(proxy):
    return http.client.HTTPConnection(urlsplit(proxy.url).netloc, timeout=SECONDS)


def ask(proxy, method, path, body=None, headers=None):
    """Send one request; (status, headers, object) of the answer."""
    connection = connect(proxy)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, dict(answer.headers), json.loads(answer.read())
    finally:
        connection.close()


def lines_of(proxy, api):
    """Open a watch; the response, to read lines from."""
    connection = connect(proxy)
    connection.request("GET", WATCH)
    answer = connection.getresponse()
    eventually(lambda: api.watching() and proxy.watches(), SECONDS, "the watch to be open")
    return answer


def event(name):
    return {"type": "MODIFIED", "object": {"metadata": {"name": name}}}


class TestPassing:
    def test_a_request_arrives_with_its_token_query_and_body(self, api, proxy):
        path = f"{SHOP}/status?fieldManager=x%2Fy&force=true"
        status, _, seen = ask(proxy, "PATCH", path, b"{}", {"Authorization": "Bearer t"})
        assert (status, seen) == (200, {"path": path, "size": 2})
        assert api.seen == [("PATCH", path, "Bearer t")]

    def test_a_body_of_several_megabytes_is_passed_on(self, proxy):
        assert ask(proxy, "PUT", SHOP, b"x" * 900_000)[2]["size"] == 900_000

    def test_a_dead_api_server_looks_like_a_broken_connection(self):
        with FakeApi() as api:
            gone = api.url
        with ApiProxy(gone) as proxy, pytest.raises(ConnectionError):
            ask(proxy, "GET", SHOP)

    def test_a_request_that_hangs_does_not_keep_the_proxy_from_closing(self, api):
        broken = []

        def hang():
            try:
                ask(proxy, "GET", "/hang")
            except ConnectionError as error:
                broken.append(error)

        asking = threading.Thread(target=hang)
        with ApiProxy(api.url) as proxy:
            asking.start()
            eventually(lambda: api.seen, SECONDS, "the request to hang")
            began = time.monotonic()
        asking.join(SECONDS)
        assert broken
        assert time.monotonic() - began < 2

    def test_several_proxies_count_for_themselves(self, api, proxy):
        with ApiProxy(api.url) as other:
            ask(other, "GET", SHOP)
            assert (other.mark(), proxy.mark()) == (1, 0)

    def test_a_bug_in_a_rule_fails_the_test_by_its_own_name(self, api):
        def broken(request):
            raise ValueError(request.verb)

        def use_it():
            with ApiProxy(api.url) as proxy:
                proxy.before(broken, Cut())
                with pytest.raises(ConnectionError):
                    ask(proxy, "GET", SHOP)

        with pytest.raises(AssertionError, match="proxy itself"):
            use_it()


class TestCounting:
    def test_requests_are_counted_by_verb_and_resource_since_a_mark(self, proxy):
        ask(proxy, "GET", SHOP)
        start = proxy.mark()
        ask(proxy, "PATCH", f"{SHOP}/status", b"{}")
        ask(proxy, "GET", TEMPLATES)
        assert proxy.counts(since=start) == {
            ("patch", "templates/status"): 1,
            ("list", "templates"): 1,
        }

    def test_writes_are_numbered_and_leases_left_out(self, proxy):
        ask(proxy, "PATCH", SHOP, b"{}")
        ask(proxy, "GET", SHOP)
        ask(proxy, "PUT", "/apis/coordination.k8s.io/v1/namespaces/a/leases/l", b"{}")
        ask(proxy, "DELETE", SHOP)
        assert [request.write for request in proxy.requests()] == [1, None, 2, 3]
        assert [request.verb for request in proxy.writes()] == ["patch", "delete"]
        assert len(proxy.writes(leases=True)) == 3

    def test_a_record_holds_who_asked_and_what_came_back(self, proxy, tmp_path):
        ask(proxy, "PATCH", SHOP, b"{}", {"User-Agent": "me", "Impersonate-User": "ada"})
        proxy.write_trace(tmp_path / "trace")
        record = json.loads((tmp_path / "trace").read_text())
        assert record["userAgent"] == "me"
        assert record["asUser"] == "ada"
        assert (record["sent"], record["status"]) == (2, 200)
        assert record["received"] > 0
        assert "patch templates a/shop -> 200" in proxy.trace()


class TestFaults:
    def test_a_cut_before_forwarding_never_reaches_the_api_server(self, api, proxy):
        proxy.before(matching(writes=True), Cut())
        with pytest.raises(ConnectionError):
            ask(proxy, "PATCH", SHOP, b"{}")
        assert api.writes() == 0

    def test_a_cut_after_the_answer_leaves_the_write_done(self, api, proxy):
        proxy.after(matching(writes=True), Cut())
        with pytest.raises(ConnectionError):
            ask(proxy, "PATCH", SHOP, b"{}")
        assert api.writes() == 1

    @pytest.mark.parametrize(
        ("code", "reason"),
        [(403, "Forbidden"), (409, "Conflict"), (410, "Expired"), (500, "InternalError")],
    )
    def test_an_answer_is_a_status_object_with_its_reason(self, api, proxy, code, reason):
        proxy.before(matching(resource="templates"), Answer(code))
        status, _, seen = ask(proxy, "GET", TEMPLATES)
        assert (status, seen["kind"], seen["code"], seen["reason"]) == (
            code,
            "Status",
            code,
            reason,
        )
        assert api.seen == []

    def test_too_many_requests_says_when_to_come_back(self, proxy):
        proxy.before(matching(), Answer(429, retry_after=5))
        status, headers, seen = ask(proxy, "GET", SHOP)
        assert (status, headers["Retry-After"]) == (429, "5")
        assert seen["details"]["retryAfterSeconds"] == 5

    def test_an_answer_after_the_server_hides_that_the_write_was_done(self, api, proxy):
        proxy.after(matching(writes=True), Answer(500))
        assert ask(proxy, "PATCH", SHOP, b"{}")[0] == 500
        assert api.writes() == 1

    def test_every_second_of_the_matching_requests_is_hit(self, proxy):
        rule = proxy.before(matching(verb="patch"), Answer(409), every=2)
        codes = [ask(proxy, "PATCH", SHOP, b"{}")[0] for _ in range(4)]
        assert codes == [200, 409, 200, 409]
        assert (rule.seen, rule.fired) == (4, 2)

    def test_only_the_chosen_write_is_hit(self, proxy):
        proxy.before(matching(writes=True), Answer(409), skip=1, times=1)
        assert [ask(proxy, "PATCH", SHOP, b"{}")[0] for _ in range(3)] == [200, 409, 200]

    def test_a_rule_ends_with_its_block(self, proxy):
        with proxy.before(matching(), Answer(500)):
            assert ask(proxy, "GET", SHOP)[0] == 500
        assert ask(proxy, "GET", SHOP)[0] == 200

    def test_healing_removes_every_rule(self, proxy):
        proxy.before(matching(), Answer(500))
        proxy.after(matching(), Answer(500))
        proxy.heal()
        assert ask(proxy, "GET", SHOP)[0] == 200

    def test_a_delayed_request_waits_for_the_event(self, api, proxy):
        gate = threading.Event()
        rule = proxy.before(matching(), Delay(gate))
        codes = []
        asking = threading.Thread(target=lambda: codes.append(ask(proxy, "GET", SHOP)[0]))
        asking.start()
        eventually(lambda: rule.fired, SECONDS, "the request to be held")
        assert (api.seen, codes) == ([], [])
        gate.set()
        asking.join(SECONDS)
        assert codes == [200]

    def test_a_function_is_called_before_what_comes_next(self, api, proxy):
        called = []
        proxy.before(matching(writes=True), Call(called.append, then=Cut()), times=1)
        with pytest.raises(ConnectionError):
            ask(proxy, "PATCH", SHOP, b"{}")
        assert [(request.verb, request.write) for request in called] == [("patch", 1)]
        assert api.writes() == 0

    def test_a_function_alone_lets_the_request_through(self, proxy):
        called = []
        proxy.after(matching(), Call(called.append))
        assert ask(proxy, "GET", SHOP)[0] == 200
        assert len(called) == 1

    def test_a_rule_that_passes_shields_from_the_later_ones(self, proxy):
        proxy.before(matching(name="shop"), Pass())
        proxy.before(matching(), Answer(500))
        assert ask(proxy, "GET", SHOP)[0] == 200
        assert ask(proxy, "GET", TEMPLATES)[0] == 500


class TestWatches:
    def test_lines_arrive_one_by_one(self, api, proxy):
        answer = lines_of(proxy, api)
        for name in ("one", "two"):
            api.emit(event(name))
            assert json.loads(answer.readline()) == event(name)

    def test_a_line_longer_than_any_buffer_arrives_whole(self, api, proxy):
        answer = lines_of(proxy, api)
        api.emit(event("x" * 700_000))
        assert json.loads(answer.readline()) == event("x" * 700_000)

    @pytest.mark.parametrize("code", [410, 500])
    def test_an_injected_error_is_the_last_line(self, api, proxy, code):
        answer = lines_of(proxy, api)
        assert proxy.inject_error(code, matching(resource="templates")) == 1
        line = json.loads(answer.readline())
        assert (line["type"], line["object"]["code"]) == ("ERROR", code)
        assert answer.readline() == b""

    def test_a_watch_can_end_in_good_order(self, api, proxy):
        answer = lines_of(proxy, api)
        proxy.end_watches()
        assert answer.read() == b""
        assert eventually(lambda: not proxy.watches(), SECONDS, "the watch to be closed")

    def test_a_watch_can_break_in_the_middle(self, api, proxy):
        answer = lines_of(proxy, api)
        proxy.cut_watches()
        with pytest.raises((OSError, http.client.IncompleteRead)):
            answer.read()

    def test_held_lines_arrive_when_the_hold_ends(self, api, proxy):
        answer = lines_of(proxy, api)
        hold = proxy.hold_watches(matching(resource="templates"))
        api.emit(event("late"))
        (watch,) = proxy.watches()
        eventually(lambda: watch._waiting, SECONDS, "the line to be held")
        assert watch.lines == 0
        hold.end()
        assert json.loads(answer.readline()) == event("late")

    def test_a_hold_is_for_later_watches_too(self, api, proxy):
        with proxy.hold_watches():
            answer = lines_of(proxy, api)
            api.emit(event("late"))
            (watch,) = proxy.watches()
            eventually(lambda: watch._waiting, SECONDS, "the line to be held")
        assert json.loads(answer.readline()) == event("late")

    def test_an_error_can_be_injected_into_a_held_watch(self, api, proxy):
        answer = lines_of(proxy, api)
        with proxy.hold_watches():
            api.emit(event("never"))
            proxy.inject_error(410)
            assert [json.loads(line)["type"] for line in answer] == ["ERROR"]

    def test_dropped_events_never_arrive(self, api, proxy):
        answer = lines_of(proxy, api)
        rule = proxy.drop_events(
            matching(), lambda line: line["object"]["metadata"]["name"] == "lost"
        )
        api.emit(event("lost"))
        api.emit(event("kept"))
        assert json.loads(answer.readline()) == event("kept")
        assert rule.dropped == 1

    def test_a_new_watch_can_be_refused_with_410(self, proxy):
        proxy.before(matching(verb="watch"), Answer(410))
        assert ask(proxy, "GET", WATCH)[0] == 410

    def test_a_watch_whose_client_left_is_closed_upstream(self, api, proxy):
        answer = lines_of(proxy, api)
        answer.close()
        assert eventually(lambda: not api.watching(), SECONDS, "the upstream watch to be closed")
