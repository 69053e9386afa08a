"""The client that sends the requests of documents, over real connections on loopback."""

from __future__ import annotations

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import web

from ebbflow.adapters.http_client import AioHttpClient
from ebbflow.domain.http import MAX_ANSWER_BYTES, HttpAnswer, HttpError, HttpRequest
from ebbflow.domain.secret import Tainted

SECRET = "canary-in-a-request"
NAMES = {"api.test": ("127.0.0.1",), "evil.test": ("127.0.0.1", "169.254.169.254")}


def look_up(host: str, port: int) -> tuple[str, ...]:
    if host not in NAMES:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")
    return NAMES[host]


class Server:
    """Answers by path, and remembers what came."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answers: dict[str, Callable[[], web.StreamResponse]] = {}
        self.silent = asyncio.Event()
        self.port = 0

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(
            (request.method, request.path_qs, dict(request.headers), await request.read())
        )
        if request.path == "/silent":
            await self.silent.wait()
        if request.path == "/endless":
            return await self._endless(request)
        make = self.answers.get(request.path)
        return make() if make else web.json_response({"path": request.path})

    async def _endless(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(2 * MAX_ANSWER_BYTES // 65536):
            await response.write(b"x" * 65536)
        return response

    def redirect(self, path: str, to: str, status: int = 302) -> None:
        self.answers[path] = lambda: web.Response(status=status, headers={"Location": to})


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    runner = web.ServerRunner(web.Server(made.handle))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.port = runner.addresses[0][1]
    yield made
    made.silent.set()
    await runner.cleanup()


@pytest.fixture
async def client() -> AsyncIterator[AioHttpClient]:
    made = AioHttpClient((), look_up, allow_insecure_http=True)
    yield made
    await made.close()


async def get(client: AioHttpClient, url: str | Tainted, method: str = "GET") -> HttpAnswer:
    return await client.send(HttpRequest(method, url))


async def test_json_goes_and_comes(server: Server, client: AioHttpClient) -> None:
    body = {"key": Tainted(SECRET), "list": [1, None]}
    headers = {"authorization": Tainted(f"Bearer {SECRET}"), "X-Team": "web"}
    answer = await client.send(HttpRequest("POST", server.url("/a?b=%20c"), headers, body))
    ((method, path, sent, data),) = server.seen
    assert (method, path) == ("POST", "/a?b=%20c")
    assert data == b'{"key": "' + SECRET.encode() + b'", "list": [1, null]}'
    assert sent["Content-Type"] == "application/json"
    assert (sent["Authorization"], sent["X-Team"]) == (f"Bearer {SECRET}", "web")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.body == b'{"path": "/a"}'


async def test_a_text_is_sent_as_it_is(server: Server, client: AioHttpClient) -> None:
    headers = {"content-type": "text/csv"}
    await client.send(HttpRequest("PUT", server.url("/"), headers, Tainted("a,b")))
    ((_, _, sent, data),) = server.seen
    assert (sent["Content-Type"], data) == ("text/csv", b"a,b")


async def test_no_cookie_is_kept(server: Server, client: AioHttpClient) -> None:
    server.answers["/"] = lambda: web.Response(headers={"Set-Cookie": "session=1"})
    await get(client, server.url("/"))
    await get(client, server.url("/other"))
    assert "Cookie" not in server.seen[1][2]


async def test_a_redirect_within_the_origin_is_followed(
    server: Server, client: AioHttpClient
) -> None:
    server.redirect("/old", "/new?x=1")
    assert (await get(client, server.url("/old"))).body == b'{"path": "/new"}'
    server.redirect("/moved", server.url("/new"), 307)
    answer = await client.send(HttpRequest("POST", server.url("/moved"), body="again"))
    assert answer.status == 200
    assert [(seen[0], seen[3]) for seen in server.seen[2:]] == [("POST", b"again")] * 2


async def test_a_post_is_not_made_a_get(server: Server, client: AioHttpClient) -> None:
    server.redirect("/old", "/new")
    assert (await get(client, server.url("/old"), "POST")).status == 302
    assert len(server.seen) == 1


async def test_a_redirect_to_another_origin_is_refused(
    server: Server, client: AioHttpClient
) -> None:
    server.redirect("/old", f"http://api.test:{server.port}/{SECRET}")
    with pytest.raises(HttpError, match=r"redirects to another place, http://api\.test") as caught:
        await get(client, server.url("/old"))
    assert caught.value.final
    assert SECRET not in str(caught.value)
    assert len(server.seen) == 1


async def test_redirects_come_to_an_end(server: Server, client: AioHttpClient) -> None:
    server.redirect("/round", "/round")
    with pytest.raises(HttpError, match="redirects more than 5 times"):
        await get(client, server.url("/round"))
    assert len(server.seen) == 6


async def test_an_answer_may_have_so_many_bytes(server: Server, client: AioHttpClient) -> None:
    server.answers["/full"] = lambda: web.Response(body=b"x" * MAX_ANSWER_BYTES)
    assert len((await get(client, server.url("/full"))).body) == MAX_ANSWER_BYTES
    with pytest.raises(HttpError, match=f"more than {MAX_ANSWER_BYTES} bytes"):
        await get(client, server.url("/endless"))


async def test_a_compressed_answer_counts_as_what_it_becomes(
    server: Server, client: AioHttpClient
) -> None:
    packed = gzip.compress(b"x" * (50 * MAX_ANSWER_BYTES))
    assert len(packed) < MAX_ANSWER_BYTES
    headers = {"Content-Encoding": "gzip"}
    server.answers["/packed"] = lambda: web.Response(body=packed, headers=headers)
    with pytest.raises(HttpError, match=f"more than {MAX_ANSWER_BYTES} bytes"):
        await get(client, server.url("/packed"))


async def test_who_does_not_answer_in_time_is_left(server: Server) -> None:
    hasty = AioHttpClient((), look_up, allow_insecure_http=True, seconds=0.2)
    with pytest.raises(HttpError, match=r"did not answer within 0\.2 s") as caught:
        await get(hasty, server.url("/silent"))
    assert not caught.value.final
    await hasty.close()


async def test_a_name_is_resolved_and_the_connection_goes_there(
    server: Server, client: AioHttpClient
) -> None:
    assert (await get(client, server.url("/", "api.test"))).status == 200


@pytest.mark.parametrize(
    ("url", "words"),
    [
        pytest.param("http://169.254.169.254/latest", "link-local", id="link-local"),
        pytest.param("http://[fd00:ec2::254]/", "metadata", id="metadata"),
        pytest.param("http://[::ffff:169.254.169.254]/", "link-local", id="inside of IPv6"),
        pytest.param("http://2852039166/", "is a number", id="a number"),
        pytest.param("http://evil.test/", "leads to 169.254.169.254", id="by its name"),
        pytest.param("http://user:pw@api.test/", "user or password", id="credentials"),
        pytest.param("ftp://api.test/", "no web address", id="scheme"),
        pytest.param("http:///x", "names no host", id="no host"),
        pytest.param("http://api.test/a b", "percent-encoded", id="space"),
        pytest.param("http://api.test/\r\nX: y", "percent-encoded", id="line break"),
    ],
)
async def test_an_address_where_nobody_may_connect_is_refused(
    client: AioHttpClient, url: str, words: str
) -> None:
    with pytest.raises(HttpError, match=words) as caught:
        await get(client, url)
    assert caught.value.final
    assert "pw" not in str(caught.value)


async def test_only_allowed_hosts_and_only_https_unless_the_operator_says_so(
    server: Server,
) -> None:
    strict = AioHttpClient(("*.example.com",), look_up, allow_insecure_http=False)
    with pytest.raises(HttpError, match="--allowed-hosts"):
        await get(strict, "https://api.test/")
    with pytest.raises(HttpError, match="--allow-insecure-http"):
        await get(strict, "http://www.example.com/")
    await strict.close()
    assert server.seen == []


@pytest.mark.parametrize(
    "url",
    [
        pytest.param(f"ftp://api.test/{SECRET}", id="refused"),
        pytest.param(f"http://nowhere.test/{SECRET}", id="no such name"),
        pytest.param(f"http://127.0.0.1:1/{SECRET}", id="no connection"),
        pytest.param(f"http://evil.test/{SECRET}?{SECRET}", id="forbidden"),
    ],
)
async def test_what_is_secret_in_an_address_is_not_repeated(
    client: AioHttpClient, url: str
) -> None:
    with pytest.raises(HttpError) as caught:
        await get(client, Tainted(url))
    assert SECRET not in str(caught.value)


async def test_a_server_that_hangs_up_is_told(client: AioHttpClient) -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    rude = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = rude.sockets[0].getsockname()[1]
    with pytest.raises(HttpError, match="closed without an answer") as caught:
        await get(client, f"http://127.0.0.1:{port}/")
    assert not caught.value.final
    rude.close()
