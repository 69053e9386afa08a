"""Addresses, hosts, paths and branch names: what is let through, and what is said of the rest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbflow.domain.addresses import (
    check_branch_name,
    check_repository_url,
    host_of,
    is_host_allowed,
    normalise_path,
    redact,
    why_forbidden,
)
from ebbflow.domain.git import AddressNotAllowed


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/acme/infra",
        "https://github.com/acme/infra.git",
        "https://git.acme.dev:8443/a/b/c.git/",
        "https://10.0.0.7/acme/infra",
        "https://[2001:db8::7]:8443/acme/infra",
        "https://git_server/acme/infra",
        "https://xn--bcher-kva.example/acme/infra",
        "https://example.com/acme/with%20space",
        "https://example.com/~ann/dotfiles",
        "ssh://git@github.com/acme/infra.git",
        "ssh://git@git.acme.dev:2222/~ann/dotfiles",
        "ssh://git.acme.dev/acme/infra",
        "ssh://git@[2001:db8::7]:2222/acme/infra",
    ],
)
def test_an_ordinary_address_may_be_used(url: str) -> None:
    check_repository_url(url, allow_insecure_http=False)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        pytest.param("http://github.com/a/b", "--allow-insecure-http", id="http"),
        pytest.param("ssh://git:s3cret@github.com/a/b", "user or password", id="ssh password"),
        pytest.param("ssh://-oProxyCommand=id@github.com/a/b", "no user name", id="ssh option"),
        pytest.param("ssh://%2doProxyCommand@github.com/a/b", "no user name", id="ssh %2d"),
        pytest.param("ssh://$(id)@github.com/a/b", "no user name", id="ssh shell"),
        pytest.param("ssh://@github.com/a/b", "no user name", id="ssh empty user"),
        pytest.param("ssh://git@-oProxyCommand=id/a/b", "no host name", id="ssh host option"),
        pytest.param("ssh://git@host%25h/a/b", "no host name", id="ssh host token"),
        pytest.param("ssh://git@github.com/a%0ab", "control character", id="ssh line break"),
        pytest.param("ssh://git@169.254.169.254/a/b", "link-local", id="ssh metadata"),
        pytest.param("ssh://git@github.com", "names no repository", id="ssh no path"),
        pytest.param("file:///etc/passwd", "https://host/path", id="file"),
        pytest.param("git://github.com/a/b", "https://host/path", id="git"),
        pytest.param("ext::sh -c id", "https://host/path", id="ext"),
        pytest.param("/srv/repo", "https://host/path", id="local path"),
        pytest.param("git@github.com:a/b", "https://host/path", id="scp form"),
        pytest.param("https:///a/b", "names no host", id="no host"),
        pytest.param("https://github.com", "names no repository", id="no path"),
        pytest.param("https://github.com/", "names no repository", id="root"),
        pytest.param("https://ann:s3cret@github.com/a/b", "user or password", id="password"),
        pytest.param("https://s3cret@github.com/a/b", "user or password", id="user"),
        pytest.param("https://github.com\\@evil.com/a/b", "", id="backslash"),
        pytest.param("https://github.com#@evil.com/a/b", "", id="fragment in the host"),
        pytest.param("https://github.com?@evil.com/a/b", "", id="query in the host"),
        pytest.param("https://github.com:99999/a/b", "cannot be read", id="port"),
        pytest.param("https://github.com:x/a/b", "cannot be read", id="port of letters"),
        pytest.param("https://[::1/a/b", "cannot be read", id="bracket"),
        pytest.param("https://git hub.com/a/b", "", id="space in the host"),
        pytest.param("https://github.com/a b", "percent-encoded", id="space"),
        pytest.param("https://github.com/a\nb", "", id="line break"),
        pytest.param("https://github.com/\x00", "", id="NUL"),
        pytest.param("https://github.com/a/b?x=1", "? or #", id="query"),
        pytest.param("https://github.com/a/b#x", "? or #", id="fragment"),
        pytest.param("https://github.com/a/b?", "? or #", id="empty query"),
        pytest.param("https://github.com/acme/../evil/b", "without empty parts", id="dots"),
        pytest.param("https://github.com/acme/%2e%2e/evil", "without empty parts", id="%2e%2e"),
        pytest.param("https://github.com/acme%2f..%2fevil", "without empty parts", id="%2f"),
        pytest.param("https://github.com/acme//evil", "without empty parts", id="double slash"),
        pytest.param("https://github.com/a%5cb", "without empty parts", id="encoded backslash"),
        pytest.param("https://bücher.example/a/b", "xn--", id="not ASCII"),
        pytest.param("https://" + "a" * 2100 + "/b", "at most 2048", id="long"),
        pytest.param("https://169.254.169.254/latest", "link-local", id="metadata"),
        pytest.param("https://169.254.169.254./latest", "link-local", id="metadata with a dot"),
        pytest.param("https://[fe80::1]/a", "link-local", id="IPv6 link-local"),
        pytest.param("https://[fe80::1%25eth0]/a", "", id="IPv6 with a zone"),
        pytest.param("https://[fd00:ec2::254]/a", "metadata", id="IPv6 metadata"),
        pytest.param("https://[::ffff:169.254.169.254]/a", "link-local", id="mapped"),
        pytest.param("https://[::ffff:a9fe:a9fe]/a", "link-local", id="mapped in hex"),
        pytest.param("https://[64:ff9b::a9fe:a9fe]/a", "link-local", id="NAT64"),
        pytest.param("https://[2002:a9fe:a9fe::]/a", "link-local", id="6to4"),
        pytest.param("https://[::169.254.169.254]/a", "link-local", id="IPv4-compatible"),
        pytest.param("https://2852039166/a", "is a number", id="decimal"),
        pytest.param("https://0xa9fea9fe/a", "is a number", id="hexadecimal"),
        pytest.param("https://0251.0376.0251.0376/a", "is a number", id="octal"),
        pytest.param("https://169.254.43518/a", "is a number", id="three parts"),
        pytest.param("https://0xa9.0xfe.0xa9.0xfe/a", "is a number", id="hexadecimal parts"),
        pytest.param("https://169.254.169.254.0x0/a", "is a number", id="too many parts"),
        pytest.param("https://0.0.0.0/a", "unspecified", id="unspecified"),
        pytest.param("https://[::]/a", "unspecified", id="IPv6 unspecified"),
        pytest.param("https://100.100.100.200/a", "metadata", id="another cloud"),
        pytest.param("https://224.0.0.1/a", "multicast", id="multicast"),
        pytest.param("https://\uff11\uff16\uff19.254.169.254/a", "", id="wide digits"),
    ],
)
def test_any_other_address_is_refused_with_what_to_do(url: str, words: str) -> None:
    with pytest.raises(AddressNotAllowed, match=r".") as caught:
        check_repository_url(url, allow_insecure_http=False)
    assert words in str(caught.value)
    assert "s3cret" not in str(caught.value)


@given(st.text(max_size=60))
def test_no_text_makes_the_check_fail_in_another_way(text: str) -> None:
    for url in (text, f"https://{text}", f"https://example.com/{text}"):
        try:
            check_repository_url(url, allow_insecure_http=True)
        except AddressNotAllowed:
            continue
        assert host_of(url)
        assert "@" not in url.split("/")[2]


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_ssh_address_that_is_let_through_holds_an_option(user: str, rest: str) -> None:
    try:
        check_repository_url(f"ssh://{user}@{rest}", allow_insecure_http=False)
    except AddressNotAllowed:
        return
    assert not user.startswith("-")
    assert not host_of(f"ssh://{user}@{rest}").startswith("-")


def test_http_may_be_allowed() -> None:
    check_repository_url("http://127.0.0.1:3000/a/b", allow_insecure_http=True)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://GitHub.com/a/b", "github.com"),
        ("https://github.com.:443/a", "github.com"),
        ("https://[2001:DB8::7]:8443/a", "2001:db8::7"),
    ],
)
def test_the_host_has_one_spelling(url: str, host: str) -> None:
    assert host_of(url) == host


@pytest.mark.parametrize(
    ("url", "redacted"),
    [
        ("https://ann:s3cret@github.com/a/b", "https://github.com/a/b"),
        ("https://a:b@c:d@github.com/a", "https://github.com/a"),
        ("https://github.com/a?token=s3cret#s3cret", "https://github.com/a"),
        ("s3cret@host/a", "host/a"),
        ("https://github.com/a/b", "https://github.com/a/b"),
    ],
)
def test_redacted_addresses_hold_no_secret(url: str, redacted: str) -> None:
    assert redact(url) == redacted


@pytest.mark.parametrize(
    ("host", "globs", "allowed"),
    [
        pytest.param("evil.com", (), True, id="no list allows all"),
        pytest.param("github.com", ("github.com",), True, id="name"),
        pytest.param("GITHUB.com.", ("GitHub.com",), True, id="case and final dot"),
        pytest.param("git.corp.dev", ("*.corp.dev",), True, id="glob"),
        pytest.param("corp.dev", ("*.corp.dev",), False, id="glob wants something before the dot"),
        pytest.param("git.corp.dev.evil.com", ("*.corp.dev",), False, id="whole names only"),
        pytest.param("github.com.evil.com", ("github.com",), False, id="no prefixes"),
        pytest.param("notgithub.com", ("github.com",), False, id="no suffixes"),
    ],
)
def test_allowed_hosts_are_globs_over_whole_names(
    host: str, globs: tuple[str, ...], allowed: bool
) -> None:
    assert is_host_allowed(host, globs) is allowed


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "127.0.0.1", "::1", "192.168.1.1", "8.8.8.8", "2001:db8::1", "fd00::1"]
)
def test_private_and_public_addresses_may_be_connected_to(address: str) -> None:
    assert why_forbidden(address) is None


@given(st.integers(0, 0xFFFF))
def test_every_link_local_address_is_forbidden_in_every_form(low: int) -> None:
    dotted = f"169.254.{low >> 8}.{low & 255}"
    forms = [
        dotted,
        f"::ffff:{dotted}",
        f"64:ff9b::{dotted}",
        f"2002:a9fe:{low:x}::",
        f"::{dotted}",
    ]
    assert all(why_forbidden(form) for form in forms)
    assert why_forbidden(f"fe80::{low:x}%eth0")


@pytest.mark.parametrize(
    ("path", "normal"),
    [
        ("/templates/shop.yaml", "templates/shop.yaml"),
        ("a", "a"),
        ("a b/ü.json", "a b/ü.json"),
        ("..a/b..", "..a/b.."),
        (".gitignore", ".gitignore"),
        (".github/workflows/ci.yaml", ".github/workflows/ci.yaml"),
    ],
)
def test_a_path_is_relative_to_the_root(path: str, normal: str) -> None:
    assert normalise_path(path) == normal


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("", id="empty"),
        pytest.param("/", id="root"),
        pytest.param("//a", id="two slashes"),
        pytest.param("a//b", id="empty part"),
        pytest.param("a/", id="slash at the end"),
        pytest.param("..", id="up"),
        pytest.param("a/../../b", id="up inside"),
        pytest.param("./a", id="dot"),
        pytest.param(".git/config", id="git"),
        pytest.param("a/.GiT/config", id="git in another case"),
        pytest.param(".git./config", id="git with a dot"),
        pytest.param(".git /config", id="git with a space"),
        pytest.param("git~1/config", id="short name of git"),
        pytest.param(".g\u200cit/config", id="git with an ignored character"),
        pytest.param(".git::$INDEX_ALLOCATION/config", id="git as a stream"),
        pytest.param("a\0b", id="NUL"),
        pytest.param("a\\..\\b", id="backslash"),
        pytest.param("a\ud800", id="lone surrogate"),
        pytest.param("ü" * 513, id="over 1,024 bytes"),
        pytest.param("a/" * 64 + "b", id="too deep"),
    ],
)
def test_a_path_that_git_would_not_take_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match=r"path"):
        normalise_path(path)


@given(st.text(max_size=40))
def test_a_normal_path_stays_as_it_is_and_never_leads_out(path: str) -> None:
    try:
        normal = normalise_path(path)
    except ValueError:
        return
    assert normalise_path(normal) == normal
    assert not {"", ".", ".."} & set(normal.split("/"))


@pytest.mark.parametrize(
    "branch", ["main", "team/blue", "v1.2", "a-b_c", "ü", "a@b", "feature/#12"]
)
def test_an_ordinary_branch_name_may_be_used(branch: str) -> None:
    check_branch_name(branch)


@pytest.mark.parametrize(
    "branch",
    [
        "", "-x", "a..b", "a b", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b", "a\x7f", "a\n", "@",
        "a@{1}", "/a", "a/", "a//b", ".a", "a/.b", "a.", "a.lock", "a.lock/b", "HEAD", "x" * 256,
        "a\ud800",
    ],
)  # fmt: skip
def test_a_branch_name_that_git_refuses_is_refused(branch: str) -> None:
    with pytest.raises(ValueError, match="Use another name"):
        check_branch_name(branch)
