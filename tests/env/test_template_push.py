"""A push reaches the object; a commit that leaves the file as it was costs nothing."""

from __future__ import annotations

import subprocess
from pathlib import Path

from ebbflow.devcluster.gitrepository import git_environment
from tests.env.conftest import GIT_USER, Shared
from tests.support.audit import AuditLog, Requests
from tests.support.installation import OPERATOR_USER
from tests.support.synced import SHOP, WAIT_SECONDS, link, wait_questions

FIVE = SHOP.replace(b'"2"', b'"5"')
# `printf` and not `echo`, which reads backslashes in some shells.
ASKPASS = """\
#!/bin/sh
case "$1" in Username*) printf '%s\\n' "$GIT_LOGIN" ;; *) printf '%s\\n' "$GIT_PASS" ;; esac
"""


def of_operator(audit: AuditLog, mark: int, shared: Shared, name: str = "") -> Requests:
    """What the operator asked about the objects of the namespace, or about one of them."""
    made = audit.since(mark).where(user=OPERATOR_USER, namespace=shared.namespace)
    made = made.where(name=name) if name else made
    return Requests(request for request in made if request.verb != "watch")


def test_a_push_updates_the_object(shared: Shared) -> None:
    shop = link(shared, "pushed")
    commit = shop.push(FIVE)
    seen = shop.wait_commit(commit)
    assert seen["spec"]["document"]["arguments"] == {"REPLICAS": "5", "COLOUR": "red"}
    assert shop.wait()["status"]["observedGeneration"] == shop.get()["metadata"]["generation"]
    assert shop.ready() == ("True", "InStep", f"In step with main at {commit[:7]}")
    assert shop.subjects() == ["Edit by hand", "Begin"]


def test_a_commit_that_leaves_the_file_alone_costs_the_api_server_nothing(
    shared: Shared, audit: AuditLog
) -> None:
    shop = link(shared, "unrelated")
    synced = shop.head()
    mark = audit.mark()
    shared.git.commit("unrelated", {"README.md": b"hello\n", "other.yaml": FIVE}, "Elsewhere")
    # A poll that is under way, one that sees the commit, a fetch of its trees, and one poll more.
    wait_questions(shared.git, 4, "unrelated")
    assert of_operator(audit, mark, shared, "unrelated").text() == ""
    assert shop.get()["status"]["sync"]["commit"] == synced


def test_a_commit_that_only_changes_comments_leaves_the_document_alone(
    shared: Shared, audit: AuditLog
) -> None:
    shop = link(shared, "comments")
    before = shop.get()["metadata"]["generation"]
    mark = audit.mark()
    commit = shop.push(SHOP.replace(b"# how many", b"# how many of them"))
    shop.wait_commit(commit)
    assert shop.get()["metadata"]["generation"] == before
    writes = of_operator(audit, mark, shared, "comments").writes()
    assert writes.counts() == {("patch", "templates/status"): 1}
    # What is edited afterwards goes into the text with the new comment.
    shop.edit(REPLICAS="5")
    shop.wait_file(FIVE.replace(b"# how many", b"# how many of them"))


def test_a_rewritten_history_is_followed(shared: Shared) -> None:
    shop = link(shared, "rewritten")
    shop.wait_commit(shop.push(SHOP.replace(b'"2"', b'"3"')))
    repository = shared.git.repository("rewritten")
    # A branch without a parent: nothing of the old history is left.
    fresh = shared.git.commit("rewritten", {shop.path: FIVE}, "Begin again", branch="fresh")
    repository.point("main", fresh)
    shop.wait_commit(fresh)
    shop.wait_arguments(REPLICAS="5", COLOUR="red")
    shop.edit(REPLICAS="6")
    shop.wait_file(SHOP.replace(b'"2"', b'"6"'))
    assert shop.subjects() == ["Update rewritten", "Begin again"]


def test_a_history_that_goes_back_takes_the_object_back(shared: Shared) -> None:
    shop = link(shared, "back")
    first = shop.head()
    shop.wait_commit(shop.push(FIVE))
    shared.git.repository("back").point("main", first)
    shop.wait_arguments(REPLICAS="2", COLOUR="red")
    shop.wait_commit(first)


def test_a_person_with_credentials_pushes_with_the_real_git(shared: Shared, tmp_path: Path) -> None:
    shop = link(shared, "by-git")
    askpass = tmp_path / "askpass"
    askpass.write_text(ASKPASS)
    askpass.chmod(0o700)
    login = {"GIT_LOGIN": GIT_USER, "GIT_PASS": shared.canary.value, "GIT_ASKPASS": str(askpass)}
    who = {
        f"GIT_{role}_{what}": "ann"
        for role in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }

    def git(*arguments: str, cwd: Path = tmp_path) -> None:
        subprocess.run(
            ["git", *arguments],
            cwd=cwd,
            env=git_environment(tmp_path) | login | who,
            check=True,
            capture_output=True,
            timeout=WAIT_SECONDS,
        )

    git("clone", "--quiet", shop.url, "clone")
    clone = tmp_path / "clone"
    (clone / shop.path).write_bytes(FIVE)
    git("commit", "--quiet", "--all", "--message=Five", cwd=clone)
    git("push", "--quiet", "origin", "main", cwd=clone)
    shop.wait_commit(shop.head())
    shop.wait_arguments(REPLICAS="5", COLOUR="red")
    assert shop.subjects() == ["Five", "Begin"]
