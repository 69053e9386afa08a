"""A record counts for exactly one content of one object, and nobody but us can make one."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ebbflow.domain.authorship import OPERATOR, UNRESOLVED, Edit, Record, author_of, credit
from ebbflow.domain.edit_record import MAX_EDITS, Held, Subject, after_edit, sign, verify

KEY = b"k" * 32
SHOP = Subject("Template", "default", "shop", "uid-1", 5)
ALICE = Record("B", (Edit("alice", "Y"),))


def holding(text: str | None, subject: Subject = SHOP, document: str = "Y") -> Held:
    return Held(subject, document, committed="B", text=text)


def test_a_record_counts_for_what_it_was_signed_for() -> None:
    assert verify(KEY, holding(sign(KEY, SHOP, ALICE))) == ALICE


def forged(**changes: object) -> str:
    return json.dumps(json.loads(sign(KEY, SHOP, ALICE)) | changes)


SIGNED = sign(KEY, SHOP, ALICE)


@pytest.mark.parametrize(
    "held",
    [
        pytest.param(holding(SIGNED, replace(SHOP, uid="uid-2")), id="another-object"),
        pytest.param(holding(SIGNED, replace(SHOP, generation=6)), id="a-later-generation"),
        pytest.param(holding(SIGNED, document="Z"), id="another-document"),
        pytest.param(holding(sign(b"x" * 32, SHOP, ALICE)), id="another-key"),
        pytest.param(holding(forged(edits=[["eve", "Y"]])), id="another-user"),
        pytest.param(holding(forged(edits=[["eve", "X"], ["alice", "Y"]])), id="one-more-user"),
        pytest.param(holding(forged(base="Q")), id="another-base"),
        pytest.param(
            holding(forged(generation=6), replace(SHOP, generation=6)), id="generation-forged"
        ),
        pytest.param(
            holding(forged(made=1), replace(SHOP, created=1)), id="bound-to-a-name-instead"
        ),
        pytest.param(holding(forged(hmac="")), id="no-signature"),
        pytest.param(holding(forged(hmac="ä")), id="signature-not-ascii"),
        pytest.param(holding(forged(hmac=None)), id="signature-null"),
        pytest.param(holding(forged(edits=[])), id="no-edits"),
        pytest.param(holding(forged(edits=[["alice"]])), id="half-an-edit"),
        pytest.param(holding(forged(edits=[["alice", "Y"]] * 1000)), id="too-many-edits"),
        pytest.param(holding(None), id="absent"),
        pytest.param(holding(""), id="empty"),
        pytest.param(holding("alice"), id="no-json"),
        pytest.param(holding("[" * 60_000), id="deep"),
        pytest.param(holding(" " * 70_000 + SIGNED), id="large"),
    ],
)
def test_any_other_record_counts_for_nothing(held: Held) -> None:
    assert verify(KEY, held) is None


@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_no_text_that_anybody_writes_is_a_record(text: str) -> None:
    assert verify(KEY, holding(text)) is None


@given(st.text(max_size=256), st.integers(0, 2**40))
def test_a_record_of_any_name_is_read_back(user: str, generation: int) -> None:
    subject, made = replace(SHOP, generation=generation), Record(None, (Edit(user, "Y"),))
    assert verify(KEY, holding(sign(KEY, subject, made), subject)) == made


NEW = Subject("Template", "default", "shop", "", 1)
BORN = replace(NEW, uid="uid-1", created=1000)


@pytest.mark.parametrize(
    ("subject", "counts"),
    [
        pytest.param(BORN, True, id="the-same"),
        pytest.param(replace(BORN, created=1029), True, id="within-the-slack"),
        pytest.param(replace(BORN, created=1031), False, id="made-anew-later"),
        pytest.param(replace(BORN, created=None), False, id="no-time"),
        pytest.param(replace(BORN, name="other"), False, id="another-name"),
        pytest.param(replace(BORN, namespace="other"), False, id="another-namespace"),
        pytest.param(replace(BORN, kind="ReleaseFlow"), False, id="another-kind"),
        pytest.param(replace(BORN, generation=2), False, id="edited-unseen"),
    ],
)
def test_a_record_of_a_creation_counts_for_the_object_that_was_made_then(
    subject: Subject, counts: bool
) -> None:
    made = Record(None, (Edit("alice", "Y"),), made=1000)
    assert (verify(KEY, holding(sign(KEY, NEW, made), subject)) is not None) == counts


def test_a_record_of_a_generated_name_counts_for_the_name_that_it_became() -> None:
    made = Record(None, (Edit("alice", "Y"),), made=1000)
    text = sign(KEY, replace(NEW, name="", prefix="shop-"), made)
    assert verify(KEY, holding(text, replace(BORN, name="shop-x7k2p", prefix="shop-"))) == made


def test_a_record_stays_small_and_names_everybody() -> None:
    held = Held(replace(SHOP, generation=0), "B", "B", None)
    for number in range(100):
        user, document = ("alice", "bob")[number % 2], f"D{number}"
        made = after_edit(KEY, held, user, document)
        assert made is not None
        subject = replace(SHOP, generation=number + 1)
        held = Held(subject, document, "B", sign(KEY, subject, made))
    last = verify(KEY, held)
    assert last is not None
    assert len(last.edits) == MAX_EDITS
    assert credit(last, "D99", "B", "B").co_authors == (author_of("alice"),)


def test_a_name_that_is_too_long_is_nobodys() -> None:
    made = after_edit(KEY, None, "x" * 257, "Y")
    assert credit(made, "Y", None, None).author == UNRESOLVED


# A model: one object, whose writes the webhook sees or not, and commits whose status comes late


@dataclass
class World:
    """The truth beside what the record says."""

    document: str = "0"
    generation: int = 1
    text: str | None = None
    file: str = "0"
    base: str = "0"  # what the status says
    since_sync: list[str] = field(default_factory=list)  # who edited since both were the same
    since_base: list[str] = field(default_factory=list)  # … since the status says so
    late: bool = False  # somebody pushed while the status did not say what was committed
    seen: list[str | None] = field(default_factory=list)  # annotations that anybody may have copied

    def held(self) -> Held:
        return Held(replace(SHOP, generation=self.generation), self.document, self.base, self.text)

    def write(self, user: str, document: str, webhook: bool) -> None:
        if document == self.document:
            return
        subject = replace(SHOP, generation=self.generation + 1)
        if webhook:
            record = after_edit(KEY, self.held(), user, document)
            if record is not None:
                self.text = sign(KEY, subject, record)
                self.seen.append(self.text)
        self.document, self.generation = document, self.generation + 1
        if user != OPERATOR:
            self.since_sync.append(user)
            self.since_base.append(user)

    def sync(self, merged: str, webhook: bool, status: bool) -> None:
        """One pass of the operator, which dies before it wrote the status if not `status`."""
        if self.document != self.file:
            if self.document == self.base or not self.since_sync:
                self.write(OPERATOR, self.file, webhook)
            else:
                if self.file != self.base:
                    self.write(OPERATOR, merged, webhook)
                self.commit()
        self.since_sync = []
        if status:
            self.base, self.since_base, self.late = self.document, [], False

    def push(self, document: str) -> None:
        self.late = self.late or self.base != self.file
        self.file = document

    def commit(self) -> None:
        named = credit(verify(KEY, self.held()), self.document, self.file, self.base)
        known = {author_of(user) for user in (self.since_base if self.late else self.since_sync)}
        assert named.author in (author_of(self.since_sync[-1]), UNRESOLVED)
        assert set(named.co_authors) <= known | {UNRESOLVED}
        self.file = self.document


USERS = st.sampled_from(("alice", "bob", "carol"))
DOCUMENTS = st.sampled_from(tuple("01234"))
STEPS = st.one_of(
    st.tuples(st.just("edit"), USERS, DOCUMENTS, st.booleans()),
    st.tuples(st.just("sync"), DOCUMENTS, st.booleans(), st.booleans()),
    st.tuples(st.just("push"), DOCUMENTS),
    st.tuples(st.just("copy"), st.integers(0, 9)),
    st.tuples(st.just("edit-and-copy"), USERS, DOCUMENTS, st.integers(0, 9)),
)


@settings(max_examples=2 * settings.default.max_examples)
@given(st.lists(STEPS, max_size=25))
@example(  # the status is late when bob edits what was committed for alice
    [
        ("edit", "alice", "1", True),
        ("sync", "1", True, False),
        ("edit", "bob", "2", True),
        ("sync", "2", True, True),
    ]
)
@example(  # bob undoes alice's edit and makes it again, unseen
    [
        ("edit", "alice", "1", True),
        ("sync", "1", True, True),
        ("edit", "bob", "0", False),
        ("sync", "0", True, True),
        ("edit", "bob", "1", False),
        ("sync", "1", True, True),
    ]
)
def test_whatever_happens_nobody_is_named_who_did_not_edit(steps: list[tuple]) -> None:
    world = World()
    for step in steps:
        match step:
            case ("edit", user, document, webhook):
                world.write(user, document, webhook)
            case ("sync", merged, webhook, status):
                world.sync(merged, webhook, status)
            case ("push", document):
                world.push(document)
            case ("copy", index):
                world.text = world.seen[index % len(world.seen)] if world.seen else "{}"
            case ("edit-and-copy", user, document, index):
                world.write(user, document, webhook=False)
                world.text = world.seen[index % len(world.seen)] if world.seen else "{}"


@given(st.lists(st.tuples(USERS, DOCUMENTS), min_size=1, max_size=10))
def test_where_the_webhook_sees_all_the_last_user_is_the_author(
    edits: list[tuple[str, str]],
) -> None:
    world = World()
    for user, document in edits:
        world.write(user, document, webhook=True)
    if world.document != world.file:
        named = credit(verify(KEY, world.held()), world.document, world.file, world.base)
        assert named.author == author_of(world.since_sync[-1])
