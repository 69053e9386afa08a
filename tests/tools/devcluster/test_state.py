"""Named clusters: where they are kept, how they are listed, which names may be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbflow.devcluster.command_lines import Ports
from ebbflow.devcluster.identity import ProcessIdentity
from ebbflow.devcluster.layout import Layout
from ebbflow.devcluster.options import Node
from ebbflow.devcluster.parts import NAMES, names_of
from ebbflow.devcluster.state import (
    Condition,
    Record,
    cluster_dir,
    clusters_dir,
    find,
    known,
    lock_file,
    read_record,
)
from ebbflow.devcluster.trouble import DevClusterError, NoSuchCluster

PORTS = Ports(api=20001, etcd=20002, etcd_peer=20003, kubelet=20004)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EBBFLOW_STATE_DIR", str(tmp_path))
    return tmp_path


def keep(name: str, *, node: Node = Node.NONE, running: tuple[str, ...] = ()) -> Layout:
    layout = Layout(cluster_dir(name))
    layout.make()
    layout.record.write_bytes(Record(name, PORTS, node).to_json())
    own = ProcessIdentity.of(os.getpid())
    assert own is not None
    for part in running:
        own.save(layout.pid_file(part))
    return layout


@given(st.text(max_size=50) | st.from_regex(r"[a-z0-9./-]{1,50}", fullmatch=True))
def test_a_name_is_refused_or_stays_directly_below_the_clusters(name: str) -> None:
    try:
        directory = cluster_dir(name)
    except DevClusterError:
        return
    assert directory.resolve().parent == clusters_dir().resolve()
    assert directory.name == name
    assert lock_file(name).name == name


@pytest.mark.parametrize("name", ["default", "a", "team-1", "x" * 40])
def test_ordinary_names_are_taken(name: str) -> None:
    assert cluster_dir(name).name == name


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "A", "-a", "a-", "a_b", "x" * 41, "a\n"])
def test_names_that_are_no_label_are_refused_with_the_rule(name: str) -> None:
    with pytest.raises(DevClusterError, match="cannot be the name") as caught:
        cluster_dir(name)

    assert len(str(caught.value).splitlines()) == 3


def test_clusters_are_listed_by_name_with_what_runs() -> None:
    keep("zeta")
    keep("alpha", running=NAMES)
    keep("middle", running=NAMES[:2])
    keep("nodeless", node=Node.KWOK, running=NAMES)
    keep("whole", node=Node.KWOK, running=names_of(Node.KWOK))

    listed = known()

    assert [(each.name, each.condition) for each in listed] == [
        ("alpha", Condition.RUNNING),
        ("middle", Condition.PARTLY),
        ("nodeless", Condition.PARTLY),
        ("whole", Condition.RUNNING),
        ("zeta", Condition.STOPPED),
    ]
    assert {each.url for each in listed} == {"https://127.0.0.1:20001"}
    assert listed[0].kubeconfig == cluster_dir("alpha") / "kubeconfig"


def test_nothing_is_listed_where_nothing_was_kept() -> None:
    assert known() == ()


def test_a_directory_without_a_readable_record_is_still_listed() -> None:
    keep("broken").record.write_text("{")

    assert [(each.name, each.url) for each in known()] == [("broken", "unknown")]


def test_an_unknown_cluster_is_named_with_those_that_are_known() -> None:
    keep("one")

    with pytest.raises(NoSuchCluster) as caught:
        find("two")

    assert str(caught.value).splitlines() == [
        "There is no cluster 'two'",
        f"  where: {clusters_dir()} (kept there: one)",
        "  what to do: start it with `ebbflow up --name two`, or see `ebbflow up --status`",
    ]


def test_a_record_comes_back_as_it_was_written() -> None:
    layout = keep("one", node=Node.KWOK)

    assert read_record(layout) == Record("one", PORTS, Node.KWOK)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"name": "x", "ports": {"api": 1}}', '{"name": "x", "ports": "none"}'],
)
def test_what_is_no_record_is_none(text: str) -> None:
    layout = keep("one")
    layout.record.write_text(text)

    assert read_record(layout) is None
