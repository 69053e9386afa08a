"""A planted password is found in every place and form, and the report does not repeat it."""

from __future__ import annotations

import base64
import json
import subprocess
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.canary import EBBFLOW_GROUP, PLACES, Canary, CanarySearch

VALUE = '5e44aabbccddeeff/+%"\\=@:0011223344556677'

secret_texts = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=8, max_size=40)
ascii_texts = st.text(st.characters(codec="ascii", exclude_categories=["C"]), min_size=8)


@pytest.fixture
def canary():
    return Canary(VALUE)


@pytest.fixture
def search(canary):
    made = CanarySearch()
    made.add(canary)
    return made


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"password {VALUE} refused", id="as-it-is"),
        pytest.param(base64.b64encode(VALUE.encode()).decode(), id="base64"),
        pytest.param(base64.b64encode(f"user:{VALUE}".encode()).decode(), id="basic-credentials"),
        pytest.param(base64.urlsafe_b64encode(VALUE.encode()).decode(), id="url-safe-base64"),
        pytest.param(f"https://user:{quote(VALUE, safe='')}@host/", id="in-a-url"),
        pytest.param(quote_plus(VALUE), id="in-a-form"),
        pytest.param(json.dumps({"message": VALUE}), id="in-json"),
        pytest.param(json.dumps({"message": json.dumps(VALUE)}), id="in-json-in-json"),
        pytest.param(repr(VALUE), id="as-python-writes-it"),
        pytest.param(VALUE.encode().hex(), id="hex"),
        pytest.param("starts with 5e44aabbccddeeff", id="half-of-it"),
    ],
)
def test_every_form_of_the_value_is_found(canary, text):
    assert canary.is_in(text.encode())


@given(value=secret_texts)
def test_any_value_is_found_in_the_usual_encodings(value):
    canary = Canary(value)
    assert canary.is_in(value.encode())
    assert canary.is_in(json.dumps([value]).encode())
    assert canary.is_in(json.dumps([value], ensure_ascii=False).encode())
    assert canary.is_in(f"https://u:{quote(value, safe='')}@h/".encode())


@given(before=st.binary(max_size=7), value=ascii_texts, after=st.binary(max_size=7))
def test_base64_is_found_wherever_the_value_begins(before, value, after):
    text = base64.b64encode(before + value.encode() + after)
    assert Canary(value).is_in(text)


@given(data=st.binary(max_size=200))
def test_other_data_holds_no_canary(data):
    assert not Canary.generate().is_in(data)


def test_generated_values_differ_and_do_not_show_in_a_repr():
    one, other = Canary.generate(), Canary.generate()
    assert one.value != other.value
    assert one.value not in repr(one)


def test_a_value_too_short_to_search_for_is_refused():
    with pytest.raises(ValueError, match="at least 8 characters"):
        Canary("short")


def test_what_is_clean_verifies(search, tmp_path):
    (tmp_path / "operator-1.log").write_text("Password: ***")
    search.look_at_files("log", tmp_path)
    search.look_at("metrics page", "ebbflow_leader 1.0")
    search.verify()


def test_a_value_in_a_log_file_is_found_by_the_file_s_name(search, tmp_path):
    (tmp_path / "operator-1.log").write_text("fine")
    (tmp_path / "operator-2.log").write_text(json.dumps({"message": VALUE}))
    search.look_at_files("log", tmp_path, "*.log")
    assert search.found == ["log operator-2.log"]


def test_a_value_on_the_metrics_page_is_found(search):
    search.look_at("metrics page", f'ebbflow_errors_total{{text="{quote(VALUE)}"}} 1.0')
    assert search.found == ["metrics page"]


def test_the_report_names_all_places_and_never_the_value(search):
    search.look_at("one place", VALUE)
    search.look_at("another place", VALUE)
    with pytest.raises(AssertionError, match="one place\n  another place") as raised:
        search.verify()
    assert VALUE not in str(raised.value)


def cluster_with(path, thing):
    """A reader of API paths where everything is empty but for one object in one list."""

    def get(asked):
        if asked == EBBFLOW_GROUP:
            kinds = ("templates", "templates/status", "gitaccounts")
            return json.dumps({"resources": [{"name": kind} for kind in kinds]}).encode()
        assert "/status" not in asked
        return json.dumps({"items": [thing] if asked == path else []}).encode()

    return get


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        *(pytest.param(path, {"data": {"x": VALUE}}, id=path.split("/")[-1]) for path in PLACES),
        pytest.param(
            f"{EBBFLOW_GROUP}/templates",
            {"status": {"conditions": [{"message": quote(VALUE)}]}},
            id="status-of-a-template",
        ),
        pytest.param(
            f"{EBBFLOW_GROUP}/gitaccounts",
            {"spec": {"url": base64.b64encode(VALUE.encode()).decode()}},
            id="spec-of-a-gitaccount",
        ),
    ],
)
def test_a_value_in_an_object_is_found_by_the_object_s_name(search, path, fields):
    thing = {"metadata": {"namespace": "a", "name": "shop"}, **fields}
    search.look_at_cluster(cluster_with(path, thing))
    assert search.found == [f"{path.split('/')[-1]} a/shop"]


def test_a_value_in_the_managed_fields_of_an_object_is_found(search):
    managed = [{"manager": "x", "fieldsV1": {f"k:{{{VALUE}}}": {}}}]
    thing = {"metadata": {"namespace": "a", "name": "shop", "managedFields": managed}}
    search.look_at_cluster(cluster_with(f"{EBBFLOW_GROUP}/templates", thing))
    assert search.found == ["templates a/shop"]


@pytest.fixture
def repository(tmp_path):
    path = tmp_path / "git" / "infra.git"
    subprocess.run(["git", "init", "-q", "--bare", path], check=True)
    return path


def import_commit(repository, message=b"fine", content=b"fine", name="a.yaml", ref="main"):
    """Make a commit and move the branch back, so that only its objects remain."""
    stream = (
        f"commit refs/heads/{ref}\ncommitter a <a@b> 1 +0000\ndata {len(message)}\n".encode()
        + message
        + f"\nM 100644 inline {name}\ndata {len(content)}\n".encode()
        + content
        + b"\n"
    )
    git = ["git", f"--git-dir={repository}"]
    subprocess.run([*git, "fast-import", "--quiet"], input=stream, check=True)
    if ref == "main":
        subprocess.run([*git, "update-ref", "-d", "refs/heads/main"], check=True)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        pytest.param({"content": VALUE.encode()}, "blob", id="content-of-a-file"),
        pytest.param({"message": f"Use {VALUE}".encode()}, "commit", id="commit-message"),
        pytest.param({"name": VALUE.encode().hex()}, "tree", id="name-of-a-file"),
        pytest.param({"ref": VALUE.encode().hex()}, "refs", id="name-of-a-branch"),
    ],
)
def test_a_value_in_a_repository_is_found_even_if_no_branch_has_it(
    search, repository, change, where
):
    import_commit(repository, **change)
    search.look_at_repositories(repository.parent)
    (found,) = search.found
    assert found.startswith(where)
    assert found.endswith("of repository infra.git")


def test_a_clean_repository_and_an_empty_one_are_fine(search, repository):
    search.look_at_repositories(repository.parent)
    import_commit(repository)
    search.look_at_repositories(repository.parent)
    search.verify()
