"""Objects in files: YAML documents, JSON, Lists, and what is none of them."""

from __future__ import annotations

import pytest

from ebbflow.domain.document import InvalidDocument
from ebbflow.domain.manifest_file import MOST_OBJECTS, read_manifests


@pytest.mark.parametrize(
    ("text", "path", "found"),
    [
        pytest.param('{"kind": "A"}', "a.json", [{"kind": "A"}], id="json"),
        pytest.param("kind: A", "a.yml", [{"kind": "A"}], id="one"),
        pytest.param("kind: A\n---\nkind: B\n", "a.yaml", [{"kind": "A"}, {"kind": "B"}], id="two"),
        pytest.param("---\n# nothing\n---\nkind: A\n---\n", "a.yaml", [{"kind": "A"}], id="empty"),
        pytest.param("kind: A\n...\n", "a.yaml", [{"kind": "A"}], id="an end mark"),
        pytest.param("kind: List\nitems: [{a: 1}, {b: 2}]", "a.yaml", [{"a": 1}, {"b": 2}], id="list"),
        pytest.param("kind: A\nx: ${args.A}", "a.yaml", [{"kind": "A", "x": "${args.A}"}], id="as it is"),
        pytest.param("a: yes\nb: 0755\nc: 2001-01-01", "a.yaml", [{"a": True, "b": 493, "c": "2001-01-01"}], id="as kubectl"),
    ],
)  # fmt: skip
def test_the_objects_of_a_file_are_read(text: str, path: str, found: list[object]) -> None:
    assert list(read_manifests(text.encode(), path)) == found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("", "holds no document", id="empty"),
        pytest.param("---\n---\n", "holds no object", id="only separators"),
        pytest.param("kind: A\n---\n- 1\n", "line 3, column 1: a Kubernetes object", id="an array"),
        pytest.param("kind: A\n---\nkind: *a\n", "line 3, column 7: aliases", id="an alias"),
        pytest.param("kind: List\nitems: [1]", "every one of the items of List", id="an odd item"),
        pytest.param("kind: [A", "line 1", id="no YAML"),
        pytest.param("--- {}\n" * (MOST_OBJECTS + 1), f"at most {MOST_OBJECTS}", id="too many"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, words: str) -> None:
    with pytest.raises(InvalidDocument) as caught:
        read_manifests(text.encode(), "a.yaml")
    assert words in str(caught.value)
