"""The book of the executed lessons."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.html_pages import problems
from support.lab import browser, chromium

from oamkit.course.book import write
from oamkit.errors import InputError
from oamkit.lesson import flow, layers
from oamkit.show import Table

pytestmark = pytest.mark.filterwarnings("default")

PICTURE = (
    'from oamkit.lesson import flow\n\nflow(("You", "look"), ("It", "is there"), title="Seen")'
)

TABLE = Table(("NAME", "STATE"), (("web", "ready"),))
HELPS = "<small><code>hint()</code> helps.</small>"


def _markdown(name: str, text: str) -> Any:
    return nbformat.v4.new_markdown_cell(text, id=name)


def _code(name: str, source: str, html: str, plain: str) -> Any:
    cell = nbformat.v4.new_code_cell(source, id=name)
    data = {
        "text/html": html,
        "text/plain": plain,
        "application/vnd.jupyter.widget-view+json": {"model_id": "x"},
    }
    cell.outputs = [nbformat.v4.new_output("display_data", data)]
    return cell


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """Two lessons in two languages, executed in English."""
    texts = {
        "en": ("# Look\n\nSee [the next one](07-next.ipynb) and [a file](../../README.md).", "## A part\n\nAbout the *Ingress*.", "# Next\n\nBack to [06](06-look.ipynb#A-part)."),
        "zh": ("# 看\n\n见[下一课](07-next.ipynb)和[文件](../../README.md)。", "## 一部分\n\n关于**入口**。", "# 下一课\n\n回到 [06](06-look.ipynb)。"),
    }  # fmt: skip
    kubectl = replace(TABLE, verbatim=True).to_html()
    drawn = flow(("You", "look"), ("It", "is there"), title="Seen")
    for lang, (title, part, following) in texts.items():
        cells = [
            _markdown("l06-title", title),
            _code("l06-picture", PICTURE, drawn.to_html(), str(drawn)),
            _code("l06-other", "layers(('a', b))", layers(("A", "b")).to_html(), "A"),
            _code("l06-said", "x", "<p>There is no such &lt;thing&gt;.</p><p>ready</p>", "x"),
            _code("l06-tables", "y", f"{TABLE.to_html()}{kubectl}<b>← a note</b>{HELPS}", "y"),
            _code("l06-cue", "%%cue\na: 1 b", "<pre>a: 1</pre>", "a: 1"),
            _markdown("l06-part", part),
        ]
        lessons = {"06-look": cells, "07-next": [_markdown("l07-title", following)]}
        for name, each in lessons.items():
            folder = tmp_path / lang
            folder.mkdir(exist_ok=True)
            nbformat.write(nbformat.v4.new_notebook(cells=each), folder / f"{name}.ipynb")
    done = tmp_path / "executed"
    done.mkdir()
    for file in (tmp_path / "en").glob("*.ipynb"):
        notebook = nbformat.read(file, as_version=4)
        injected = nbformat.v4.new_code_cell(
            "PROVIDER = 'injected'", metadata={"tags": ["injected-parameters"]}
        )
        notebook.cells.insert(1, injected)
        nbformat.write(notebook, done / file.name)
    return tmp_path


@pytest.fixture
def book(course: Path) -> Path:
    write(
        course / "executed", course / "book", notebooks={"en": course / "en", "zh": course / "zh"}
    )
    return course / "book"


def test_its_links_lead_somewhere_and_its_pictures_have_words(book: Path) -> None:
    assert problems(book) == []
    assert len(list(book.rglob("*.html"))) == 1 + 2 * 4


def test_what_is_wrong_is_found(book: Path) -> None:
    page = book / "en" / "06-look.html"
    text = page.read_text()
    for old, new, what in (
        ('href="07-next.html"', 'href="08-none.html"', "leads nowhere"),
        ('href="#A-part"', 'href="#B-part"', "no place on its page"),
        ('alt="Seen', 'alt="" data-x="Seen', "without words"),
        ("<main>", '<main><img src="https://example.org/x.png" alt="x">', "from elsewhere"),
    ):
        assert old in text
        page.write_text(text.replace(old, new, 1))
        assert any(what in line for line in problems(book)), what


def test_a_chinese_page_has_chinese_texts_under_the_outputs_of_the_run(book: Path) -> None:
    page = (book / "zh" / "06-look.html").read_text()
    assert '<html lang="zh">' in page
    assert "关于<strong>入口</strong>" in page
    assert "About the" not in page
    assert page.count("<img") == 2
    assert "injected" not in page
    assert 'href="../en/06-look.html"' in page
    assert "<code>文件</code>" in page


def test_pictures_and_messages_are_in_the_page_s_language(
    course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from oamkit.locale import catalogue as catalogues
    from oamkit.locale.catalogue import Catalogue

    monkeypatch.setattr(
        catalogues,
        "catalogue",
        lambda lang: Catalogue(
            {
                "Seen": "看到了",
                "There is no such {what}.": "没有{what}。",
                "ready": "就绪",
                "a note": "一条说明",
                "{code} helps.": "{code} 能帮你。",
            }
        ),
    )
    write(
        course / "executed", course / "book", notebooks={"en": course / "en", "zh": course / "zh"}
    )
    chinese = (course / "book" / "zh" / "06-look.html").read_text()
    assert 'alt="看到了' in chinese
    assert "<p>没有&lt;thing&gt;。</p><p>ready</p>" in chinese
    english = (course / "book" / "en" / "06-look.html").read_text()
    assert 'alt="Seen' in english
    assert "← 一条说明</b><small><code>hint()</code> 能帮你。</small>" in chinese
    # The kit's table speaks Chinese, a program's stays as it was.
    assert (english.count(">ready<"), chinese.count(">ready<")) == (3, 2)
    assert chinese.count(">就绪<") == 1


def test_a_lesson_that_wasn_t_executed_is_named(course: Path) -> None:
    (course / "executed" / "07-next.ipynb").unlink()
    with pytest.raises(InputError, match="lesson 07 wasn't executed"):
        write(course / "executed", course / "book", notebooks={"en": course / "en"})


def test_in_a_browser_it_is_searched_and_darkened_without_a_network(book: Path) -> None:
    with browser(chromium()) as started:
        page = started.new_page(color_scheme="light")
        said: list[str] = []
        page.on("console", lambda line: said.append(line.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        asked: list[str] = []
        page.on("request", lambda each: asked.append(each.url))
        page.goto((book / "en" / "search.html").as_uri() + "?q=about")
        page.get_by_text("Found: 1").wait_for()
        found = page.locator("#found p").text_content() or ""
        assert "About the Ingress." in found
        page.get_by_role("link", name="中文").click()
        page.wait_for_url("**/zh/search.html?q=about")
        page.set_viewport_size({"width": 800, "height": 400})
        page.goto((book / "en" / "06-look.html").as_uri())
        page.evaluate("document.getElementById('cell-id=l06-other').scrollIntoView()")
        page.get_by_role("link", name="中文").click()
        page.locator("html[lang=zh]").wait_for()
        assert re.search(r"/zh/06-look\.html#cell-id=l06-(picture|other)$", page.url)
        assert page.evaluate("scrollY") > 0
        page.goto((book / "en" / "06-look.html").as_uri())
        light = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.get_by_role("button", name="Light or dark").click()
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert light != dark
        page.get_by_role("searchbox").fill("ingress")
        page.get_by_role("button", name="Search").click()
        page.get_by_role("link", name=re.compile("Look · A part")).click()
        assert page.url.endswith("06-look.html#A-part")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark
        page.get_by_role("link", name="中文").click()
        page.get_by_role("searchbox").fill("入口")
        page.keyboard.press("Enter")
        page.get_by_role("link", name=re.compile("一部分")).wait_for()
        page.get_by_role("searchbox").fill("qqq")
        page.keyboard.press("Enter")
        page.get_by_role("status").get_by_text("Nothing was found.").or_(
            page.locator("#count:not(:empty)")
        ).first.wait_for()
        assert page.locator("#found li").count() == 0
    assert said == []
    assert all(url.startswith(("file:", "data:")) for url in asked)
