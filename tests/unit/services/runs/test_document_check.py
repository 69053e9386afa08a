"""What is said about a document before its first node runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ebbflow.adapters.cel import CelConditions
from ebbflow.api.base import JsonObject
from ebbflow.domain.document import parse
from ebbflow.domain.expression import Known
from ebbflow.services.runs.document_check import DocumentCheck, listed
from tests.support.run_stage import RunWorld, config_map

NORTHFLANK = Path(__file__).parents[2] / "domain" / "document" / "northflank"


@pytest.fixture(scope="module")
def checks() -> DocumentCheck:
    specs: dict[str, Any] = {name: kind.spec for name, kind in RunWorld().kinds.items()}
    return DocumentCheck(specs, CelConditions())


def document(*steps: JsonObject, **fields: Any) -> JsonObject:
    spec = {"kind": "Workflow", "spec": {"type": "sequential", "steps": list(steps)}}
    return {"apiVersion": "ebbflow.dev/v1", "spec": spec, **fields}


def manifest(name: str = "a", **spec: Any) -> JsonObject:
    return {**config_map(name, v="1"), "spec": {**config_map(name, v="1")["spec"], **spec}}


AT = "spec.spec.steps[0]"


@pytest.mark.parametrize(
    ("step", "said"),
    [
        pytest.param(
            {"kind": "Manifst", "spec": {}},
            f'{AT}.kind: unknown kind "Manifst"; did you mean Manifest?',
            id="an-unknown-kind",
        ),
        pytest.param(
            {"kind": "OpenTofu", "spec": {}},
            f"{AT}.kind: nodes of kind OpenTofu can be in a document, but ebbflow cannot run them; "
            "remove the node, or say the same with Manifest",
            id="a-kind-of-northflanks-only",
        ),
        pytest.param(
            manifest() | {"ref": "r" * 254},
            f"{AT}.ref: has 254 characters; a ref may have 253",
            id="a-ref-too-long",
        ),
        pytest.param(
            manifest(waits=True),
            f"{AT}.spec.waits: there is no such field; did you mean wait?",
            id="an-unknown-field",
        ),
        pytest.param(
            {"kind": "Delay", "spec": {}},
            f"{AT}.spec.duration: the field is missing",
            id="a-missing-field",
        ),
        pytest.param(
            {"kind": "Delay", "spec": {"duration": "5 minutes"}},
            f"{AT}.spec.duration: ",
            id="a-value-that-does-not-fit",
        ),
        pytest.param(
            manifest("${args.NAM}"),
            f'{AT}.spec.manifest.metadata.name: there is no argument "NAM"; did you mean NAME?; '
            "declare it under arguments",
            id="an-unknown-argument",
        ),
        pytest.param(
            manifest("${refs.other.x}"),
            f'{AT}.spec.manifest.metadata.name: no node has the ref "other"',
            id="an-unknown-ref",
        ),
        pytest.param(
            manifest("${fn.upper(args.NAME)}"),
            f"{AT}.spec.manifest.metadata.name: ",
            id="an-unknown-function",
        ),
        pytest.param(
            manifest() | {"when": "arg.NAME == 'x'"},
            f"{AT}.when: column 1: there is no variable arg; did you mean args?",
            id="an-unknown-variable-of-a-condition",
        ),
        pytest.param(
            manifest() | {"when": "args.NAME == 'x' &&"},
            f"{AT}.when: column 20: unexpected the end of the expression",
            id="a-condition-that-is-cut-off",
        ),
        pytest.param(
            manifest() | {"when": "loop.item == 1"},
            f"{AT}.when: column 1: a condition in CEL sees the loop's item as item, and its number "
            "as index",
            id="loop-in-a-condition",
        ),
        pytest.param(
            manifest(until="objct.status.ready"),
            f"{AT}.spec.until: column 1: there is no variable objct; did you mean object?",
            id="an-unknown-variable-of-until",
        ),
        pytest.param(
            manifest() | {"settings": {"maxAttempts": "many"}},
            f'{AT}: settings.maxAttempts must be a whole number from 1 to 20, not "many"',
            id="settings",
        ),
        pytest.param(
            manifest() | {"timeout": "1 minute"},
            f'{AT}: timeout must be seconds or a duration such as 10m, not "1 minute"',
            id="a-timeout",
        ),
        pytest.param(
            {"kind": "LoopWorkflow", "spec": {"iterations": [1], "parallelism": 0, "steps": []}},
            f"{AT}: parallelism must be a whole number from 1 to 100, not 0",
            id="parallelism",
        ),
    ],
)
def test_a_fault_is_told_with_its_field_path(
    checks: DocumentCheck, step: JsonObject, said: str
) -> None:
    (fault,) = checks.faults(document(step, arguments={"NAME": "x"}))
    assert str(fault).startswith(said)


@pytest.mark.parametrize(
    "step",
    [
        pytest.param({"kind": "Delay", "spec": {"duration": "${args.D}"}}, id="a-field"),
        pytest.param({"kind": "Manifest", "spec": {"manifest": "${args.D}"}}, id="an-object"),
        pytest.param({"kind": "Delay", "spec": {"${args.D}": "5s"}}, id="a-key"),
        pytest.param(manifest(until="object.data.v == '${args.D}'"), id="a-part-of-until"),
        pytest.param(manifest() | {"timeout": "${args.D}"}, id="a-timeout"),
    ],
)
def test_what_only_rendering_can_tell_is_no_fault(checks: DocumentCheck, step: JsonObject) -> None:
    faults = checks.faults(document(step), Known(args=["D"]))
    assert [str(fault) for fault in faults if "duration" not in str(fault)] == []


def test_a_teardown_is_checked_too(checks: DocumentCheck) -> None:
    down = document({"kind": "Delay", "spec": {}})["spec"]
    (fault,) = checks.faults(document(manifest(), teardownSpec={"spec": down}))
    assert str(fault) == ("teardownSpec.spec.spec.steps[0].spec.duration: the field is missing")


FILE = """\
apiVersion: ebbflow.dev/v1
arguments: {NAME: x}
spec:
  kind: Workflow
  spec:
    type: sequential
    steps:
    - kind: Manifest
      when: args.NAME == 'x' && arg.NAME
      spec:
        manifest:
          kind: ConfigMap
          metadata:
            name: "shop-${args.NAM}"
    - kind: Delay
      spec:
        duration: 5s
        durations: 6s
    - kind: OpenTofu
      spec: {}
"""


def test_faults_of_a_file_have_their_lines_and_columns(checks: DocumentCheck) -> None:
    parsed = parse(FILE.encode(), "shop.yaml")
    faults = checks.faults(parsed.value, parsed=parsed)
    places = [fault.within("shop.yaml").split(": ")[0] for fault in faults]
    assert places == ["shop.yaml:14:27", "shop.yaml:9:33", "shop.yaml:18:20", "shop.yaml:19:13"]


def test_more_faults_than_people_read_are_counted(checks: DocumentCheck) -> None:
    faults = checks.faults(document(*({"kind": "Delay", "spec": {}} for _ in range(9))))
    assert len(faults) == 9
    assert listed(faults).endswith("; and 4 more")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param((NORTHFLANK / "demo-service.json").read_text(), id="demo-service"),
        pytest.param(
            json.dumps(
                {
                    "apiVersion": "v1.2",
                    "spec": {
                        "kind": "Workflow",
                        "spec": {
                            "type": "sequential",
                            "steps": [
                                {"kind": "AddonBackup", "spec": {"addonId": "postgres-prod"}},
                                {"kind": "JobRun", "spec": {"jobId": "j"}, "condition": "success"},
                                {"kind": "OpenTofu", "spec": {"stateKey": "network"}},
                            ],
                        },
                    },
                    "triggers": [],
                }
            ),
            id="a-release-flow",
        ),
    ],
)
def test_all_that_is_said_of_northflanks_files_is_which_nodes_cannot_be_run_yet(
    checks: DocumentCheck, data: str
) -> None:
    parsed = parse(data.encode(), "file.json")
    faults = checks.faults(parsed.value, parsed=parsed)
    assert faults
    for fault in faults:
        assert fault.cannot_be_run
        assert fault.line is not None


def test_northflanks_service_has_no_fault_once_it_says_how_it_is_built(
    checks: DocumentCheck,
) -> None:
    parsed = parse((NORTHFLANK / "demo-service.json").read_bytes(), "file.json")
    (fault,) = checks.faults(parsed.value, parsed=parsed)
    assert "build is missing: say with what the image is built" in fault.message
    service = parsed.value["spec"]["spec"]["steps"][1]["spec"]["steps"][0]
    service["spec"]["build"] = {"image": "registry.example.com/demo", "builder": {"image": "b:1"}}
    assert checks.faults(parsed.value) == ()


async def test_a_run_of_a_synced_document_names_file_line_and_column() -> None:
    world = RunWorld()
    world.synced_template(FILE.encode(), "deploy/shop.yaml")
    world.ask()
    await world.settle()
    assert (world.phase(), world.run().status.reason) == ("Failed", "InvalidDocument")
    message = world.message()
    assert message.startswith("deploy/shop.yaml:14:27: spec.spec.steps[0].spec.manifest.metadata")
    assert "deploy/shop.yaml:18:20: spec.spec.steps[1].spec.durations" in message
    assert world.objects.names() == []


async def test_a_document_that_was_edited_since_has_field_paths_only() -> None:
    world = RunWorld()
    world.synced_template(FILE.encode(), "deploy/shop.yaml")
    world.cluster.edit(
        world.shop().key, lambda raw: raw["spec"]["document"]["arguments"].update(B="1")
    )
    world.ask()
    await world.settle()
    assert world.message().startswith("spec.spec.steps[0].spec.manifest")
