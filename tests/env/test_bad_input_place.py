"""Places that cannot be used: each is said in a condition with what to do, and never followed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from ebbflow.devcluster.gitrepository import Content, Entry
from tests.env.conftest import Shared
from tests.support.audit import AuditLog
from tests.support.builders import template
from tests.support.gitserver import FaultyGitServer
from tests.support.installation import OPERATOR_USER
from tests.support.kubectl import Kubectl
from tests.support.operators import Operators
from tests.support.synced import SHOP, Scene, Synced, attach, link

FILES: dict[str, Content] = {
    "shop.yaml": SHOP,
    "directory/shop.yaml": SHOP,
    "link.yaml": Entry("120000", b"shop.yaml"),
    "out.yaml": Entry("120000", b"../../../../etc/passwd"),
    "ring.yaml": Entry("120000", b"ring.yaml"),
    "linked": Entry("120000", b"directory"),
    "module": Entry("160000", b"1" * 40),
    "run.yaml": Entry("100755", SHOP),
}


@dataclass(frozen=True)
class Bad:
    """What is wrong with the place, and what the object says to it."""

    reason: str
    words: tuple[str, ...]
    git: dict[str, Any] = field(default_factory=dict)
    stalled: bool = True


TABLE = {
    "symbolic-link": Bad(
        "NotAFile",
        ("'link.yaml' is a symbolic link", "Change spec.git.path"),
        {"path": "link.yaml"},
    ),
    "link-out-of-the-repository": Bad("NotAFile", ("a symbolic link",), {"path": "out.yaml"}),
    "link-to-itself": Bad("NotAFile", ("a symbolic link",), {"path": "ring.yaml"}),
    "link-on-the-way": Bad(
        "NotAFile", ("'linked' is a symbolic link", "on the way"), {"path": "linked/shop.yaml"}
    ),
    "directory": Bad("NotAFile", ("'directory' is a directory",), {"path": "directory"}),
    "submodule": Bad("NotAFile", ("'module' is a submodule",), {"path": "module"}),
    "below-a-file": Bad(
        "NotAFile", ("'shop.yaml' is a file", "on the way"), {"path": "shop.yaml/shop.yaml"}
    ),
    "path-up": Bad("InvalidSpec", ("spec.git.path", "'..'"), {"path": "../shop.yaml"}),
    "path-up-in-the-middle": Bad(
        "InvalidSpec", ("spec.git.path", "'..'"), {"path": "a/../../shop.yaml"}
    ),
    "path-into-git": Bad("InvalidSpec", ("belongs to Git",), {"path": ".git/config"}),
    "path-into-git-by-case": Bad("InvalidSpec", ("belongs to Git",), {"path": "a/.GIT/hooks/x"}),
    "path-with-backslash": Bad("InvalidSpec", ("a backslash",), {"path": "a\\shop.yaml"}),
    "path-of-a-directory": Bad("InvalidSpec", ("an empty part",), {"path": "directory/"}),
    "no-file": Bad(
        "NothingToSync",
        ("templates/none.yaml does not exist on branch main", "commit the file or fill"),
        {"path": "templates/none.yaml"},
    ),
    "no-branch": Bad(
        "BranchNotFound", ("branch prod does not exist", "create it or change"), {"branch": "prod"}
    ),
    "tag-as-a-branch": Bad("BranchNotFound", ("branch v1 does not exist",), {"branch": "v1"}),
    "link-local": Bad(
        "URLNotAllowed",
        ("a link-local address", "never connects there"),
        {"repository": "http://169.254.169.254/latest/meta-data"},
    ),
    "link-local-in-ipv6": Bad(
        "URLNotAllowed",
        ("never connects there",),
        {"repository": "http://[::ffff:169.254.169.254]/latest/meta-data"},
    ),
    "metadata": Bad(
        "URLNotAllowed",
        ("a cloud's metadata address",),
        {"repository": "http://100.100.100.200/latest/meta-data"},
    ),
    "number-as-a-host": Bad(
        "URLNotAllowed", ("is a number",), {"repository": "http://2852039166/latest/meta-data"}
    ),
    "ssh-without-a-key": Bad(
        "AuthenticationFailed",
        ("needs a private key", "GitAccount"),
        {"repository": "ssh://git@127.0.0.1/a/b"},
    ),
    "nobody-listens": Bad(
        "GitUnreachable",
        ("127.0.0.1 did not answer", "connection refused", "check the address"),
        {"repository": "http://127.0.0.1:1/acme/infra.git"},
        stalled=False,
    ),
    "unknown-name": Bad(
        "GitUnreachable",
        ("The name git.invalid",),
        {"repository": "http://git.invalid/acme/infra.git"},
        stalled=False,
    ),
}
# Addresses of other hosts than the account's Secret is for need no credentials to be refused.
ANONYMOUS = frozenset(name for name, bad in TABLE.items() if "repository" in bad.git)


@pytest.fixture(scope="module")
def shops(shared: Shared) -> dict[str, Synced]:
    """One Template a row of the table, all taken up at once."""
    shared.git.create_repository("infra", FILES)
    shared.git.repository("infra").git("tag", "v1", "main")
    place = {"repository": shared.git.url_of("infra"), "branch": "main", "path": "shop.yaml"}
    for name, bad in TABLE.items():
        login = {} if name in ANONYMOUS else {"accountRef": {"name": shared.account}}
        made = template(name).within(shared.namespace).spec(git=place | login | bad.git)
        shared.kubectl.create(made.build())
    return {name: Synced(shared, name, "infra", "shop.yaml") for name in TABLE}


@pytest.mark.parametrize("name", TABLE)
def test_a_place_that_cannot_be_used_is_said_with_what_to_do(
    shared: Shared, shops: dict[str, Synced], name: str
) -> None:
    bad = TABLE[name]
    if bad.stalled:
        message = shops[name].wait_stalled(bad.reason)
    else:
        shops[name].wait("False", bad.reason)
        message = shops[name].ready()[2]
        condition = shared.kubectl.condition("Template", name, shared.namespace, "Reconciling")
        assert condition is not None
    for words in bad.words:
        assert words in message
    assert shops[name].document() is None
    assert len(shared.git.log("infra")) == 1


def test_an_executable_file_is_a_file_and_stays_executable(shared: Shared) -> None:
    shop = link(shared, "executable", FILES, path="run.yaml")
    shop.edit(REPLICAS="5")
    shop.wait_file(SHOP.replace(b'"2"', b'"5"'))
    listed = shared.git.repository("executable").git("ls-tree", "main", "run.yaml").decode()
    assert listed.startswith("100755 blob")


def test_a_place_that_was_good_keeps_what_both_sides_agreed_on(shared: Shared) -> None:
    shop = link(shared, "was-good")
    agreed = shop.get()["status"]["sync"]["commit"]
    shop.patch(git={"path": "../shop.yaml"})
    shop.wait_stalled("InvalidSpec")
    assert shop.arguments() == {"REPLICAS": "2", "COLOUR": "red"}
    shop.patch(git={"path": shop.path})
    shop.wait(reason="InStep")
    assert shop.get()["status"]["sync"]["commit"] == agreed
    assert shop.subjects() == ["Begin"]


def test_what_is_no_git_server_is_told_as_such(shared: Shared) -> None:
    shared.git.create_repository("page", {"shop.yaml": SHOP})
    with FaultyGitServer(username="x", password="y" * 8) as server:
        server.say(b"<html>Welcome</html>", "text/html", times=None)
        made = template("page").within(shared.namespace)
        shared.kubectl.create(made.at(server.url_of("page"), "shop.yaml").build())
        message = Synced(shared, "page", "page", "shop.yaml").wait_stalled("RepositoryNotFound")
    assert "not as a Git repository" in message
    assert "Check the address" in message


def test_http_needs_its_flag(
    git: FaultyGitServer,
    kubectl: Kubectl,
    namespace: str,
    account: str,
    operators: Operators,
) -> None:
    operators(insecure_http=False)
    git.create_repository("plain", {"shop.yaml": SHOP})
    scene = Scene(kubectl, git, namespace, account)
    shop = attach(scene, "plain", "plain", path="shop.yaml", ready=False)
    message = shop.wait_stalled("URLNotAllowed")
    assert "Use https, or start the operator with --allow-insecure-http" in message
    assert git.counts.total() == 0


def test_a_host_that_the_operator_may_not_use_is_not_asked(
    git: FaultyGitServer,
    kubectl: Kubectl,
    namespace: str,
    account: str,
    operators: Operators,
) -> None:
    operators("--allowed-hosts=*.acme.dev")
    git.create_repository("elsewhere", {"shop.yaml": SHOP})
    scene = Scene(kubectl, git, namespace, account)
    shop = attach(scene, "elsewhere", "elsewhere", path="shop.yaml", ready=False)
    message = shop.wait_stalled("URLNotAllowed")
    assert "may not connect to 127.0.0.1" in message
    assert "--allowed-hosts" in message
    assert git.counts.total() == 0


def test_what_a_person_must_mend_is_not_asked_for_again_and_again(
    shared: Shared, shops: dict[str, Synced], audit: AuditLog
) -> None:
    shop = shops["path-up"]
    shop.wait_stalled("InvalidSpec")
    neighbour = link(shared, "neighbour")
    mark = audit.mark()
    neighbour.look_now()
    asked = audit.since(mark).where(user=OPERATOR_USER, name=shop.name)
    assert asked.text() == ""
