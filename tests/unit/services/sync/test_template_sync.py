"""One pass over a Template, on a cluster and a Git that live in memory."""

from __future__ import annotations

import pytest

from ebbflow.api.base import Key
from ebbflow.domain.git import Remote, Unreachable
from ebbflow.domain.outcome import Report
from ebbflow.domain.ports import StaleWrite
from tests.support import builders
from tests.support.sync_world import FILE, PATH, SHOP, URL, SyncWorld


@pytest.fixture
def world() -> SyncWorld:
    return SyncWorld()


async def test_the_first_sync_takes_the_files_content(world: SyncWorld) -> None:
    commit = world.repository()
    world.template({"apiVersion": "v1.2", "arguments": {"REPLICAS": "9"}})
    await world.reconcile()
    assert world.arguments() == {"REPLICAS": "2", "COLOUR": "red"}
    assert world.ready() == ("True", "InStep", f"In step with main at {commit[:7]}")
    assert world.shop().status.observed_generation == world.shop().metadata.generation
    assert world.commits() == ["Begin"]


async def test_the_first_pass_goes_by_what_the_watch_showed(world: SyncWorld) -> None:
    world.repository()
    world.template()
    world.sights.see(world.shop())
    world.cluster.calls.clear()
    await world.reconcile()
    assert world.ready()[:2] == ("True", "InStep")
    assert [call for call in world.cluster.calls if call.startswith("get Template")] == []


async def test_what_the_watch_showed_before_an_edit_overwrites_nothing(world: SyncWorld) -> None:
    world.repository()
    world.template()
    world.sights.see(world.shop())
    world.cluster.edit(SHOP, lambda raw: raw["spec"].update(suspend=True))
    with pytest.raises(StaleWrite):
        await world.service.reconcile(SHOP)
    await world.reconcile()
    assert world.shop().spec.document is None


async def test_what_a_document_holds_without_effect_is_told_once_and_shown(
    world: SyncWorld,
) -> None:
    world.repository(FILE + b"gitops: {repoUrl: 'https://github.com/acme/other'}\n")
    world.template()
    first = await world.reconcile()
    assert isinstance(first, Report)
    assert [notice.reason for notice in first.notices] == ["Ignored"]
    assert "gitops in the document is ignored: spec.git" in world.ready()[2]
    world.push_seen(world.file().replace(b"red", b"blue"))
    second = await world.reconcile()
    assert isinstance(second, Report)
    assert world.arguments()["COLOUR"] == "blue"
    assert second.notices == ()


async def test_an_update_without_git_is_by_who_is_recorded_to_have_edited(world: SyncWorld) -> None:
    world.cluster.put(builders.template("shop").holding(builders.document({"A": "1"})).build())
    await world.reconcile()
    world.edit_by("system:serviceaccount:ci:robot", A="2")
    await world.reconcile()
    world.edit(A="3")
    await world.reconcile()
    assert world.updates.makers == [None, "ci/robot", None]


async def test_what_was_pushed_before_the_object_was_made_is_its_first_content(
    world: SyncWorld,
) -> None:
    world.repository()
    await world.watch.head(Remote(URL), "main", None)  # for another object, a moment ago
    world.clock.advance(0.5)
    world.push(FILE.replace(b"red", b"blue"))
    world.template()
    await world.reconcile()
    assert world.arguments()["COLOUR"] == "blue"


async def test_objects_made_a_while_ago_share_the_first_look_at_their_branch(
    world: SyncWorld,
) -> None:
    world.repository()
    world.template()
    world.clock.advance(3)
    await world.watch.head(Remote(URL), "main", None)  # for another object, a moment ago
    asked = world.git.operations["ls-remote"]
    await world.reconcile()
    assert world.ready()[1] == "InStep"
    assert world.git.operations["ls-remote"] == asked


async def test_a_missing_file_is_created_from_the_document(world: SyncWorld) -> None:
    world.repository(None)
    world.template(builders.document({"REPLICAS": "2"}))
    await world.reconcile()
    assert b'REPLICAS: "2"' in world.file()
    assert world.commits() == ["Update shop", "Begin"]
    assert world.ready()[1] == "InStep"


async def test_neither_file_nor_document_is_nothing_to_sync(world: SyncWorld) -> None:
    world.repository(None)
    world.template()
    await world.reconcile()
    assert world.ready()[:2] == ("False", "NothingToSync")


async def test_a_push_updates_the_object(in_step: SyncWorld) -> None:
    commit = in_step.push(FILE.replace(b'"2"', b'"3"'))
    in_step.clock.advance(61)
    await in_step.watch._poll(next(iter(in_step.watch._repositories.values())))
    assert in_step.woken == [SHOP]
    await in_step.reconcile()
    assert in_step.arguments()["REPLICAS"] == "3"
    assert in_step.shop().status.sync.commit == commit


async def test_an_edit_is_one_commit_of_the_changed_line(in_step: SyncWorld) -> None:
    before = in_step.git.head(URL)
    in_step.edit(REPLICAS="5")
    await in_step.reconcile()
    assert in_step.file() == FILE.replace(b'"2"', b'"5"')
    newest = in_step.git.log(URL)[0]
    assert newest.message == "Update shop\n\nEbbflow-Object: Template/default/shop\n"
    assert newest.parents == (before,)
    assert in_step.ready()[2] == f"In step with main at {newest.sha[:7]}"
    assert in_step.shop().status.sync.pending_write is None


async def test_an_edit_costs_a_read_a_record_its_end_and_a_status(in_step: SyncWorld) -> None:
    in_step.edit(REPLICAS="5")
    await in_step.reconcile()
    assert [call.split()[0] for call in in_step.cluster.calls] == ["get", "set", "apply", "set"]
    assert in_step.git.operations == {"push": 1}


async def test_a_pass_over_an_unchanged_world_writes_nothing(in_step: SyncWorld) -> None:
    await in_step.reconcile()
    assert in_step.cluster.calls == ["get Template/default/shop"]
    assert not in_step.git.operations


async def test_a_restart_costs_one_read_and_one_listing(in_step: SyncWorld) -> None:
    in_step.restart()
    await in_step.reconcile()
    assert in_step.cluster.calls == ["get Template/default/shop"]
    assert in_step.git.operations["ls-remote"] == 1


async def test_a_commit_that_only_moves_comments_moves_the_record(in_step: SyncWorld) -> None:
    commit = in_step.push(FILE + b"# the end\n")
    in_step.restart()
    await in_step.reconcile()
    assert in_step.shop().status.sync.commit == commit
    assert not any("/document" in call for call in in_step.cluster.calls)


async def test_edits_of_different_fields_are_both_taken(in_step: SyncWorld) -> None:
    in_step.push(FILE.replace(b"red", b"blue"))
    in_step.edit(REPLICAS="5")
    await in_step.reconcile()
    assert in_step.file() == FILE.replace(b"red", b"blue").replace(b'"2"', b'"5"')
    assert in_step.arguments() == {"REPLICAS": "5", "COLOUR": "blue"}
    assert in_step.commits() == ["Update shop", "By hand", "Begin"]
    assert in_step.ready()[0] == "True"


async def test_edits_of_the_same_field_are_a_conflict(in_step: SyncWorld) -> None:
    in_step.push(FILE.replace(b'"2"', b'"3"'))
    in_step.edit(REPLICAS="5")
    await in_step.reconcile()
    assert in_step.ready()[:2] == ("False", "Conflict")
    (conflict,) = in_step.shop().status.sync.conflicts
    assert (conflict.path, conflict.base, conflict.cluster, conflict.git) == (
        "arguments.REPLICAS",
        "2",
        "5",
        "3",
    )
    assert in_step.arguments()["REPLICAS"] == "5"
    assert b'"3"' in in_step.file()


async def test_a_conflict_ends_when_the_sides_agree(in_step: SyncWorld) -> None:
    in_step.push(FILE.replace(b'"2"', b'"3"'))
    in_step.edit(REPLICAS="5")
    await in_step.reconcile()
    in_step.edit(REPLICAS="3")
    await in_step.reconcile()
    assert in_step.ready()[:2] == ("True", "InStep")
    assert in_step.shop().status.sync.conflicts is None


async def test_from_git_reverts_an_edit_and_says_so(in_step: SyncWorld) -> None:
    in_step.cluster.edit(SHOP, lambda raw: raw["spec"].update(sync={"direction": "FromGit"}))
    in_step.edit(REPLICAS="5")
    await in_step.reconcile()
    assert in_step.arguments()["REPLICAS"] == "2"
    assert in_step.file() == FILE
    assert "EditReverted" in [notice.reason for _, notice in in_step.status.events]


async def test_to_git_overwrites_a_change_in_git(in_step: SyncWorld) -> None:
    in_step.cluster.edit(SHOP, lambda raw: raw["spec"].update(sync={"direction": "ToGit"}))
    in_step.push(FILE.replace(b'"2"', b'"3"'))
    in_step.restart()
    await in_step.reconcile()
    assert in_step.file() == FILE
    assert in_step.arguments()["REPLICAS"] == "2"


async def test_an_edit_is_replayed_when_somebody_pushes_first(in_step: SyncWorld) -> None:
    in_step.before_the_next_push(lambda: in_step.git.commit(URL, {"other.txt": b"x"}, "Faster"))
    in_step.edit(REPLICAS="5")
    await in_step.reconcile()
    assert in_step.commits() == ["Update shop", "Faster", "Begin"]
    assert in_step.ready()[0] == "True"


async def test_a_faster_push_of_another_field_is_merged(in_step: SyncWorld) -> None:
    in_step.before_the_next_push(lambda: in_step.push(FILE.replace(b"red", b"blue")))
    in_step.edit(REPLICAS="5")
    await in_step.reconcile()
    assert in_step.file() == FILE.replace(b"red", b"blue").replace(b'"2"', b'"5"')
    assert in_step.arguments() == {"REPLICAS": "5", "COLOUR": "blue"}
    assert in_step.commits() == ["Update shop", "By hand", "Begin"]


async def test_a_push_whose_answer_was_lost_is_found_in_the_branch(in_step: SyncWorld) -> None:
    def lose() -> None:
        raise Unreachable("the connection was cut")

    in_step.after_the_next_push(lose)
    in_step.edit(REPLICAS="5")
    await in_step.reconcile()
    assert in_step.ready()[1] == "GitUnreachable"
    assert in_step.shop().status.sync.pending_write is not None
    in_step.restart()
    await in_step.reconcile()
    assert in_step.commits() == ["Update shop", "Begin"]
    assert in_step.ready()[1] == "InStep"
    assert in_step.shop().status.sync.pending_write is None


async def test_a_push_that_never_left_is_made_again_bit_by_bit(in_step: SyncWorld) -> None:
    def cut() -> None:
        raise Unreachable("the connection was cut")

    in_step.before_the_next_push(cut)
    in_step.edit(REPLICAS="5")
    await in_step.reconcile()
    recorded = in_step.shop().status.sync.pending_write.commit
    in_step.clock.advance(3600)
    in_step.restart()
    await in_step.reconcile()
    assert in_step.git.head(URL) == recorded
    assert in_step.commits() == ["Update shop", "Begin"]


async def test_an_object_that_changes_under_the_pass_is_stale(in_step: SyncWorld) -> None:
    in_step.edit(REPLICAS="5")
    in_step.cluster.rivals.append(lambda: in_step.edit(REPLICAS="6"))
    with pytest.raises(StaleWrite):
        await in_step.reconcile()
    await in_step.reconcile()
    assert b'"6"' in in_step.file()
    assert in_step.commits() == ["Update shop", "Begin"]


async def test_an_edit_reaches_the_others_on_the_same_file(in_step: SyncWorld) -> None:
    other = Key("Template", "default", "other")
    in_step.cluster.put(builders.template("other").within("default").at(URL, PATH).build())
    await in_step.reconcile(other)
    in_step.edit(REPLICAS="5")
    await in_step.reconcile()
    await in_step.settled()
    assert in_step.woken == [other]
    await in_step.reconcile(other)
    document = in_step.cluster.template("other").spec.document
    assert document is not None
    assert document["arguments"]["REPLICAS"] == "5"
    assert in_step.commits() == ["Update shop", "Begin"]


async def test_a_manifest_without_a_document_has_no_opinion(in_step: SyncWorld) -> None:
    in_step.cluster.edit(SHOP, lambda raw: raw["spec"].pop("document"))
    await in_step.reconcile()
    assert in_step.arguments()["REPLICAS"] == "2"
    assert in_step.file() == FILE


async def test_a_suspended_object_is_left_alone(in_step: SyncWorld) -> None:
    in_step.cluster.edit(SHOP, lambda raw: raw["spec"].update(suspend=True))
    in_step.edit(REPLICAS="5")
    before = in_step.shop().status.sync
    await in_step.reconcile()
    assert in_step.file() == FILE
    assert in_step.ready()[:2] == ("True", "Suspended")
    assert in_step.shop().status.observed_generation == in_step.shop().metadata.generation
    assert in_step.shop().status.sync == before


async def test_a_resumed_object_is_brought_up_to_date(in_step: SyncWorld) -> None:
    in_step.cluster.edit(SHOP, lambda raw: raw["spec"].update(suspend=True))
    in_step.edit(REPLICAS="5")
    await in_step.reconcile()
    in_step.push(FILE.replace(b"red", b"blue"))
    in_step.cluster.edit(SHOP, lambda raw: raw["spec"].update(suspend=False))
    in_step.clock.advance(60)
    await in_step.reconcile()
    assert in_step.ready()[1] == "InStep"
    assert in_step.arguments() == {"REPLICAS": "5", "COLOUR": "blue"}
    assert in_step.commits() == ["Update shop", "By hand", "Begin"]


async def test_without_git_nothing_is_synced(in_step: SyncWorld) -> None:
    in_step.cluster.edit(SHOP, lambda raw: raw["spec"].pop("git"))
    await in_step.reconcile()
    assert in_step.ready()[:2] == ("True", "NotSynced")
    assert in_step.file() == FILE
    assert in_step.shop().status.sync is None


async def test_a_path_out_of_the_repository_is_refused(in_step: SyncWorld) -> None:
    in_step.cluster.edit(SHOP, lambda raw: raw["spec"]["git"].update(path="../secrets.yaml"))
    await in_step.reconcile()
    status, reason, message = in_step.ready()
    assert (status, reason) == ("False", "InvalidSpec")
    assert "spec.git.path" in message


async def test_another_place_begins_anew_with_git_winning(in_step: SyncWorld) -> None:
    in_step.git.commit(URL, {"b.yaml": FILE.replace(b'"2"', b'"7"')}, "Another file")
    in_step.cluster.edit(SHOP, lambda raw: raw["spec"]["git"].update(path="b.yaml"))
    in_step.clock.advance(2)
    await in_step.reconcile()
    assert in_step.arguments()["REPLICAS"] == "7"
    assert in_step.shop().status.sync.path == "b.yaml"


async def test_a_requested_pass_asks_git_at_once_and_is_answered(in_step: SyncWorld) -> None:
    in_step.push(FILE.replace(b'"2"', b'"3"'))
    in_step.clock.advance(5)
    in_step.cluster.edit(
        SHOP,
        lambda raw: raw["metadata"].update(annotations={"ebbflow.dev/requested-at": "one"}),
    )
    await in_step.reconcile()
    assert in_step.arguments()["REPLICAS"] == "3"
    assert in_step.shop().status.last_handled_requested_at == "one"


async def test_an_account_is_needed_where_one_is_named(world: SyncWorld) -> None:
    world.repository()
    world.cluster.put(
        builders.template("shop").within("default").at(URL, PATH, account="acme").build()
    )
    await world.reconcile()
    assert world.ready()[:2] == ("False", "AccountNotFound")


async def test_an_accounts_credentials_open_the_repository(world: SyncWorld) -> None:
    world.repository()
    world.git.require(URL, "ada", "sesame")
    world.cluster.add_secret(
        "default",
        "acme",
        {"username": "ada", "password": "sesame"},
        {"ebbflow.dev/hosts": "git.example"},
    )
    world.cluster.put(builders.git_account("acme").within("default").using("acme").build())
    world.cluster.put(
        builders.template("shop").within("default").at(URL, PATH, account="acme").build()
    )
    await world.reconcile()
    assert world.ready()[:2] == ("True", "InStep")


async def test_edits_on_both_sides_are_merged_after_a_restart_too(in_step: SyncWorld) -> None:
    in_step.push(FILE.replace(b"red", b"blue"))
    in_step.edit(REPLICAS="5")
    in_step.git._fetched.clear()
    in_step.restart()
    await in_step.reconcile()
    assert in_step.arguments() == {"REPLICAS": "5", "COLOUR": "blue"}
    assert in_step.file() == FILE.replace(b"red", b"blue").replace(b'"2"', b'"5"')
