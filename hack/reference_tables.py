"""Tables and examples of the reference pages; the prose around them is written by hand.

A table stands between `<!-- table: NAME -->` and `<!-- end of table -->`, an example in the YAML
block after `<!-- example: FILE -->`; its file lies in tests/support/examples and a test applies it.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click
import yaml

from ebbflow.api.base import JsonObject, PolicyRule
from ebbflow.api.crd import model_schema, root_schema
from ebbflow.api.kinds import KINDS
from ebbflow.api.rbac import POLICY, USER_ROLES
from ebbflow.api.reasons import Reason
from ebbflow.api.text import NO_TOKEN, VALIDATIONS
from ebbflow.cli.commands import COMMANDS, ebbflow
from ebbflow.cli.operator import operator
from ebbflow.domain.expression.functions import FUNCTIONS, Function
from ebbflow.services.nodes.kind import NodeKind
from ebbflow.services.nodes.registry import Ports, node_kinds

REFERENCE = Path("docs/reference")
_TABLE = re.compile(r"(<!-- table: (\S+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


_EXAMPLE = re.compile(r"(<!-- example: (\S+) -->\n```yaml\n).*?(```\n)", re.DOTALL)


def put_examples(page: str, examples: Path) -> str:
    """Return the page with its examples put in from the files."""
    return _EXAMPLE.sub(lambda match: match[1] + (examples / match[2]).read_text() + match[3], page)


def fill(page: str, tables: dict[str, str], name: Path) -> str:
    """Return the page with its tables put in; raises SystemExit if the page lacks one."""
    missing = set(tables) - {match[2] for match in _TABLE.finditer(page)}
    if missing:
        raise SystemExit(f"{name}: no place for table {', '.join(sorted(missing))}")
    return _TABLE.sub(lambda match: f"{match[1]}\n{tables[match[2]]}\n{match[3]}", page)


def page_tables() -> dict[Path, dict[str, str]]:
    """Return the tables of every page, by the page's path and the table's name."""
    pages = {
        REFERENCE / f"{kind.declaration.singular}.md": {
            part: fields_table(root_schema(kind)["properties"][part]) for part in ("spec", "status")
        }
        for kind in KINDS
    }
    pages[REFERENCE / "reasons.md"] = {"reasons": reasons_table()}
    pages[REFERENCE / "rbac.md"] = {
        "operator": policy_table(POLICY),
        **{role.name: user_table(role.rules) for role in USER_ROLES},
    }
    pages[REFERENCE / "expressions.md"] = {"functions": functions_table()}
    pages[REFERENCE / "nodes.md"] = {
        kind.name: fields_table(model_schema(kind.spec)) for kind in unwired_kinds()
    }
    pages[REFERENCE / "operator.md"] = {"flags": flags_table()}
    pages[REFERENCE / "cli.md"] = {name: command_table(name) for name in COMMANDS}
    return pages


def unwired_kinds() -> tuple[NodeKind[Any], ...]:
    """Return every kind of node, without what it would need to work."""
    return node_kinds(Ports(*(None for _ in dataclasses.fields(Ports))))


def flags_table() -> str:
    """Return the flags of `ebbflow operator`, with their variables and defaults."""
    options = [option for option in operator.params if isinstance(option, click.Option)]
    return _table(("flag", "variable", "default", "what it does"), map(_flag, options))


def _flag(option: click.Option) -> tuple[str, str, str, str]:
    described = option.show_default if isinstance(option.show_default, str) else None
    default = described or (option.default if isinstance(option.default, (str, int)) else "")
    shown = "" if isinstance(default, bool) else str(default)
    return f"`{option.opts[0]}`", f"`{option.envvar}`", shown, option.help or ""


def command_table(name: str) -> str:
    """Return a command of `ebbflow`: how to call it, what it does, its options.

    Of a command that holds others, these are shown one below the other.
    """
    context = click.Context(ebbflow, info_name="ebbflow")
    command = ebbflow.get_command(context, name)
    if command is None:
        raise SystemExit(f"there is no command {name}")
    if not isinstance(command, click.Group):
        return _command(f"ebbflow {name}", command, context)
    inside = [_command(f"ebbflow {name} {n}", c, context) for n, c in command.commands.items()]
    return f"{inspect.cleandoc(command.help or '')}\n\n" + "\n".join(inside)


def _command(called: str, command: click.Command, context: click.Context) -> str:
    with click.Context(command, info_name=called, parent=context) as inner:
        usage = " ".join(command.collect_usage_pieces(inner))
        about = inspect.cleandoc(command.help or "")
        if command is operator:
            return f"    {called} {usage}\n\n{about} [Its flags](operator.md).\n"
        options = [one for one in command.params if isinstance(one, click.Option)]
        rows = [_option(option, inner) for option in options]
    table = f"\n{_table(('option', 'what it does'), rows)}" if rows else ""
    return f"    {called} {usage}\n\n{about}\n{table}"


def _option(option: click.Option, context: click.Context) -> tuple[str, str]:
    record = option.get_help_record(context)
    spelled, about = record or (", ".join(option.opts), option.help or "")
    return f"`{spelled}`", about


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines
    )


def fields_table(schema: JsonObject) -> str:
    """Return the table of all fields below a schema."""
    return _table(("field", "type", "what it is"), _field_rows(schema, ""))


def _field_rows(schema: JsonObject, prefix: str) -> Iterator[tuple[str, str, str]]:
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        path = f"{prefix}{name}"
        mark = " (required)" if name in required else ""
        yield f"`{path}`{mark}", _type_of(field), _about(field)
        yield from _field_rows(field, f"{path}.")
        yield from _field_rows(field.get("items", {}), f"{path}[].")
        yield from _field_rows(field.get("additionalProperties", {}), f"{path}.*.")


def _type_of(field: JsonObject) -> str:
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if field.get("type") == "array":
        return f"list of {_type_of(field['items'])}"
    if "additionalProperties" in field:
        return f"map of {_type_of(field['additionalProperties'])}"
    return {"object": "object", "string": "text", None: "any JSON"}.get(
        field.get("type"), str(field.get("type"))
    )


def _about(field: JsonObject) -> str:
    parts = [field["description"]]
    # An object's is that of its fields.
    if field.get("default", {}) != {}:
        parts.append(f"Default: `{json.dumps(field['default'], ensure_ascii=False)}`.")
    messages = (rule["message"] for rule in field.get(VALIDATIONS, ()))
    # That no field takes a token is said once on the page.
    said = (message for message in messages if message != NO_TOKEN.message)
    return " ".join((*parts, *_bounds(field), *(f"{text[0].upper()}{text[1:]}." for text in said)))


def _bounds(field: JsonObject) -> Iterator[str]:
    if "minimum" in field and "maximum" in field:
        yield f"From {field['minimum']} to {field['maximum']}."
    for key, unit in (
        ("maxLength", "characters"),
        ("maxItems", "entries"),
        ("maxProperties", "entries"),
    ):
        if key in field:
            yield f"At most {field[key]} {unit}."


def reasons_table() -> str:
    """Return the table of all reasons, in the order in which they are declared."""
    return _table(
        ("reason", "what it means and what to do"),
        ((f"`{reason.value}`", reason.help) for reason in Reason),
    )


def functions_table() -> str:
    """Return the table of the expression language's functions, each with its example."""
    return _table(
        ("function", "result", "what it does", "example", "gives"), map(_function, FUNCTIONS)
    )


def _function(function: Function) -> tuple[str, str, str, str, str]:
    expression, value = function.example
    return (
        f"`{function.signature}`",
        function.returns.value,
        function.about,
        f"`{expression}`",
        f"`{json.dumps(value, ensure_ascii=False)}`",
    )


def policy_table(policy: Iterable[PolicyRule]) -> str:
    """Return the table of rules: verbs, resource, where, why."""
    rows = ((*_right(rule), _where(rule), f"{rule.why}.") for rule in policy)
    return _table(("verbs", "resource", "where", "why"), rows)


def user_table(policy: Iterable[PolicyRule]) -> str:
    """Return the table of a role for people: verbs, resource, why."""
    return _table(("verbs", "resource", "why"), ((*_right(r), f"{r.why}.") for r in policy))


def _right(rule: PolicyRule) -> tuple[str, str]:
    resources = ", ".join(f"`{_full_name(resource, rule.group)}`" for resource in rule.resources)
    names = f" named {', '.join(f'`{name}`' for name in rule.names)}" if rule.names else ""
    return ", ".join(rule.verbs), resources + names


def _full_name(resource: str, group: str) -> str:
    """Return templates.ebbflow.dev/status for templates/status of ebbflow.dev."""
    plural, slash, subresource = resource.partition("/")
    return f"{plural}{'.' if group else ''}{group}{slash}{subresource}"


def _where(rule: PolicyRule) -> str:
    if rule.scope == "OwnNamespace":
        return "its own namespace"
    return "namespaces that it serves" if rule.namespaced else "the cluster"


_COMMENT = re.compile(r"^ *# (?:-- )?(.*)$")
_KEY = re.compile(r"^( *)([A-Za-z]+):(.*)$")


def values_table(values: str) -> str:
    """Return the table of the chart's values, from the `# --` comments of values.yaml."""
    return _table(("value", "default", "what it is"), _value_rows(values))


def _value_rows(values: str) -> Iterator[tuple[str, str, str]]:
    defaults = yaml.safe_load(values)
    about: list[str] = []
    parents: list[str] = []
    for line in values.splitlines():
        if line.lstrip().startswith("# -- "):
            about = [line.split("# -- ", 1)[1]]
        elif about and (comment := _COMMENT.match(line)):
            about.append(comment[1])
        elif key := _KEY.match(line):
            parents = [*parents[: len(key[1]) // 2], key[2]]
            path = ".".join(parents)
            if about:
                yield f"`{path}`", f"`{json.dumps(_at(defaults, path))}`", " ".join(about)
            about = []


def _at(values: JsonObject, path: str) -> object:
    value: object = values
    for key in path.split("."):
        value = value[key] if isinstance(value, dict) else None
    return value
