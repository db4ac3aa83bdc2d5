"""Which page of `docs/errors` is about an error; `mistakes.txt` has the texts that each page explains.

In a text, `…` stands for whatever is named there. Of several texts that fit a message the one with the most words of its own
counts, so that their order means nothing.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def groups() -> dict[str, dict[str, tuple[str, ...]]]:
    """Return the texts by the heading and the page that they stand under: `# heading`, then pages, then indented texts."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    group: dict[str, tuple[str, ...]] = {}
    page = ""
    for line in Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            group = found.setdefault(line.removeprefix("# "), {})
        elif line.startswith(" "):
            group[page] += (line.strip(),)
        else:
            page = line
            group[page] = ()
    return found


def pages() -> dict[str, tuple[str, ...]]:
    """Return the texts of each page."""
    return {page: tuple(dict.fromkeys(texts)) for group in groups().values() for page, texts in group.items()}


def page_of(message: str) -> str | None:
    """Return the name of the page about a message, or None when there is none."""
    best, words = None, 0
    for own, page, parts in _texts():
        if own > words and _fits(message, parts):
            best, words = page, own
    return best


@cache
def _texts() -> list[tuple[int, str, list[str]]]:
    """Return each text as the number of its own characters, its page, and its parts between the gaps."""
    return [(len(text.replace("…", "")), page, text.split("…")) for page, texts in pages().items() for text in texts]


def _fits(message: str, parts: list[str]) -> bool:
    """Return whether a message has these parts in this order, the first at its begin and the last at its end."""
    first, *middle, last = parts if len(parts) > 1 else (parts[0], "")
    if len(parts) == 1:
        return message == first
    at, end = len(first), len(message) - len(last)
    if not message.startswith(first) or not message.endswith(last):
        return False
    for part in middle:
        at = message.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return at <= end
