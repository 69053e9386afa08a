"""Names for commits: whoever is named made the edit, and a name cannot break out of its line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbflow.domain.authorship import (
    OPERATOR,
    UNRESOLVED,
    Credit,
    Edit,
    Record,
    author_of,
    credit,
    person_text,
    with_co_authors,
)
from ebbflow.domain.git import Signature

ALICE, BOB, CAROL = (author_of(name) for name in ("alice", "bob", "carol"))


@pytest.mark.parametrize(
    ("user", "author"),
    [
        pytest.param("alice", "alice <alice@users.ebbflow.dev>", id="plain"),
        pytest.param("ada@acme.dev", "ada@acme.dev <ada@acme.dev>", id="address"),
        pytest.param(
            "system:serviceaccount:shop:robot",
            "shop/robot <shop/robot@users.ebbflow.dev>",
            id="service-account",
        ),
        pytest.param(
            "system:admin", "system:admin <system:admin@users.ebbflow.dev>", id="system-user"
        ),
        pytest.param("Žofie 木", "Žofie 木 <Žofie 木@users.ebbflow.dev>", id="unicode"),
        pytest.param("  a \t b ", "a b <a b@users.ebbflow.dev>", id="blanks"),
        pytest.param(
            "eve <root@acme.dev>", "eve root@acme.dev <eve root@acme.dev>", id="angle-brackets"
        ),
        pytest.param(
            "eve\nCo-authored-by: root",
            "eveCo-authored-by: root <eveCo-authored-by: root@users.ebbflow.dev>",
            id="line-break",
        ),
        pytest.param("a\u202eb\u2028c\x00", "abc <abc@users.ebbflow.dev>", id="invisible"),
        pytest.param("a\ud800", "a <a@users.ebbflow.dev>", id="half-a-surrogate-pair"),
        pytest.param("<>", str(UNRESOLVED), id="nothing-is-left"),
        pytest.param("", str(UNRESOLVED), id="empty"),
        pytest.param("x" * 257, str(UNRESOLVED), id="too-long"),
    ],
)
def test_a_user_is_written_as_a_person_of_a_commit(user: str, author: str) -> None:
    assert str(author_of(user)) == author


@given(st.text())
def test_no_name_breaks_out_of_its_line(user: str) -> None:
    made = author_of(user)
    text = str(made).encode().decode()
    assert text.splitlines() == [text]
    assert (text.count("<"), text.count(">")) == (1, 1)
    name, _, rest = text.rpartition(" <")
    assert Signature(name, rest.removesuffix(">")) == made


def record(*edits: tuple[str | None, str], base: str | None = "B") -> Record:
    return Record(base, tuple(Edit(user, made) for user, made in edits))


NOBODY = Credit()


@pytest.mark.parametrize(
    ("made", "document", "file", "base", "named"),
    [
        pytest.param(None, "Y", "B", "B", NOBODY, id="no-record"),
        pytest.param(record(("alice", "Y")), "Y", "B", "B", Credit(ALICE), id="one-edit"),
        pytest.param(
            record(("alice", "X"), ("bob", "Y")), "Y", "B", "B", Credit(BOB, (ALICE,)), id="two"
        ),
        pytest.param(
            record(("bob", "W"), ("alice", "X"), ("bob", "Y")),
            *("Y", "B", "B", Credit(BOB, (ALICE,))),
            id="each-is-named-once",
        ),
        pytest.param(
            record(("alice", "X"), ("bob", "Y")),
            "Y",
            "X",
            "X",
            Credit(BOB),
            id="first-is-committed",
        ),
        pytest.param(
            record(("alice", "X"), ("bob", "Y")), "Y", "X", "B", Credit(BOB), id="status-is-late"
        ),
        pytest.param(
            record(("alice", "X"), ("bob", "B"), ("carol", "Y")),
            *("Y", "B", "B", Credit(CAROL)),
            id="what-was-undone-is-not-in-it",
        ),
        pytest.param(
            record(("alice", "X"), (OPERATOR, "M")), "M", "G", "B", Credit(ALICE), id="merged"
        ),
        pytest.param(
            record(("alice", "X"), (OPERATOR, "G"), ("bob", "Y")),
            *("Y", "G", "B", Credit(BOB)),
            id="after-taking-from-git",
        ),
        pytest.param(
            record((None, "X"), ("bob", "Y")),
            "Y",
            "B",
            "B",
            Credit(BOB, (UNRESOLVED,)),
            id="unseen",
        ),
        pytest.param(record((None, "X"), (OPERATOR, "M")), "M", "G", "B", NOBODY, id="unseen-only"),
        pytest.param(record((OPERATOR, "M")), "M", "G", "B", NOBODY, id="operator-only"),
        pytest.param(
            record(("alice", "X"), ("bob", "Y")),
            *("Y", "Q", "Q", Credit(BOB, (UNRESOLVED,))),
            id="the-record-leads-elsewhere",
        ),
        pytest.param(
            record(("alice", "X"), base=None), "X", None, None, Credit(ALICE), id="new-file"
        ),
        pytest.param(record(("alice", "Y")), "Y", "G", "Y", NOBODY, id="git-is-overwritten"),
    ],
)
def test_a_commit_names_whose_edits_are_in_it(
    made: Record | None, document: str, file: str | None, base: str | None, named: Credit
) -> None:
    assert credit(made, document, file, base) == named


def test_co_authors_are_trailers_as_many_as_fit() -> None:
    others = Credit(ALICE, (BOB, UNRESOLVED))
    lines = (
        "Co-authored-by: bob <bob@users.ebbflow.dev>\n",
        "Co-authored-by: unresolved <unresolved@ebbflow.dev>\n",
    )
    assert with_co_authors("S\n\nT: x\n", others, 200) == "S\n\nT: x\n" + "".join(lines)
    assert with_co_authors("S\n\nT: x\n", others, 60) == "S\n\nT: x\n" + lines[0]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        pytest.param("Ann Example <ann@example.com>", "Ann Example <ann@example.com>", id="plain"),
        pytest.param("Ann <>", "Ann <>", id="no-address"),
        pytest.param("<ann@example.com>", "<ann@example.com>", id="no-name"),
        pytest.param("ann", "<ann>", id="no-form"),
        pytest.param("a\u202eb\n <x\x1b[1m@y>", "ab <x[1m@y>", id="invisible"),
        pytest.param("x <y> <z>", "x y <z>", id="brackets-inside"),
        pytest.param("<>", None, id="nothing"),
        pytest.param("x" * 600 + " <y>", None, id="too-long"),
    ],
)
def test_the_author_of_somebodys_commit_is_shown_clean_or_not_at_all(
    line: str, text: str | None
) -> None:
    assert person_text(Signature.parse(line)) == text


@given(st.text(max_size=600), st.text(max_size=600))
def test_an_author_always_fits_and_is_no_user_of_the_cluster(name: str, email: str) -> None:
    text = person_text(Signature(name, email))
    assert text is None or (len(text) <= 512 and text.isprintable() and text.endswith(">"))
