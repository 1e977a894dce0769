"""What can be done with CUE: evaluate, export, vet, bring into form, trim, import."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from oamkit.cue.errors import CueError, parse
from oamkit.cue.limits import DEFAULT, Limits
from oamkit.cue.program import Program
from oamkit.cue.sources import INPUT, Data, Folder, Source, laid_out
from oamkit.errors import InputError
from oamkit.show import Line, Text

__all__ = ["Rewritten", "Valid", "evaluate", "export", "fmt", "import_yaml", "trim", "vet"]

Format = Literal["cue", "json", "yaml", "text"]
_HINTS = (
    (
        "incomplete value",
        'A value isn\'t known yet: give it, or a default; out="cue" shows what is known.',
    ),
    (
        "field not allowed",
        "The definition has no such field. Is it a typo? Or add the field to the definition.",
    ),
    ("reference", "Is the name spelled as where it is defined, and its package imported?"),
    (
        "cannot find package",
        "Packages come from the module's own folder or from CUE's library: there is no registry.",
    ),
    (
        "imports are unavailable",
        "Add cue.mod/module.cue, for only the packages of a module can be imported.",
    ),
)


@dataclass(frozen=True)
class Valid(Line):
    """Data that fits its schema.

    Attributes:
        count: How many pieces of data were checked; 0 if only CUE itself was.
    """

    count: int = 0

    def line(self) -> str:
        """Say it."""
        return "Valid." if not self.count else f"Valid: {self.count} checked."


@dataclass(frozen=True)
class Rewritten(Line):
    """Files that were rewritten in place.

    Attributes:
        files: Those that are different now.
        before: How many lines all of them had.
        after: How many they have.
    """

    files: tuple[Path, ...]
    before: int
    after: int

    def line(self) -> str:
        """Say it."""
        if not self.files:
            return f"Nothing to change in {self.before} lines."
        if len(self.files) == 1:
            return f"1 file rewritten: {self.before} lines became {self.after}."
        return f"{len(self.files)} files rewritten: {self.before} lines became {self.after}."


def evaluate(
    source: Source,
    *,
    data: Data | None = None,
    expression: str = "",
    tags: Mapping[str, str | bool] | None = None,
    package: str = "",
    limits: Limits = DEFAULT,
) -> Any:  # noqa: ANN401 - whatever JSON may hold
    """Return the value of some CUE as Python data.

    Args:
        source: A text, files in memory, a file, or a package's folder.
        data: Data to unify with it.
        expression: The part to evaluate, e.g. ``"web.spec"``; all of it by default.
        tags: Values for fields with ``@tag(name)``; ``True`` for a tag without a value.
        package: Which package of a module, e.g. ``"./app"``; the one in the folder by default.
        limits: What the call may take.

    Returns:
        Mappings, lists, texts, numbers, ``True``, ``False`` or ``None``.

    Raises:
        CueError: Its ``problems`` say what is wrong, and where.
        CueLimitError: The call took more than its limits.

    Example:
        >>> evaluate("replicas: *1 | int, doubled: replicas * 2", data={"replicas": 3})
        {'replicas': 3, 'doubled': 6}
    """
    more = () if data is None else (data,)
    with laid_out(source, *more, package=package) as folder:
        arguments = ["export", "--out=json", *_selected(expression, tags), *folder.inputs]
        return json.loads(_called(folder, arguments, limits))


def export(
    source: Source,
    *,
    out: Format = "yaml",
    data: Data | None = None,
    expression: str = "",
    tags: Mapping[str, str | bool] | None = None,
    package: str = "",
    limits: Limits = DEFAULT,
) -> Text:
    """Return the value of some CUE as text.

    Args:
        source: See :func:`evaluate`.
        out: The format. ``"cue"`` also tells what isn't known yet, such as types, constraints and optional fields; the others have
            no words for that, and ask for a value everywhere. ``"text"`` wants a text as the value.
        data: See :func:`evaluate`.
        expression: See :func:`evaluate`.
        tags: See :func:`evaluate`.
        package: See :func:`evaluate`.
        limits: See :func:`evaluate`.

    Raises:
        CueError: Its ``problems`` say what is wrong, and where.
        CueLimitError: The call took more than its limits.

    Example:
        >>> print(export("a: int, b: a & 3", out="cue"))
        a: int
        b: 3
    """
    more = () if data is None else (data,)
    with laid_out(source, *more, package=package) as folder:
        selected = _selected(expression, tags)
        verb = ["eval", "--show-optional"] if out == "cue" else ["export", f"--out={out}"]
        return Text(_called(folder, [*verb, *selected, *folder.inputs], limits))


def vet(
    source: Source,
    *data: Data,
    schema: str = "",
    concrete: bool = True,
    tags: Mapping[str, str | bool] | None = None,
    package: str = "",
    limits: Limits = DEFAULT,
) -> Valid:
    """Check data against CUE, or CUE itself.

    Args:
        source: See :func:`evaluate`.
        *data: What to check: Python data, or paths of YAML or JSON files, whose places the problems then tell.
        schema: The definition to check against, e.g. ``"#Deployment"``; the whole source by default.
        concrete: Whether every field must have a value.
        tags: See :func:`evaluate`.
        package: See :func:`evaluate`.
        limits: See :func:`evaluate`.

    Raises:
        CueError: Its ``problems`` say what is wrong, and where.
        CueLimitError: The call took more than its limits.

    Example:
        >>> print(vet("#App: {name!: string, replicas: int | *1}", {"name": "web"}, schema="#App"))
        Valid: 1 checked.
    """
    with laid_out(source, *data, package=package) as folder:
        arguments = ["vet", "--all-errors", f"--concrete={'true' if concrete else 'false'}"]
        if schema:
            arguments.append(f"--schema={schema}")
        _called(folder, [*arguments, *_selected("", tags), *folder.inputs], limits)
        return Valid(len(data))


def fmt(
    source: str | Text | Path, *, simplify: bool = False, limits: Limits = DEFAULT
) -> Text | Rewritten:
    r"""Bring CUE into CUE's own form.

    Args:
        source: A text, or a file or folder whose files are rewritten.
        simplify: Whether ``a: {b: 1}`` becomes ``a: b: 1``, and quotes that aren't needed go.
        limits: See :func:`evaluate`.

    Returns:
        The text; or which files were rewritten.

    Raises:
        CueError: It isn't CUE.

    Example:
        >>> print(fmt("a:{b:1}"))
        a: {b: 1}
    """
    return _rewritten(["fmt", "--simplify"] if simplify else ["fmt"], source, limits)


def trim(source: str | Text | Path, *, limits: Limits = DEFAULT) -> Text | Rewritten:
    r"""Remove fields that follow from others anyway; the value stays the same.

    Args:
        source: A text, or a file or folder whose files are rewritten.
        limits: See :func:`evaluate`.

    Returns:
        The text; or which files were rewritten.

    Raises:
        CueError: It isn't CUE, or contradicts itself.

    Example:
        >>> print(trim('app: [string]: kind: "web"\napp: shop: {kind: "web", port: 80}'))
        app: [string]: kind: "web"
        app: shop: {port: 80}
    """
    return _rewritten(["trim"], source, limits)


def import_yaml(
    source: str | Text | Path | Sequence[Path],
    *,
    package: str = "",
    path: Sequence[str] = (),
    limits: Limits = DEFAULT,
) -> Text:
    """Turn YAML into CUE.

    Args:
        source: YAML as a text, or one or more files; of a folder, all its ``*.yaml`` and ``*.yml``.
        package: The package that the CUE says it belongs to; none by default.
        path: Where each document goes: CUE expressions over it, one for each step. Several documents need it.
        limits: See :func:`evaluate`.

    Raises:
        CueError: It isn't YAML, or two documents at one path contradict each other.

    Example:
        >>> print(import_yaml("kind: Service", path=["kind"]))
        Service: kind: "Service"
    """
    with laid_out({"input.yaml": source} if isinstance(source, str | Text) else {}) as folder:
        if isinstance(source, str | Text):
            files = ["input.yaml"]
        else:
            given = [source] if isinstance(source, Path) else list(source)
            files = [str(file.resolve()) for each in given for file in _yaml_files(each)]
        if not files:
            raise InputError("there is no YAML file", file=str(source))
        arguments = ["import", "--outfile=-", *(f"--path={each}" for each in path)]
        if package:
            arguments.append(f"--package={package}")
        texts = [_called(folder, [*arguments, file], limits) for file in files]
        return Text(_joined(texts, package))


def _yaml_files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.suffix in (".yaml", ".yml"))
    if not path.exists():
        raise InputError("there is no such file or folder", file=path)
    return [path]


def _joined(texts: Sequence[str], package: str) -> str:
    head = f"package {package}\n\n" if package else ""
    return head + "\n".join(text.removeprefix(head) for text in texts)


def _rewritten(verb: Sequence[str], source: str | Text | Path, limits: Limits) -> Text | Rewritten:
    if isinstance(source, str | Text):
        with laid_out(source) as folder:
            _called(folder, [*verb, *folder.inputs], limits)
            return Text((folder.path / INPUT).read_text(encoding="utf-8"))
    files = sorted(source.rglob("*.cue")) if source.is_dir() else [source]
    before = {
        file: file.read_text(encoding="utf-8") for file in files if "cue.mod" not in file.parts
    }
    with laid_out(source) as folder:
        inputs = ["./..."] if source.is_dir() else folder.inputs
        _called(folder, [*verb, *inputs], limits)
    after = {file: file.read_text(encoding="utf-8") for file in before}
    changed = tuple(file for file in before if before[file] != after[file])
    return Rewritten(changed, _lines(before), _lines(after))


def _lines(texts: Mapping[Path, str]) -> int:
    return sum(len(text.splitlines()) for text in texts.values())


def _selected(expression: str, tags: Mapping[str, str | bool] | None) -> list[str]:
    arguments = [f"--expression={expression}"] if expression else []
    for name, value in (tags or {}).items():
        if value is not False:
            arguments.append(f"--inject={name}" if value is True else f"--inject={name}={value}")
    return arguments


def _called(folder: Folder, arguments: Sequence[str], limits: Limits) -> str:
    done = Program().run(arguments, cwd=folder.path, home=folder.home, limits=limits)
    if done.returncode != 0:
        problems = [folder.located(problem) for problem in parse(done.stderr)]
        hint = next(
            (hint for sign, hint in _HINTS for each in problems if sign in each.message), ""
        )
        raise CueError(problems, hint=hint)
    return done.stdout
