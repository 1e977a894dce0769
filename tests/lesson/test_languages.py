"""Which language the kit speaks, and how messages become translated when they are shown."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from oamkit import languages
from oamkit.errors import CommandError, InputError, OamKitError
from oamkit.lesson import flow
from oamkit.lesson.verdict import incorrect
from oamkit.locale import catalogue as catalogues
from oamkit.locale.catalogue import Catalogue, read
from oamkit.show import Line, Table, say

CHINESE = {
    "There is no image {tag}.": "没有镜像 {tag}。",
    "There is: {there}.": "现有:{there}。",
    "none yet": "还没有",
    "Build it: images.build(…, {tag}).": "构建它:images.build(…, {tag})。",
    "expected {what}, got {value}": "得到的是 {value},需要的是 {what}",
    "a list": "一个列表",
    "the file {name}": "文件 {name}",
    "Incorrect.": "不正确。",
    "Hint: {hint}": "提示:{hint}",
    "NAME": "名称",
    "ready": "就绪",
    "Last seen: {last_state}": "最后看到的状态:{last_state}",
    "a {{brace}}": "一个{{括号}}",
    "{place}: {message}": "{place}:{message}",
    "→ {message}": "→ {message}",
    "{first}, {second}": "{first},{second}",
    "{message} …": "{message}……",
    "{kind} {name} of {version}": "{version} 的 {kind} {name}",
    "{name}, because {reason}": "{name},因为{reason}",
    "{title} answers on this machine": "这台机器上有 {title}",
    "no Docker answers on this machine": "这台机器上没有 Docker",
}


@pytest.fixture
def chinese(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The kit speaks Chinese, by a small catalogue."""
    small = Catalogue(CHINESE)
    monkeypatch.setattr(catalogues, "catalogue", lambda lang: small)
    languages.language("zh")
    yield
    languages.language("")


def test_templates_find_what_was_made_from_them() -> None:
    translate = Catalogue(CHINESE).translate
    assert translate("There is no image web:v1.") == "没有镜像 web:v1。"
    assert translate("expected a list, got 3") == "得到的是 3,需要的是 一个列表"
    assert translate("There is: none yet.") == "现有:还没有。"
    assert translate("expected the file a b, got x") == "得到的是 x,需要的是 文件 a b"
    assert translate("a {brace}") == "一个{括号}"


def test_of_several_templates_that_fit_the_one_that_explains_most_is_taken() -> None:
    translate = Catalogue(CHINESE).translate
    text = "sandbox, because no Docker answers on this machine"
    assert translate(text) == "sandbox,因为这台机器上没有 Docker"
    text = "kind, because Docker answers on this machine"
    assert translate(text) == "kind,因为这台机器上有 Docker"


def test_an_arrow_before_a_message_stays() -> None:
    translate = Catalogue(CHINESE).translate
    assert translate("It is full\n→ There is no image x.") == "It is full\n→ 没有镜像 x。"


def test_the_place_before_a_message_stays() -> None:
    translate = Catalogue(CHINESE).translate
    assert (
        translate("app.yaml:7: spec: expected a list, got 3")
        == "app.yaml:7:spec:得到的是 3,需要的是 一个列表"
    )
    assert translate("COPY a b: There is no image x.") == "COPY a b:没有镜像 x。"
    assert translate("COPY a b: nobody knows") == "COPY a b: nobody knows"


def test_messages_that_are_joined_are_translated_each() -> None:
    translate = Catalogue(CHINESE).translate
    assert translate("web: a list, none yet …") == "web:一个列表,还没有……"
    assert translate("a, b, c") == "a, b, c"
    assert translate("one thing, none yet") == "one thing, none yet"


def test_a_template_that_says_little_fits_only_names_and_messages() -> None:
    translate = Catalogue(CHINESE).translate
    assert translate("Deployment web of apps/v1") == "apps/v1 的 Deployment web"
    assert translate("Some exercises of yours are solved") == "Some exercises of yours are solved"


def test_a_slot_in_a_line_ends_with_it() -> None:
    translate = Catalogue(CHINESE).translate
    assert translate("Last seen: x\nThere is no image y.") == "最后看到的状态:x\n没有镜像 y。"


def test_a_template_that_says_little_takes_no_sentence_apart() -> None:
    translate = Catalogue({**CHINESE, "{solved} of {total}": "{solved}/{total}"}).translate
    assert translate("2 of 4") == "2/4"
    assert (
        translate("Exercises: 2 of 4 solved.\nThere is no image x.")
        == "Exercises: 2 of 4 solved.\n没有镜像 x。"
    )
    assert translate("some words of other words") == "some words of other words"


def test_a_list_of_messages_in_a_slot_is_translated_one_by_one() -> None:
    translate = Catalogue(CHINESE).translate
    assert (
        translate("expected a list, the file x y, web, got 3")
        == "得到的是 3,需要的是 一个列表,文件 x y,web"
    )


def test_what_is_waited_for_ends_with_dots() -> None:
    available = {
        "{available} of {wanted} Pods available": "{wanted} 个 Pod 中有 {available} 个可用"
    }
    assert (
        Catalogue({**CHINESE, **available}).translate("  Deployment/web: 1 of 3 Pods available …")
        == "  Deployment/web:3 个 Pod 中有 1 个可用……"
    )


@pytest.mark.parametrize(
    "sentence",
    [
        "the cluster will run in sandbox, because the variable OAMKIT_PROVIDER says so",
        "the cluster will run in kind, because on this machine Docker answers",
    ],
)
def test_sentences_of_the_first_lessons_are_chinese_as_a_whole(sentence: str) -> None:
    languages.language("zh")
    names = re.findall("[A-Za-z_]+", languages.translate(sentence))
    assert set(names) <= {"sandbox", "OAMKIT_PROVIDER", "kind", "Docker"}


def test_a_command_that_failed_is_told_in_chinese_line_by_line() -> None:
    languages.language("zh")
    failed = CommandError(["kubectl", "get", "x"], returncode=1, stderr="error: no x", duration=0.2)
    assert failed.shown() == (
        "$ kubectl get x\n"
        "\u7528\u65f6 0.2 \u79d2\uff0c\u4ee5\u9000\u51fa\u7801 1 \u7ed3\u675f\uff1a\n"
        "error: no x"
    )


def test_a_name_in_a_slot_is_no_message() -> None:
    assert Catalogue(CHINESE).translate("There is no image ready.") == "没有镜像 ready。"


def test_lines_are_translated_one_by_one_and_what_is_none_stays() -> None:
    translate = Catalogue(CHINESE).translate
    text = "Nobody knows.\n  Last seen: 3 of 4\nThere is no image x."
    assert translate(text) == "Nobody knows.\n  最后看到的状态:3 of 4\n没有镜像 x。"


PO = r"""
msgid ""
msgstr "Language: zh\n"

#: oamkit/show.py
#, python-brace-format
msgid "say \"x\"\n"
"more {name}"
msgstr "说\\{name}"

#, fuzzy
msgid "old"
msgstr "旧"

msgid "not translated"
msgstr ""
"""


def test_a_catalogue_is_read_as_babel_reads_it(project_root: Path, tmp_path: Path) -> None:
    from babel.messages.pofile import read_po

    small = tmp_path / "messages.po"
    small.write_text(PO, encoding="utf-8")
    for file in (small, *(project_root / "oamkit" / "locale").glob("*/messages.po")):
        with file.open("rb") as stream:
            entries = [each for each in read_po(stream, locale="zh") if each.id]
        babels = {each.id: each.string for each in entries if each.string and not each.fuzzy}
        assert babels
        assert read(file.read_text(encoding="utf-8")) == babels


def test_what_is_shown_is_translated_and_what_is_compared_isn_t(
    chinese: None, capsys: pytest.CaptureFixture[str]
) -> None:
    class Result(Line):
        def line(self) -> str:
            return "There is no image x."

    say("There is no image x.")
    assert capsys.readouterr().out == "没有镜像 x。\n"
    assert str(Result()) == "没有镜像 x。"
    assert Result().line() == "There is no image x."
    assert "没有镜像 x。" in Result().to_html()
    assert str(Table(("NAME",), (("ready",),))).split() == ["名称", "就绪"]
    assert "就绪" in Table(("NAME",), (("ready",),)).to_html()
    assert str(Table(("NAME",), (("ready",),), verbatim=True)).split() == ["NAME", "ready"]
    assert str(incorrect("There is no image x.")) == "不正确。没有镜像 x。"
    assert "没有镜像 x。" in str(flow(("ready", "There is no image x.")))
    error = OamKitError("There is no image x.", hint="Build it: images.build(…, 'x').")
    assert str(error).startswith("There is no image x.")
    assert error.shown() == "没有镜像 x。\n提示:构建它:images.build(…, 'x')。"
    assert "构建它" in error._repr_html_()
    assert "没有镜像 x。" in error._render_traceback_()[0]


def test_the_language_is_chosen_in_order(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    current = languages.current
    assert current({}) == "en"
    assert current({"LANG": "zh_CN.UTF-8"}) == "zh"
    assert current({"LC_ALL": "C.UTF-8", "LANG": "zh_CN.UTF-8"}) == "en"
    assert current({"LANG": "de_DE.UTF-8"}) == "en"
    assert current({"LANG": "zh_CN.UTF-8", "OAMKIT_LANG": "en"}) == "en"
    assert current({"OAMKIT_LANG": "zh-CN"}) == "zh"
    session = {
        "JPY_SESSION_NAME": "/home/me/oamkit/notebooks/zh/06-deploy.ipynb",
        "OAMKIT_LANG": "en",
    }
    assert current(session) == "zh"
    folder = tmp_path / "notebooks" / "zh"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    assert current({"OAMKIT_LANG": "en"}) == "zh"
    languages.language("en")
    try:
        assert current(session) == "en"
    finally:
        languages.language("")
    with pytest.raises(InputError, match="en, zh"):
        languages.language("klingon")


def test_the_notebook_s_language_stays_when_the_folder_changes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "notebooks" / "zh"
    folder.mkdir(parents=True)
    monkeypatch.setattr(languages, "_of_notebook", "")
    monkeypatch.chdir(folder)
    languages.remember_notebook()
    monkeypatch.chdir(tmp_path)
    languages.remember_notebook()
    assert languages.current({}) == "zh"


def test_in_english_no_catalogue_is_read() -> None:
    code = (
        "import sys\nfrom oamkit import show\nfrom oamkit.errors import OamKitError\n"
        "show.say('hello'); OamKitError('x').shown()\n"
        "sys.exit('oamkit.locale.catalogue' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_a_command_s_help_is_translated_with_all_below_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import typer

    from oamkit.telling import translate_help

    words = {"Do it.": "做。", "All of it.": "全部。", "How often.": "次数。"}
    monkeypatch.setattr(catalogues, "catalogue", lambda lang: Catalogue(words))
    app = typer.Typer(help="All of it.")

    @app.command()
    def run(times: int = typer.Option(1, help="How often.")) -> None:
        """Do it."""

    @app.command()
    def other() -> None:
        """Do it."""

    command = typer.main.get_command(app)
    languages.language("zh")
    try:
        translate_help(command)
    finally:
        languages.language("")
    below = command.commands["run"]  # type: ignore[attr-defined]
    assert (command.help, below.help, below.params[0].help) == ("全部。", "做。", "次数。")
