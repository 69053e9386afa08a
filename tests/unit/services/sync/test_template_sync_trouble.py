"""What cannot be carried over stays where it is, is told, and goes on when it is mended."""

from __future__ import annotations

from ebbflow.domain.git import AuthenticationFailed, Unreachable
from tests.support.sync_world import FILE, PATH, SHOP, URL, SyncWorld


async def test_an_invalid_edit_is_not_committed_and_not_lost(in_step: SyncWorld) -> None:
    in_step.cluster.edit(SHOP, lambda raw: raw["spec"]["document"].update(speck={}))
    await in_step.reconcile()
    status, reason, message = in_step.ready()
    assert (status, reason) == ("False", "InvalidDocument")
    assert "spec.document" in message
    assert "speck" in message
    assert in_step.file() == FILE
    assert "speck" in in_step.shop().spec.document


async def test_an_invalid_file_keeps_the_last_good_document(in_step: SyncWorld) -> None:
    in_step.push(b"apiVersion: v1.2\narguments: [\n")
    in_step.restart()
    await in_step.reconcile()
    status, reason, message = in_step.ready()
    assert (status, reason) == ("False", "InvalidDocument")
    assert PATH in message
    assert "line " in message
    assert "column " in message
    assert in_step.arguments()["REPLICAS"] == "2"
    assert in_step.shop().status.sync.commit is not None


async def test_an_invalid_file_that_is_mended_is_taken(in_step: SyncWorld) -> None:
    in_step.push(b"apiVersion: [\n")
    in_step.restart()
    await in_step.reconcile()
    in_step.push(FILE.replace(b'"2"', b'"4"'))
    in_step.clock.advance(61)
    await in_step.reconcile()
    assert in_step.ready()[0] == "True"
    assert in_step.arguments()["REPLICAS"] == "4"


async def test_a_file_that_is_gone_is_said_and_nothing_removed(in_step: SyncWorld) -> None:
    in_step.push(None)
    in_step.restart()
    await in_step.reconcile()
    assert in_step.ready()[:2] == ("False", "FileNotFound")
    assert in_step.arguments()["REPLICAS"] == "2"


async def test_a_branch_that_is_gone_is_said(in_step: SyncWorld) -> None:
    in_step.git.point(URL, "main", None)
    in_step.restart()
    await in_step.reconcile()
    assert in_step.ready()[:2] == ("False", "BranchNotFound")


async def test_a_branch_that_comes_back_goes_on(in_step: SyncWorld) -> None:
    head = in_step.git.head(URL)
    in_step.git.point(URL, "main", None)
    in_step.restart()
    await in_step.reconcile()
    in_step.git.point(URL, "main", head)
    in_step.clock.advance(2)
    await in_step.reconcile()
    assert in_step.ready()[:2] == ("True", "InStep")


async def test_an_unreachable_server_is_waited_for(in_step: SyncWorld) -> None:
    in_step.git.fail(URL, Unreachable("the server does not answer"))
    in_step.restart()
    report = await in_step.reconcile()
    assert in_step.ready() == ("False", "GitUnreachable", "the server does not answer")
    assert report is not None
    assert report.outcome.after.total_seconds() <= 10
    in_step.git.fail(URL, None)
    in_step.clock.advance(2)
    await in_step.reconcile()
    assert in_step.ready()[0] == "True"


async def test_refused_credentials_need_a_person(in_step: SyncWorld) -> None:
    in_step.git.fail(URL, AuthenticationFailed("the server refused the credentials"))
    in_step.restart()
    await in_step.reconcile()
    assert in_step.ready()[:2] == ("False", "AuthenticationFailed")
    assert [c.type for c in in_step.shop().status.conditions] == ["Ready", "Stalled"]


async def test_a_refused_push_keeps_the_edit(in_step: SyncWorld) -> None:
    in_step.git.refuse_pushes(URL, "only on weekdays")
    in_step.edit(REPLICAS="5")
    await in_step.reconcile()
    status, reason, message = in_step.ready()
    assert (status, reason) == ("False", "PushRejected")
    assert "only on weekdays" in message
    assert in_step.shop().status.sync.pending_write is None
    in_step.git.refuse_pushes(URL, None)
    await in_step.reconcile()
    assert in_step.ready()[0] == "True"
    assert b'"5"' in in_step.file()
