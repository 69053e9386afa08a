"""Write everything that is made from the models: crds/, parts of the chart, deploy/ and tables.

`python hack/generate.py` writes, `python hack/generate.py --check` only compares: it exits with 1
and names what differs.
"""

from __future__ import annotations

import sys
from pathlib import Path

import yaml
from chart_manifests import deploy_files
from reference_tables import fill, page_tables, put_examples, values_table
from typing_extensions import override

from ebbflow.api.base import JsonObject
from ebbflow.api.crd import crd
from ebbflow.api.kinds import KINDS
from ebbflow.api.policies import POLICIES
from ebbflow.api.rbac import USER_ROLES, operator_rules, wire

ROOT = Path(__file__).resolve().parent.parent
CHART = Path("helm/ebbflow")
EXAMPLES = Path("tests/support/examples")
HEADER = "# Made from the models in operator/ebbflow/api by `make gen`. Do not edit.\n"

# Whatever else lies there was made once and is no longer.
OWNED_DIRECTORIES = (Path("crds"), CHART / "resources", Path("deploy"))


class _Dumper(yaml.CSafeDumper):
    """Writes equal objects in full, never as an alias."""

    @override
    def ignore_aliases(self, data: object) -> bool:
        return True


def yaml_text(document: object) -> str:
    """Return the document as YAML, with keys in their order and one line a string."""
    return HEADER + yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, width=10_000, allow_unicode=True
    )


def _rbac_resource() -> JsonObject:
    """Return the rules as the chart's templates take them."""
    rules = operator_rules()
    return {
        "cluster": list(rules.cluster),
        "served": list(rules.served),
        "own": list(rules.own),
        "users": [
            {
                "name": role.name,
                "aggregatesTo": role.aggregates_to,
                "rules": [wire(rule) for rule in role.rules],
            }
            for role in USER_ROLES
        ],
    }


def _policies() -> dict[Path, str]:
    """Return the files of the admission policies, one for each object."""
    directory = CHART / "resources/policies"
    files: dict[Path, str] = {}
    for each in POLICIES:
        policy, binding = each.objects()
        files[directory / f"{each.resource}.yaml"] = yaml_text(policy)
        files[directory / f"{each.resource}-binding.yaml"] = yaml_text(binding)
    return files


def from_models() -> dict[Path, str]:
    """Return the files that come from the models alone, by their path from the root."""
    crds = {f"{kind.declaration.plural}.yaml": yaml_text(crd(kind)) for kind in KINDS}
    return {
        **{Path("crds") / name: text for name, text in crds.items()},
        **{CHART / "resources/crds" / name: text for name, text in crds.items()},
        CHART / "resources/rbac.yaml": yaml_text(_rbac_resource()),
        **_policies(),
    }


def generated(root: Path) -> dict[Path, str]:
    """Return every generated file, by its path from the root."""
    out = from_models()
    out |= deploy_files(
        root / CHART, {p.relative_to(CHART): t for p, t in out.items() if CHART in p.parents}
    )
    pages = page_tables()
    pages[CHART / "README.md"] = {
        "values": values_table((root / CHART / "values.yaml").read_text())
    }
    for page, tables in pages.items():
        out[page] = fill((root / page).read_text(), tables, page)
    for page in (root / "docs").rglob("*.md"):
        path = page.relative_to(root)
        text = out.get(path, page.read_text())
        if (filled := put_examples(text, root / EXAMPLES)) != text or path in out:
            out[path] = filled
    return out


def stale(root: Path, files: dict[Path, str]) -> list[Path]:
    """Return the files of owned directories that are no longer generated."""
    found = (path for owned in OWNED_DIRECTORIES for path in (root / owned).rglob("*"))
    return sorted(
        p.relative_to(root) for p in found if p.is_file() and p.relative_to(root) not in files
    )


def differing(root: Path, files: dict[Path, str]) -> list[Path]:
    """Return the generated files that are missing or hold something else."""
    return sorted(
        path
        for path, text in files.items()
        if not (root / path).is_file() or (root / path).read_text() != text
    )


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Write, or with --check compare; return the exit code."""
    files = generated(root)
    changed, gone = differing(root, files), stale(root, files)
    if "--check" in arguments:
        for path in (*changed, *gone):
            print(f"{path}: differs from what the models say; run `make gen`", file=sys.stderr)
        return 1 if changed or gone else 0
    for path in changed:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(files[path])
        print(f"wrote {path}")
    for path in gone:
        (root / path).unlink()
        print(f"removed {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
