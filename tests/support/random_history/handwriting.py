"""How people write files: in a style of their own, with comments, by hand or with a good editor."""

from __future__ import annotations

import json
import re
from random import Random
from typing import Any

import yaml

from ebbflow.domain.document import InvalidDocument
from ebbflow.domain.writeback import CannotEdit, edit
from tests.support.random_history.registers import JsonObject, registers

NOTE = re.compile(r"# note [0-9a-z-]+")


class _PlainDumper(yaml.SafeDumper):
    """Dumps without anchors, which documents may not have."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


class _IndentedDumper(_PlainDumper):
    """Indents the items of lists, as many people do."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, indentless=False)


def write(document: JsonObject, path: str, random: Random) -> bytes:
    """Write a whole file anew in a random style."""
    if path.endswith(".json"):
        text = json.dumps(document, indent=random.choice((None, 2, 4, "\t")), ensure_ascii=False)
    else:
        text = yaml.dump(
            document,
            Dumper=random.choice((_PlainDumper, _IndentedDumper)),
            default_flow_style=random.choice((False, False, None)),
            indent=random.choice((2, 4)),
            sort_keys=random.choice((True, False)),
            width=random.choice((80, 1000)),
            allow_unicode=random.choice((True, False)),
        )
    if random.random() < 0.2:
        text = text.replace("\n", "\r\n")
    return text.encode() + random.choice((b"", b"\n") if path.endswith(".json") else (b"",))


def revise(data: bytes, document: JsonObject, path: str, random: Random) -> bytes:
    """Change a file to hold the document: in place if chance and the text allow it."""
    if random.random() < 0.7:
        try:
            return edit(data, path, document)
        except (CannotEdit, InvalidDocument):
            pass
    return write(document, path, random)


def annotate(data: bytes, path: str, random: Random, mark: str) -> bytes:
    """Put a comment on a line of its own or at the end of a line, where a comment may be."""
    if path.endswith(".json"):
        return data
    lines = data.decode().splitlines(keepends=True)
    at = random.randrange(len(lines))
    if random.random() < 0.5:
        indent = re.match(" *", lines[at])
        lines.insert(at, f"{indent[0] if indent else ''}# note {mark}\n")
    else:
        body = lines[at].rstrip("\r\n")
        lines[at] = f"{body}  # note {mark}{lines[at][len(body) :]}"
    changed = "".join(lines).encode()
    return changed if read(changed) == read(data) else data


def read(data: bytes) -> Any:
    """Read a file by other code than the product's; None if it is neither JSON nor YAML."""
    for load in (json.loads, _load_yaml):
        try:
            return load(data.decode())
        except (ValueError, yaml.YAMLError):
            continue
    return None


def _load_yaml(text: str) -> Any:
    return yaml.load(text, Loader=yaml.CSafeLoader)  # the safe loader, in C


def lost_comments(before: bytes, after: bytes) -> set[str]:
    """Return the comments that an edit took away although it removed no value and no item."""
    old, new = read(before), read(after)
    if old is None or new is None:
        return set()
    was, now = registers(old), registers(new)
    lists = {path for path, value in was.items() if value.startswith("[")}
    if was.keys() - now.keys() or any(was[path] != now[path] for path in lists):
        return set()
    return set(NOTE.findall(before.decode())) - set(NOTE.findall(after.decode()))
