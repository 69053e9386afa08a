"""Ten edits of ten files as people write them: which lines the commits touched, which had to be.

The files have what gets lost when a file is written anew: comments in columns, four spaces, blank
lines, folded and literal text, flow style, carriage returns, escapes, no newline at the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench.figures import Figure
from bench.operator_process import Launch
from bench.stage import NAMESPACE, REPOSITORY, Stage, stage

Operation = dict[str, object]

ARGUMENTS = """\
# Who to ask: team-a

apiVersion: v1.2
arguments:
    image: nginx:1.27     # the web server
    replicas: "2"         # more on Fridays

    # Set by the platform team.
    # Do not set it by hand.
    zone: eu-west
    motto: >-
        a long sentence that is folded
        over two lines
    script: |
        set -e
        make build
        make test
"""

STEPS = """\
# Rollout
apiVersion: v1.2
spec:
  kind: Workflow
  spec:
    type: sequential
    steps:
    # config
    - kind: Manifest
      ref: config
      spec: {manifest: {apiVersion: v1, kind: ConfigMap, metadata: {name: config}}}   # first

    # just these
    - kind: Manifest
      ref: secret
      spec:
        manifest:
          apiVersion: v1
          kind: ConfigMap
          metadata: {name: other}
"""

FLOW = """\
apiVersion: v1.2
arguments: {image: "nginx:1.27", replicas: "2", zone: eu-west}   # kept on one line
spec: {kind: Workflow, spec: {type: sequential, steps: []}}
"""

UNICODE = """\
apiVersion: v1.2
arguments:
  greeting: "caf\\u00e9"   # escaped on purpose
  rocket: 🚀 to the moon
  name: Müller
"""

INSERTED = {
    "kind": "Manifest",
    "ref": "added",
    "spec": {"manifest": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "added"}}},
}


@dataclass(frozen=True, slots=True)
class Case:
    """One edit, a JSON patch of the document, and how many lines have to come and go for it.

    A new step is counted in the style of the one before it.
    """

    name: str
    text: bytes
    patch: tuple[Operation, ...]
    added: int
    deleted: int


def _set(path: str, value: object) -> Operation:
    return {"op": "replace", "path": f"/spec/document{path}", "value": value}


def _add(path: str, value: object) -> Operation:
    return {"op": "add", "path": f"/spec/document{path}", "value": value}


def _remove(path: str) -> Operation:
    return {"op": "remove", "path": f"/spec/document{path}"}


CASES = (
    Case("a scalar", ARGUMENTS.encode(), (_set("/arguments/image", "nginx:1.28"),), 1, 1),
    Case("a key more", ARGUMENTS.encode(), (_add("/arguments/size", "large"),), 1, 0),
    Case("a key less, with its comment", ARGUMENTS.encode(), (_remove("/arguments/zone"),), 0, 3),
    Case(
        "a line of a literal text",
        ARGUMENTS.encode(),
        (_set("/arguments/script", "set -e\nmake all\nmake test\n"),),
        1,
        1,
    ),
    Case("a step in between", STEPS.encode(), (_add("/spec/spec/steps/1", INSERTED),), 3, 0),
    Case(
        "texts that look like other types",
        ARGUMENTS.encode(),
        (_set("/arguments/image", "yes"), _set("/arguments/replicas", "1e3")),
        2,
        2,
    ),
    Case(
        "a file with carriage returns",
        ARGUMENTS.replace("\n", "\r\n").encode(),
        (_set("/arguments/image", "nginx:1.28"),),
        1,
        1,
    ),
    Case("flow style", FLOW.encode(), (_set("/arguments/replicas", "3"),), 1, 1),
    Case("unicode and escapes", UNICODE.encode(), (_set("/arguments/name", "Möller"),), 1, 1),
    Case(
        "no newline at the end",
        UNICODE.removesuffix("\n").encode(),
        (_set("/arguments/rocket", "🚀 to Mars"),),
        1,
        1,
    ),
)


def measure(launch: Launch) -> Iterator[Figure]:
    """Make the edits one after the other; each commit is compared with the one before it."""
    with stage("1h", launch=launch) as running:
        paths = {f"edit{n}": f"edits/{n}.yaml" for n in range(len(CASES))}
        files = {path: case.text for path, case in zip(paths.values(), CASES, strict=True)}
        running.git.create_repository(REPOSITORY, files)
        running.create([running.template(name, path) for name, path in paths.items()])
        running.seen.wait_all(len(CASES))
        touched, needed = [], []
        for name, case in zip(paths, CASES, strict=True):
            added, deleted = _edit(running, name, case)
            touched.append(added + deleted)
            needed.append(case.added + case.deleted)
            print(f"{case.name}: +{added} -{deleted}, needed +{case.added} -{case.deleted}")
        yield Figure(f"{len(CASES)} edits: lines touched, in all", "lines", (sum(touched),))
        yield Figure("… lines that had to be touched", "lines", (sum(needed),))
        exact = sum(map(int.__eq__, touched, needed))
        yield Figure("… edits that touched no line more", "edits", (exact,))


def _edit(running: Stage, name: str, case: Case) -> tuple[int, int]:
    """Make one edit; returns the lines that its commit added and deleted."""
    head = running.git.head(REPOSITORY)
    running.kubectl.patch("Template", name, NAMESPACE, list(case.patch), type="json")
    running.wait_for_another_head(head)
    running.seen.wait_ready(name)
    repository = running.git.repository(REPOSITORY)
    stat = repository.git("show", "--numstat", "--format=", "HEAD").decode().split()
    return int(stat[0]), int(stat[1])
