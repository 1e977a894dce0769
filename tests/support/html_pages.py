"""What is wrong with a folder of HTML pages: links that lead nowhere, pictures without words, things from elsewhere."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.problems: list[str] = []
        self.headings: list[int] = []
        self.lang = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {key: value or "" for key, value in attrs}
        if "id" in values:
            self.ids.append(values["id"])
        if tag == "html":
            self.lang = values.get("lang", "")
        if tag in ("a", "link"):
            self.links.append(values.get("href", ""))
        if tag == "form":
            self.links.append(values.get("action", ""))
        if tag == "img" and not values.get("alt", "").strip():
            self.problems.append("a picture without words")
        if tag == "svg" and not {"aria-label", "aria-hidden", "role"} & set(values):
            self.problems.append("a drawing without words")
        loads = tag in ("img", "script", "iframe", "source", "video", "audio")
        if loads and not values.get("src", "data:").startswith("data:"):
            self.problems.append(f"{tag} from elsewhere: {values['src'][:80]}")
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))


def problems(folder: Path) -> list[str]:
    """All that is wrong, a line each."""
    pages = {
        file.resolve(): _Page(file.read_text(encoding="utf-8")) for file in folder.rglob("*.html")
    }
    found = []
    for file, page in pages.items():
        name = file.relative_to(folder.resolve()).as_posix()
        found += [f"{name}: {each}" for each in page.problems]
        found += [
            f"{name}: the id {each!r} is there twice"
            for each in {i for i in page.ids if page.ids.count(i) > 1}
        ]
        if not page.lang:
            found.append(f"{name}: no language")
        if page.headings.count(1) != 1:
            found.append(f"{name}: {page.headings.count(1)} headings of the first level")
        if "Content-Security-Policy" not in file.read_text(encoding="utf-8"):
            found.append(f"{name}: no policy")
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme in ("https", "http", "mailto"):
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            if target not in pages:
                found.append(f"{name}: the link {link!r} leads nowhere")
            elif parts.fragment and not {parts.fragment, unquote(parts.fragment)} & set(
                pages[target].ids
            ):
                found.append(f"{name}: the link {link!r} leads to no place on its page")
    return found
