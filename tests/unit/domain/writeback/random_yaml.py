"""Random documents, written in random styles with comments, and random edits of them."""

from __future__ import annotations

import copy
import json
import re
from random import Random
from typing import Any

from ebbflow.domain.writeback.yaml_text import can_be_plain, quoted

Json = Any

WORDS = (
    "a", "shop", "yes", "on", "0755", "1e3", "2001-01-01", "1:30", "~", "", " lead", "trail ", "a: b", "a #b",
    "# no comment", "- dash", "it's", 'say "hi"', "back\\slash", "tab\there", "emoji 🚀 é", "multi\nline", "multi\nline\n",
    "blank\n\nline\n", "  indented\nfirst\n", "end\n\n", "${args.NAME}", "{{ .Values.x }}", "[x]", "a,b", "x" * 130,
    "some longer words that somebody may want to fold over lines", "echo hi\n# not a comment\n  deeper\ndone\n", "\u2028",
    "http://example.com:80/a?b=c", "null", "true", "-", "?", ":", "@at", "%p", "&a", "*a", "!t", "|", ">", "<<", "\x07",
)  # fmt: skip
KEYS = (
    "a",
    "b",
    "c",
    "d",
    "name",
    "kind",
    "spec",
    "steps",
    "on",
    "1",
    "a b",
    "x/y",
    "é",
    "#k",
    "k:",
    "",
)


def value(random: Random, depth: int = 0) -> Json:
    kind = random.random()
    if depth > 3 or kind < 0.5:
        return scalar(random)
    size = random.choice((0, 1, 1, 2, 3, 4))
    if kind < 0.75:
        return {key: value(random, depth + 1) for key in random.sample(KEYS, size)}
    if kind < 0.87:
        names = random.sample("uvwxyz", size)
        return [{"ref": name, **node(random, depth + 1)} for name in names]
    return [value(random, depth + 1) for _ in range(size)]


def node(random: Random, depth: int) -> dict[str, Json]:
    return {
        key: value(random, depth + 1)
        for key in random.sample(("kind", "spec", "when"), random.randint(0, 3))
    }


def scalar(random: Random) -> Json:
    if random.random() < 0.1:
        return " ".join(
            random.choice(("some", "words", "it's", "é", "x.")) for _ in range(random.randint(2, 9))
        )
    if random.random() < 0.6:
        return random.choice(WORDS)
    return random.choice((None, True, False, 0, 1, -7, 493, 2**40, 1.5, -0.25, 1e30))


def document(random: Random) -> dict[str, Json]:
    keys = ["apiVersion", *random.sample([key for key in KEYS if key], random.randint(1, 6))]
    result = {key: value(random) for key in keys}
    result["apiVersion"] = "v1.2"
    return result


def edited(random: Random, document: dict[str, Json]) -> dict[str, Json]:
    """The document after one to three edits; `apiVersion` stays."""
    result = copy.deepcopy(document)
    for _ in range(random.randint(1, 3)):
        _edit(random, result)
    result["apiVersion"] = "v1.2"
    return result


def _edit(random: Random, place: Json) -> None:
    while True:
        inner = list(place.values()) if isinstance(place, dict) else place
        deeper = [item for item in inner if isinstance(item, dict | list) and item]
        if not deeper or random.random() < 0.3:
            break
        place = random.choice(deeper)
    if isinstance(place, dict):
        _edit_object(random, place)
    else:
        _edit_list(random, place)


def _edit_object(random: Random, place: dict[str, Json]) -> None:
    action = random.random()
    if place and action < 0.6:
        key = random.choice(list(place))
        place[key] = value(random, 2)
    elif place and action < 0.75:
        del place[random.choice(list(place))]
    else:
        place[random.choice((*KEYS, "ref", "condition"))] = value(random, 2)


def _edit_list(random: Random, place: list[Json]) -> None:
    action = random.random()
    at = random.randrange(len(place) + 1)
    if action < 0.3:
        place.insert(at, value(random, 2))
    elif place and action < 0.5:
        place.pop(at - 1)
    elif place and action < 0.75:
        place.insert(at, place.pop(random.randrange(len(place))))
    elif place:
        place[at - 1] = value(random, 2)


class Writer:
    """Writes a document as YAML the way no two people do."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.newline = random.choice(("\n", "\n", "\n", "\r\n"))
        self.step = random.choice((2, 2, 4, 3))
        self.dash = random.choice((0, 2, 2, 4))
        self.comments = random.choice((0.0, 0.2, 0.5))
        self.count = 0
        self.lines: list[str] = []

    def write(self, document: dict[str, Json]) -> bytes:
        random = self.random
        if random.random() < 0.2:
            self.lines.append("---")
        self._object(document, 0, "")
        text = self.newline.join(self.lines)
        if random.random() < 0.85:
            text += self.newline
        return (b"\xef\xbb\xbf" if random.random() < 0.1 else b"") + text.encode()

    def _chance(self) -> bool:
        return self.random.random() < self.comments

    def _comment(self) -> str:
        self.count += 1
        return f"# {self.random.choice(('about', 'why: x', '- a', 'é'))} {self.count}"

    def _behind(self) -> str:
        return " " * self.random.choice((1, 2, 5)) + self._comment() if self._chance() else ""

    def _above(self, indent: int) -> None:
        if self.lines and self.random.random() < 0.15:
            self.lines += self.random.choice(([""], ["", ""], ["  "]))
        if self._chance():
            deep = indent if self.random.random() < 0.7 else self.random.randint(0, indent + 3)
            self.lines.append(" " * deep + self._comment())

    def _object(self, entries: dict[str, Json], indent: int, first: str) -> None:
        for key, item in entries.items():
            start = first or " " * indent
            if not first:
                self._above(indent)
            first = ""
            self._value(start + self._key(key) + ":", item, indent, item_of_list=False)

    def _key(self, key: str) -> str:
        if can_be_plain(key, flow=True) and self.random.random() < 0.8:
            return key
        return quoted(key, self.random.choice("'\""))

    def _list(self, items: list[Json], indent: int, first: str) -> None:
        for item in items:
            start = first or " " * indent
            if not first:
                self._above(indent)
            first = ""
            self._value(start + "-", item, indent, item_of_list=True)

    def _value(self, start: str, item: Json, indent: int, *, item_of_list: bool) -> None:
        random = self.random
        if isinstance(item, dict | list) and item and random.random() < 0.75:
            compact = item_of_list and random.random() < 0.8
            gap = " " * random.choice((1, 1, 3)) if compact else ""
            below = len(start + gap) if compact else indent + self._deeper(item, item_of_list)
            if not compact:
                self.lines.append(start + self._behind())
            write = self._object if isinstance(item, dict) else self._list
            write(item, below, start + gap if compact else "")
        elif not isinstance(item, str) or not self._on_lines(start, item, indent):
            text = self._flow(item, flow=isinstance(item, dict | list))
            blanks = " " * random.choice((1, 1, 1, 4)) if text else ""
            self.lines.append(start + blanks + text + self._behind())

    def _deeper(self, item: Json, item_of_list: bool) -> int:
        return self.dash if isinstance(item, list) and not item_of_list else self.step

    def _on_lines(self, start: str, text: str, indent: int) -> bool:
        """Write a string over several lines if it can be, and as chance has it."""
        if "\n" in text and self._block(start, text, indent):
            return True
        return " " in text and self._folded(start, text, indent)

    def _block(self, start: str, text: str, indent: int) -> bool:
        body = text.removesuffix("\n")
        if self.random.random() < 0.3 or body.endswith("\n") or "\u2028" in text:
            return False
        deeper = self.random.choice((2, 4))
        indicator = str(deeper) if body.startswith(" ") else ""
        header = "|" + indicator + ("" if text.endswith("\n") else "-")
        self.lines.append(f"{start} {header}{self._behind()}")
        self.lines += [" " * (indent + deeper) + line if line else "" for line in body.split("\n")]
        return True

    def _folded(self, start: str, text: str, indent: int) -> bool:
        """Write a string over several lines: quoted, plain or `>`."""
        body = text.removesuffix("\n")
        words = body.split(" ")
        if self.random.random() < 0.4 or not all(words) or "\n" in body or len(words) < 2:
            return False
        style = self.random.choice(("'", '"', "", ">"))
        if any(word.startswith(("-", "#")) for word in words) or (
            body != text and style in ("'", "")
        ):
            return False
        if (style == "" and not can_be_plain(body, flow=False)) or (style == ">" and "\t" in body):
            return False
        written = quoted(text, style) if style in ("'", '"') else body
        between = self.newline + " " * (indent + 2)
        folded = "".join(
            between if piece == " " and self.random.random() < 0.4 else piece
            for piece in re.split("( )", written)
        )
        if style == ">":
            start += " >" + ("" if body != text else "-") + self._behind()
            self.lines.append(start + between + folded)
        else:
            self.lines.append(f"{start} {folded}{self._behind()}")
        return True

    def _flow(self, item: Json, *, flow: bool) -> str:
        space = self.random.choice(("", " ")) if flow else ""
        if isinstance(item, dict):
            parts = [
                f"{self._key(key)}: {self._flow(part, flow=True) or '~'}"
                for key, part in item.items()
            ]
            return "{" + space + ", ".join(parts) + space + "}"
        if isinstance(item, list):
            parts = [self._flow(part, flow=True) or "~" for part in item]
            return "[" + space + ", ".join(parts) + space + "]"
        return self._scalar(item, flow=flow)

    def _scalar(self, item: Json, *, flow: bool) -> str:
        random = self.random
        match item:
            case str():
                if can_be_plain(item, flow=flow) and random.random() < 0.7:
                    return item
                return quoted(item, random.choice("'\""))
            case None:
                return random.choice(("null", "~", ""))
            case bool():
                return random.choice(("true", "yes", "On") if item else ("false", "no", "Off"))
            case 493:
                return random.choice(("0755", "493", "0x1ED"))
            case _:
                return json.dumps(item)
