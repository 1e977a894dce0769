"""The catalogue of the kit's messages: extract them from the source, and check that all are translated: ``make messages``.

Messages are written in plain English where they are needed, as strings and f-strings. Every string of the packages below that reads like
words for a person is one; the slots of f-strings get names from what stands in them. What a person never sees is left out by where it
stands (patterns, comparisons, HTML, code), or by ``# no message`` at the end of its line; a single word is taken in by ``message("word")`` or ``translate("word")``.

``--check`` changes nothing, and fails if a message is missing, stale (marked fuzzy), left over, or has other slots than the English one.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import io
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from string import Formatter

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

from oamkit.locale.catalogue import JOINTS, LIBRARIES

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "oamkit" / "locale" / "zh" / "messages.po"

TAKEN_IN = (  # the conditions that they write are quoted by verdicts and waits
    "oamkit/runtime/application.py",
    "oamkit/runtime/containerized.py",
    "oamkit/runtime/scaler.py",
    "oamkit/runtime/working.py",
)
LEFT_OUT = (
    "oamkit/runtime/",  # what it says goes into the cluster, which speaks English like all of Kubernetes
    "oamkit/kube/",
    "oamkit/sandbox/agent/",
    "oamkit/sandbox/loopback_hook/",
    "oamkit/sandbox/shim",
    "oamkit/locale/",
)

WORDS = re.compile(
    r"[a-z]{2,}[,:]? +[A-Za-z0-9{'(]|^[A-Z][a-z]+\.$|\} [a-z]{2,}|[a-z]{3,}:? \{|[A-Z]{2} [a-z]{3,}|'t [a-z]{2,}|^an? [a-z]+$"
)
NO_WORDS = re.compile(
    r"</?[a-z]|style=|^\s*--|^[\w.-]+/[\w./-]+$|[{;]\s*[a-z-]+:.*;|^(bold|dim|italic) [a-z]+$"
)
MARK = "no message"

KEY_LISTS = {"_STYLES"}
"""Variables whose keys are words for people: what tables say of states."""
WORD_LISTS = {"WORDS", "columns"}
"""Variables that hold words for people: what the widgets say, and the headings of tables."""

NOTEBOOK_SINKS = ("flow", "layers", "say", "show_yaml")
NAMES_OF_PATTERNS = {"compile", "match", "fullmatch", "search", "sub", "split", "findall", "startswith", "endswith", "strptime",
                     "strftime", "replace", "partition", "removeprefix", "removesuffix", "getLogger", "getenv"}  # fmt: skip


def slots(text: str) -> list[str]:
    """The names of a template's slots."""
    return [name for _, name, *_ in Formatter().parse(text) if name is not None]


def template(node: ast.Constant | ast.JoinedStr) -> str:
    """The template that a string or f-string is."""
    if isinstance(node, ast.Constant):
        return _braced(str(node.value))
    parts, used = [], set()
    for value in node.values:
        if isinstance(value, ast.Constant):
            parts.append(_braced(str(value.value)))
        else:
            name = _name(value)
            number = next(n for n in range(1, 99) if f"{name}{n if n > 1 else ''}" not in used)
            used.add(unique := f"{name}{number if number > 1 else ''}")
            parts.append(f"{{{unique}}}")
    return "".join(parts)


def _braced(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _name(node: ast.expr) -> str:
    """A name that tells a translator what stands in a slot."""
    match node:
        case ast.Name():
            return node.id.strip("_").lower() or "value"
        case ast.Attribute():
            return node.attr.strip("_").lower()
        case ast.Call(args=[first, *_]):
            return _name(first)
        case ast.Call(func=ast.Attribute(value=value)):
            return _name(value)
        case ast.Subscript():
            return _name(node.value)
        case ast.GeneratorExp() | ast.ListComp():
            return _name(node.generators[0].iter)
        case ast.Starred() | ast.FormattedValue():
            return _name(node.value)
        case ast.BoolOp():
            return _name(node.values[0])
        case ast.BinOp():
            return _name(node.left)
        case _:
            return "value"


class Finder(ast.NodeVisitor):
    """Collects the messages of a module, each with its line."""

    def __init__(self, source: str) -> None:
        self.found: list[tuple[int, str]] = []
        self._lines = source.splitlines()

    def visit_Module(self, node: ast.Module) -> None:
        self._body(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._body(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        for decorator in node.decorator_list:
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            if isinstance(called, ast.Attribute) and called.attr in ("command", "callback"):
                text = ast.get_docstring(node)
                if text:  # a command's help
                    self.found.append((node.lineno, _braced(text)))
        self._body(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._body(node)

    def _body(self, node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            is_text = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
            if not is_text:  # a docstring
                self.visit(child)

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):  # a docstring of an attribute
            self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        names = {target.id for target in node.targets if isinstance(target, ast.Name)}
        if names & KEY_LISTS and isinstance(node.value, ast.Dict):
            self._all(key for key in node.value.keys if key)
        elif names & WORD_LISTS:
            values = node.value.values if isinstance(node.value, ast.Dict) else [node.value]
            self._all(values)
        else:
            self.generic_visit(node)

    def _all(self, nodes: Iterable[ast.AST]) -> None:
        """Take in every text below some nodes, single words too, but for the keys of mappings and single letters."""
        below = [each for node in nodes for each in ast.walk(node)]
        keys = {id(key) for each in below if isinstance(each, ast.Dict) for key in each.keys}
        self.found += [
            (each.lineno, template(each))
            for each in below
            if isinstance(each, ast.Constant) and id(each) not in keys
            if isinstance(each.value, str) and re.search("[A-Za-z].*[A-Za-z]", each.value)
        ]

    def visit_Compare(self, node: ast.Compare) -> None:
        for child in (node.left, *node.comparators):
            if not isinstance(child, ast.Constant):
                self.visit(child)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        self.visit(node.value)
        if getattr(node.value, "id", "") == "Annotated":  # a command's option, with its help
            self.visit(node.slice)

    def visit_Call(self, node: ast.Call) -> None:
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if (
            name in ("message", "translate")
            and node.args
            and isinstance(node.args[0], ast.Constant)
        ):
            self.found.append((node.lineno, template(node.args[0])))
            return
        if name == "Wrong":  # an exercise's wrong answer, which only tests see
            return
        if name == "exercise":
            self.found += [
                (node.lineno, template(each.value))
                for each in node.keywords
                if each.arg == "title" and isinstance(each.value, ast.Constant)
            ]
            return
        if name == "Table" and node.args:
            self._all(node.args[:1])  # its headings
        self.visit(node.func)
        for child in (*node.args, *(keyword.value for keyword in node.keywords)):
            if name not in NAMES_OF_PATTERNS or not isinstance(child, ast.Constant | ast.JoinedStr):
                self.visit(child)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            self._add(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        self._add(node)
        for value in node.values:
            if isinstance(value, ast.FormattedValue):
                self.visit(value.value)

    def _add(self, node: ast.Constant | ast.JoinedStr) -> None:
        text = template(node).strip()
        marked = any(MARK in line for line in self._lines[node.lineno - 1 : node.end_lineno])
        if WORDS.search(text) and not NO_WORDS.search(text) and not marked and not _is_code(text):
            self.found.append((node.lineno, text))


def _is_code(text: str) -> bool:
    """Whether a text is Python that calls something, or several lines of YAML; sentences are neither."""
    if re.match(
        r"(apiVersion|kind|[a-z]+):( .*)?\n +- |(apiVersion|kind|[a-z]+):( .*)?\n *[a-zA-Z]+:", text
    ):
        return True
    try:
        tree = ast.parse(text.replace("{{", "{").replace("}}", "}"))
    except SyntaxError:
        return False
    return any(isinstance(node, ast.Call | ast.Assign) for node in ast.walk(tree))


def in_source(source: str) -> list[str]:
    """The messages of a module."""
    finder = Finder(source)
    finder.visit(ast.parse(source))
    return [text for _, text in sorted(finder.found)]


def in_cell(source: str) -> list[str]:
    """The texts that a notebook's code cell puts into pictures and notes."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if name not in NOTEBOOK_SINKS:
            continue
        told = [keyword.value for keyword in node.keywords if keyword.arg in ("title", "notes")]
        told += node.args if name != "show_yaml" else []
        for value in told:
            texts = value.values if isinstance(value, ast.Dict) else [value]
            for text in texts:
                parts = text.elts if isinstance(text, ast.Tuple | ast.List) else [text]
                found += [
                    template(each)
                    for each in parts
                    if isinstance(each, ast.Constant | ast.JoinedStr)
                ]
    return found


def messages() -> dict[str, list[str]]:
    """All messages, each with the files that it stands in."""
    found: dict[str, list[str]] = {}
    for file in sorted((ROOT / "oamkit").rglob("*.py")):
        name = file.relative_to(ROOT).as_posix()
        if name in TAKEN_IN or not name.startswith(LEFT_OUT):
            _collect(found, name, in_source(file.read_text(encoding="utf-8")))
    _collect(found, "oamkit/locale/catalogue.py", (*JOINTS, *LIBRARIES))
    for file in sorted((ROOT / "notebooks" / "en").glob("*.ipynb")):
        name = file.relative_to(ROOT).as_posix()
        for cell in json.loads(file.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "code" and not "".join(cell["source"]).startswith("%%"):
                _collect(found, name, in_cell("".join(cell["source"])))
    return found


def _collect(found: dict[str, list[str]], name: str, texts: Iterable[str]) -> None:
    for text in texts:
        if text.strip() and name not in found.setdefault(text.strip(), []):
            found[text.strip()].append(name)


def load() -> Catalog:
    """The catalogue as it is on disk."""
    if not FILE.is_file():
        return Catalog(locale="zh", project="oamkit", fuzzy=False)
    with FILE.open("rb") as file:
        return read_po(file, locale="zh")


def fresh() -> Catalog:
    """A catalogue of all messages, without translations."""
    catalogue = Catalog(locale="zh", project="oamkit", fuzzy=False)
    for text, names in messages().items():
        catalogue.add(text, locations=[(name, None) for name in names])
    return catalogue


def written(catalogue: Catalog) -> str:
    """The catalogue as it stands in git: without dates, so that nothing changes by itself."""
    file = io.BytesIO()
    write_po(
        file,
        catalogue,
        width=120,
        omit_header=True,
        ignore_obsolete=True,
        include_lineno=False,
        sort_by_file=True,
    )
    head = (
        'msgid ""\nmsgstr ""\n"Language: zh\\n"\n"Content-Type: text/plain; charset=UTF-8\\n"\n\n'
    )
    return head + file.getvalue().decode().strip() + "\n"


def update() -> Catalog:
    """Bring the catalogue up to date: new messages are added, changed ones marked as fuzzy, others dropped."""
    catalogue = load()
    catalogue.update(fresh(), no_fuzzy_matching=False)
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(written(catalogue), encoding="utf-8")
    return load()


def problems(catalogue: Catalog, wanted: Iterable[str]) -> Iterator[str]:
    """What keeps a catalogue from being whole, a line each."""
    there = {str(each.id): each for each in catalogue if each.id}
    texts = set(wanted)
    for text in sorted(texts - set(there)):
        yield f"missing: {text!r}"
    for text in sorted(set(there) - texts):
        yield f"left over: {text!r}"
    for text in sorted(texts & set(there)):
        entry = there[text]
        if entry.fuzzy:
            yield f"stale: {text!r}"
        elif not entry.string:
            yield f"not translated yet: {text!r}"
        elif sorted(_slots_of(str(entry.string))) != sorted(slots(text)):
            yield f"other slots: {text!r} → {entry.string!r}"


def _slots_of(text: str) -> list[str]:
    try:
        return slots(text)
    except ValueError:
        return ["a brace that isn't closed"]


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=inspect.getdoc(sys.modules[__name__]))
    parser.add_argument(
        "--check", action="store_true", help="change nothing; fail if anything isn't up to date"
    )
    arguments = parser.parse_args()
    catalogue = load() if arguments.check else update()
    found = list(problems(catalogue, messages()))
    for line in found:
        print(line)
    print(f"{len(found)} things to do." if found else "All messages are translated.")
    return 1 if found and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
