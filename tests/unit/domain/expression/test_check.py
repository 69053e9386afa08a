"""The check of a whole document before its first node runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ebbflow.domain.document import InvalidDocument, parse
from ebbflow.domain.expression import Known, check
from ebbflow.domain.expression.check import MAX_PROBLEMS

NORTHFLANK = Path(__file__).parent.parent / "document" / "northflank"


def workflow(*steps: Any, kind: str = "Workflow", **spec: Any) -> dict[str, Any]:
    return {"kind": kind, "spec": {"type": "sequential", **spec, "steps": list(steps)}}


def parallel(*steps: Any) -> dict[str, Any]:
    return workflow(*steps, type="parallel")


def loop(*steps: Any, iterations: Any = None) -> dict[str, Any]:
    return workflow(*steps, kind="LoopWorkflow", iterations=iterations)


def node(ref: str, uses: str = "x", kind: str = "Manifest", **more: Any) -> dict[str, Any]:
    return {"kind": kind, "ref": ref, "spec": {"value": uses}, **more}


def document(*steps: Any, **more: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1.2",
        "arguments": {"ENV": "prod", "REPLICAS": "3"},
        "spec": workflow(*steps),
        **more,
    }


def messages(value: dict[str, Any], **known: Any) -> list[tuple[str, str]]:
    return [(problem.path, problem.message) for problem in check(value, Known(**known))]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(document(node("a"), node("b", "${refs.a.x}")), id="an-earlier-step"),
        pytest.param(document(workflow(node("a")), node("b", "${refs.a.x}")), id="a-step-of-an-earlier-workflow"),
        pytest.param(document(parallel(node("a"), node("c")), node("b", "${refs.a.x}${refs.c.x}")), id="after-a-parallel-workflow"),
        pytest.param(document(node("a"), parallel(workflow(node("c"), node("d", "${refs.c.x}${refs.a.x}")))), id="within-a-branch"),
        pytest.param(document(node("a"), loop(node("b", "${loop.item.x}${refs.a.x}"), node("c", "${refs.b.x} ${loop.index}"), iterations="${refs.a.list}")), id="within-a-loop"),
        pytest.param(document(workflow(node("a", "${loop.item}"), kind="LoopWorkflow", iterations=["x"], context={"namespace": "${loop.item}"})), id="context-of-a-loop"),
        pytest.param(document(node("a"), teardownSpec={"spec": workflow(node("z", "${refs.a.x}"), node("y", "${refs.z.x}"))}), id="teardown"),
        pytest.param(document(node("a", "${refs.backend.sha} ${refs.trigger.branch} ${refs.webhook.body.x}"), triggers=[{"ref": "backend"}]), id="triggers"),
        pytest.param(document(node("a", "${args.ENV} ${fn.if(fn.gt(args.REPLICAS, 1), 'many', 'one')}")), id="arguments"),
        pytest.param(document(node("a", "${secrets.db.values.user} ${secrets.db.files.x.data} ${fn.get(secrets.db, 'values.x')} ${fn.keys(secrets.db.values)}")), id="secrets"),
        pytest.param(document(node("a", "${{secrets.db.values.user}}")), id="secret-key"),
        pytest.param(document(node("a", "\\${HOME} $${HOME} $HOME")), id="escapes"),
        pytest.param(document(node("a", when="refs.nothing == '${x}'")), id="cel-is-not-looked-at"),
        pytest.param(document({"kind": "Pipeline", "spec": {"stages": [{"releaseFlow": {"spec": {"x": "${refs.later.x} ${args.OTHER} ${template.args.ENV}"}}}]}}), id="a-document-inside"),
        pytest.param(document(arguments={"A": "${args.B}", "B": "${fn.slug(args.C)}", "C": "x"}), id="arguments-of-arguments"),
        pytest.param(document(node("a", "${fn.find(refs.trigger.files, (f) => fn.eq(f.name, args.ENV)).name}")), id="functions"),
        pytest.param({"apiVersion": "v1.2"}, id="nothing-to-run"),
    ],
)  # fmt: skip
def test_a_sound_document_has_no_problems(value: dict[str, Any]) -> None:
    assert messages(value) == []


STEP = "spec.spec.steps[0].spec.value"
SECOND = "spec.spec.steps[1].spec.value"


@pytest.mark.parametrize(
    ("value", "path", "words"),
    [
        pytest.param(document(node("a", "${args.ENVV}")), STEP, 'no argument "ENVV"; did you mean ENV?', id="argument"),
        pytest.param(document(node("a", "${fn.slug(args.X)}")), STEP, 'no argument "X"', id="argument-of-a-function"),
        pytest.param(document(node("db"), node("a", "${refs.dbb.x}")), SECOND, 'no node has the ref "dbb"; did you mean db?', id="ref"),
        pytest.param(document(node("a", "${refs.a.x}")), STEP, "cannot use its own output", id="itself"),
        pytest.param(document({**workflow(node("b", "${refs.w.x}")), "ref": "w"}), "spec.spec.steps[0].spec.steps[0].spec.value", "cannot use its own output", id="workflow-around"),
        pytest.param(document(node("a", "${refs.b.x}"), node("b")), STEP, '"b" comes later', id="later"),
        pytest.param(document(node("a", "${refs.b.x}"), workflow(workflow(node("b")))), STEP, '"b" comes later', id="later-and-deeper"),
        pytest.param(document(parallel(node("a"), node("b", "${refs.a.x}"))), "spec.spec.steps[0].spec.steps[1].spec.value", '"a" runs in another branch', id="other-branch"),
        pytest.param(document(parallel(workflow(node("a")), workflow(node("b", "${refs.a.x}")))), "spec.spec.steps[0].spec.steps[1].spec.steps[0].spec.value", '"a" runs in another branch', id="other-branch-deeper"),
        pytest.param(document(loop(node("a")), node("b", "${refs.a.x}")), SECOND, '"a" is inside of a loop', id="from-outside-of-a-loop"),
        pytest.param(document(loop(workflow(node("a"))), node("b", "${refs.a.x}")), SECOND, '"a" is inside of a loop', id="from-outside-of-a-loop-deeper"),
        pytest.param(document(node("a", "${refs.z.x}"), teardownSpec={"spec": workflow(node("z"))}), STEP, "runs in the teardown", id="teardown"),
        pytest.param(document(loop(node("a")), teardownSpec={"spec": workflow(node("z", "${refs.a.x}"))}), "teardownSpec.spec.spec.steps[0].spec.value", "inside of a loop", id="loop-from-the-teardown"),
        pytest.param(document(node("a", "${loop.item}")), STEP, "no loop around this", id="no-loop"),
        pytest.param(document(loop(node("a"), iterations="${loop.item}")), "spec.spec.steps[0].spec.iterations", "no loop around this", id="iterations-are-outside"),
        pytest.param(document(loop(node("a", "${loop.idx}"))), "spec.spec.steps[0].spec.steps[0].spec.value", "loop has item and index", id="loop-field"),
        pytest.param(document(node("a", "${fn.slgu('a')}")), STEP, "no function fn.slgu; did you mean slug?", id="function"),
        pytest.param(document(node("a", "${fn.randomString(64)}")), STEP, "did you mean randomSecret?", id="function-of-an-old-page"),
        pytest.param(document(node("a", "${fn.slug()}")), STEP, "wrong number of arguments: 0; it is fn.slug(string)", id="too-few-arguments"),
        pytest.param(document(node("a", "${fn.slice('a', 1, 2, 3)}")), STEP, "it is fn.slice(string, start, end?)", id="too-many-arguments"),
        pytest.param(document(node("a", "${fn.or()}")), STEP, "it is fn.or(boolean, …)", id="at-least-one-argument"),
        pytest.param(document(node("a", "${fn.add('x', 1)}")), STEP, "fn.add: the argument a must be a number, not a string", id="literal-type"),
        pytest.param(document(node("a", "${fn.slice('x', 1.5)}")), STEP, "start must be a whole number", id="fraction"),
        pytest.param(document(node("a", "${fn.slug(fn.split('a', ','))}")), STEP, "fn.slug: the argument string must be a string, not an array", id="type-of-a-result"),
        pytest.param(document(node("a", "${fn.map('a,b', (x) => x)}")), STEP, "array must be an array, not a string", id="string-for-an-array"),
        pytest.param(document(node("a", "${fn.map(args.ENV, fn.slug('a'))}")), STEP, "must be an arrow function", id="no-arrow-function"),
        pytest.param(document(node("a", "${fn.slug((x) => x)}")), STEP, "must be a string, not a function", id="arrow-for-a-string"),
        pytest.param(document(node("a", "${fn.if(/a/, 1, 2)}")), STEP, "must be a value, not a regular expression", id="regex-for-a-value"),
        pytest.param(document(node("a", "${HOME}")), STEP, 'unknown name "HOME"', id="syntax"),
        pytest.param(document(node("a", "x${{secrets.db.values.user}}")), STEP, "must be the whole value", id="secret-key-in-text"),
        pytest.param(document(node("a", "${secrets.db.keys.user}")), STEP, "secrets.db.values.KEY", id="secret-path"),
        pytest.param(document(node("a", "${secrets.db.files.user.path}")), STEP, "secrets.db.values.KEY", id="path-of-a-secret-file"),
        pytest.param(document(node("a", "${template.args.ENV}")), STEP, "in a document inside", id="template"),
        pytest.param(document({"kind": "Template", "spec": {"document": {"name": "${template.args.NO}"}}}), "spec.spec.steps[0].spec.document.name", 'no argument "NO"', id="template-in-a-document-inside"),
        pytest.param(document(node("a", skipNodeExecution="${args.NO}")), "spec.spec.steps[0].skipNodeExecution", 'no argument "NO"', id="skip"),
        pytest.param(document(node("a", settings={"maxAttempts": "${args.NO}"})), "spec.spec.steps[0].settings.maxAttempts", 'no argument "NO"', id="settings"),
        pytest.param({**document(), "spec": workflow(context={"namespace": "${refs.a.x}"})}, "spec.spec.context.namespace", 'no node has the ref "a"', id="context"),
        pytest.param(document({"kind": "Manifest", "spec": {"${args.NO}": 1}}), 'spec.spec.steps[0].spec["${args.NO}"]', 'no argument "NO"', id="key"),
        pytest.param(document(arguments={"A": "${args.B}", "B": "${args.A}"}), "arguments.A", 'need each other: "A" → "B" → "A"', id="circle"),
        pytest.param(document(arguments={"A": "${args.A}"}), "arguments.A", 'need each other: "A" → "A"', id="circle-of-one"),
        pytest.param(document(node("n"), arguments={"A": "${refs.n.x}"}), "arguments.A", "no node has the ref", id="output-in-an-argument"),
        pytest.param(document(arguments={"A": "${loop.item}"}), "arguments.A", "no loop", id="loop-in-an-argument"),
    ],
)  # fmt: skip
def test_a_problem_is_reported_with_its_field(value: dict[str, Any], path: str, words: str) -> None:
    found = messages(value)
    assert [where for where, _ in found] == [path]
    assert words in found[0][1]


def test_what_the_run_brings_is_known() -> None:
    value = document(node("a", "${args.previewId} ${refs.other.sha}"))
    assert len(messages(value)) == 2
    assert messages(value, args=["previewId"], refs=["other"]) == []


def test_every_problem_of_a_string_is_reported() -> None:
    value = document(node("a", "${fn.slug(args.A, refs.b.c)} ${fn.nope()}"))
    assert [message.split(";")[0] for _, message in messages(value)] == [
        "wrong number of arguments: 2",
        'there is no argument "A"',
        'no node has the ref "b"',
        "there is no function fn.nope",
    ]


def test_no_more_problems_than_a_person_reads() -> None:
    assert len(check(document(*(node(f"n{n}", "${args.X}") for n in range(500))))) == MAX_PROBLEMS


def test_a_document_of_many_nodes_is_checked_quickly() -> None:
    steps = [node(f"n{n}", f"${{refs.n{n - 1}.x}}" if n else "x") for n in range(5000)]
    assert check(document(*steps)) == ()
    assert check(document(parallel(*steps[:1], *(node(f"m{n}") for n in range(5000))))) == ()


@pytest.mark.parametrize("name", ["demo-service.json"])
def test_northflanks_document_is_read_unchanged(name: str) -> None:
    parsed = parse((NORTHFLANK / name).read_bytes(), name)
    assert check(parsed.value, parsed=parsed) == ()


def test_northflanks_document_without_its_comma_is_refused_at_its_line() -> None:
    data = (NORTHFLANK / "demo-service-missing-comma.json").read_bytes()
    with pytest.raises(InvalidDocument) as error:
        parse(data, "demo.json")
    assert "missing at the end of line 10" in str(error.value)


def test_a_misspelled_argument_of_northflanks_document_is_found_at_its_place() -> None:
    text = (NORTHFLANK / "demo-service.json").read_text()
    parsed = parse(text.replace("${args.GIT_REPO}", "${args.GIT_REPOS}").encode(), "demo.json")
    (problem,) = check(parsed.value, parsed=parsed)
    line = next(n for n, each in enumerate(text.splitlines(), 1) if "${args.GIT_REPO}" in each)
    column = text.splitlines()[line - 1].index("args.GIT_REPO") + 1
    assert (problem.line, problem.column, problem.exact) == (line, column, True)
    assert str(problem) == (
        f"line {line}, column {column}: "
        "spec.spec.steps[1].spec.steps[0].spec.vcsData.projectUrl: "
        'there is no argument "GIT_REPOS"; did you mean GIT_REPO?; declare it under arguments'
    )


def test_a_problem_without_a_file_has_no_line() -> None:
    (problem,) = check(json.loads(json.dumps(document(node("a", "${args.X}")))))
    assert (problem.line, problem.column, problem.offset) == (None, None, 2)
