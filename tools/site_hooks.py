"""What MkDocs runs on each page: Metal is highlighted as the C++ that it is, for the highlighter has no Metal of its own."""

from __future__ import annotations

from typing import Any


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Return a page whose Metal blocks are C++ to the highlighter."""
    return markdown.replace("\n```metal\n", "\n```cpp\n")
