"""Kinds of nodes, case by case: a document goes in; objects, requests and outputs come out.

A case is a file `nodes/<kind>/<case>.yaml`. `given` is what is there beforehand (objects, files in
Git, answers of HTTP servers, other Templates), `steps` are the nodes of the document. What comes
out: `phase` (Succeeded if absent), `message` (a part of it), `objects` that were made or changed,
`requests` that were sent, `runs` that were made, `committed` files of the repository by path (null:
it is not there), and `outputs` by ref, as later nodes read them.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from ebbflow.api.base import JsonObject, Key
from ebbflow.domain.git import Remote
from ebbflow.domain.http import HttpAnswer
from ebbflow.domain.objects import OWNER_LABEL, owner_mark
from ebbflow.domain.runs.queue import queue_key
from tests.support import builders
from tests.support.run_stage import SHOP, RunWorld

HERE = Path(__file__).parent / "nodes"
CASES = sorted(HERE.glob("*/*.yaml"))
REPOSITORY = "https://git.example.com/acme/infra"
PROBE = "what-later-nodes-read"
MARKS = [owner_mark(key) for key in (SHOP, SHOP._replace(name="inner"))]
SERVER_MADE = ("uid", "resourceVersion")


def read(path: Path) -> JsonObject:
    case: JsonObject = yaml.safe_load(path.read_text())
    return case


def world_of(case: JsonObject) -> RunWorld:
    world, given = RunWorld(), case.get("given", {})
    for raw in given.get("objects", ()):
        world.objects.put(raw)
    for answer in given.get("answers", ()):
        body = answer.get("body", "")
        text = body if isinstance(body, str) else json.dumps(body)
        headers = {"content-type": "text/plain" if body is text else "application/json"}
        world.http.answers.append(HttpAnswer(answer["status"], headers, text.encode()))
    for name, steps in given.get("templates", {}).items():
        document = {"apiVersion": "ebbflow.dev/v1", "spec": workflow(steps)}
        world.cluster.put(builders.template(name).within("default").holding(document).build())
    world.template(*case["steps"], *probe(case), **git(world, given.get("files")))
    if "files" in given:
        world.synced(REPOSITORY)
    return world


def git(world: RunWorld, files: dict[str, str] | None) -> JsonObject:
    if files is None:
        return {}
    world.git.create_repository(REPOSITORY, {path: text.encode() for path, text in files.items()})
    place = {"repository": REPOSITORY, "branch": "main", "path": "shop.yaml"}
    return {"git": place}


def workflow(steps: list[JsonObject]) -> JsonObject:
    return {"kind": "Workflow", "spec": {"type": "sequential", "steps": steps}}


def probe(case: JsonObject) -> list[JsonObject]:
    """Return a node that writes down what it reads of the others' outputs."""
    data = {ref: f"${{refs.{ref}}}" for ref in case.get("outputs", {})}
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": PROBE}, "data": data}
    return [{"kind": "Manifest", "spec": {"manifest": manifest}}] if data else []


async def run(world: RunWorld) -> None:
    """Take the Run, and the Runs that it starts, as far as they go."""
    world.ask()
    await world.settle()
    for key in [key for key in world.cluster.keys("Run") if key.name != "one"]:
        raw = world.cluster.raw(key)
        assert raw is not None
        source = Key("Template", key.namespace, raw["spec"]["source"]["name"])
        world.woken.append(queue_key(source))
        await world.settle()


def plain(raw: JsonObject) -> JsonObject:
    """Return an object without what is the same for all, once that is checked."""
    shown = copy.deepcopy(raw)
    labels = shown["metadata"]["labels"]
    assert labels.pop(OWNER_LABEL) in MARKS
    if not labels:
        del shown["metadata"]["labels"]
    for field in SERVER_MADE:
        del shown["metadata"][field]
    return shown


def made(world: RunWorld, given: list[JsonObject]) -> list[JsonObject]:
    before = {(raw["kind"], raw["metadata"]["name"]) for raw in given}
    return [
        plain(raw)
        for raw in world.objects.all()
        if (raw["kind"], raw["metadata"]["name"]) not in before and raw["metadata"]["name"] != PROBE
    ]


def specs(world: RunWorld) -> list[JsonObject]:
    """Return the specs of the Runs that nodes started."""
    runs = [world.cluster.raw(key) for key in world.cluster.keys("Run") if key.name != "one"]
    return [run["spec"] for run in runs if run]


async def committed(world: RunWorld, paths: JsonObject) -> JsonObject:
    """Return the files at these paths of the repository's branch main."""
    head = world.git.head(REPOSITORY) or ""
    found = {
        path: await world.git.read_file(Remote(REPOSITORY), "main", head, path) for path in paths
    }
    return {path: file and file.data.decode() for path, file in found.items()}


def outputs(world: RunWorld) -> JsonObject:
    data = world.objects.live("ConfigMap", PROBE)["data"]
    return {ref: settled(json.loads(text)) for ref, text in data.items()}


def settled(value: Any) -> Any:
    """Return a value without what the server made and our mark, at any depth."""
    if isinstance(value, dict):
        left_out = (*SERVER_MADE, OWNER_LABEL)
        return {key: settled(item) for key, item in value.items() if key not in left_out}
    return value


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}-{path.stem}")
async def test_the_document_has_its_effect(path: Path) -> None:
    case = read(path)
    world = world_of(case)
    await run(world)
    ended = world.run()
    assert (ended.status.phase, ended.status.message or "") == (
        case.get("phase", "Succeeded"),
        ended.status.message if case.get("message", "") in (ended.status.message or "") else "",
    ), ended.status.message
    assert made(world, case.get("given", {}).get("objects", [])) == case.get("objects", [])
    assert world.http.requests == case.get("requests", [])
    if "runs" in case:
        assert [
            spec.items() >= want.items()
            for spec, want in zip(specs(world), case["runs"], strict=True)
        ] == [True] * len(case["runs"])
    if "committed" in case:
        assert await committed(world, case["committed"]) == case["committed"]
    if "outputs" in case:
        assert outputs(world) == case["outputs"]
