"""Two kernels, or two versions of one, compared as text at a stage of their compilation."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from html import escape

from enigma.compile import STAGES, CompiledKernel
from enigma.debug.numbering import plain, renaming
from enigma.errors import EnigmaValueError
from enigma.trace.dump import dump_lines

CONTEXT = 3
"""Equal lines shown around a difference."""


@dataclass(frozen=True, slots=True)
class Row:
    """A pair of lines: `sign` is "=" for equal ones, "-" and "+" for one of the first or second text only, "~" for changed ones."""

    sign: str
    left: str
    right: str
    left_line: int | None
    right_line: int | None


@dataclass(frozen=True, slots=True)
class Diff:
    """The difference of two texts; printed, a unified diff. `same` is whether there is none, `rows` are all lines in pairs.

    Lines are equal that differ in the numbers of numbered names only, `%12` or `t3`, where a name stands for the same one
    throughout: a statement more at the top does not change all that is below.
    """

    left: str
    right: str
    stage: str
    rows: list[Row]

    @property
    def same(self) -> bool:
        """Whether the texts are equal."""
        return all(row.sign == "=" for row in self.rows)

    def lines(self) -> Iterator[str]:
        """Yield the unified diff, line by line; nothing for equal texts."""
        changed = [k for k, row in enumerate(self.rows) if row.sign != "="]
        if not changed:
            return
        yield from (f"--- {self.left}", f"+++ {self.right}")
        first = 0
        for place, k in enumerate(changed):
            last = place + 1 == len(changed)
            if last or changed[place + 1] - k > 2 * CONTEXT + 1:
                yield from _hunk(self.rows, changed[first], k)
                first = place + 1

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def to_json(self) -> str:
        """Return the difference as JSON: `left`, `right`, `stage`, `same`, `rows`."""
        return json.dumps({**asdict(self), "same": self.same}, indent=2)

    def html(self) -> str:
        """Return a page of HTML that needs no other file."""
        title = escape(f"{self.left} | {self.right} ({self.stage})")
        meta = '<meta charset="utf-8"><meta name="color-scheme" content="light dark">'
        head = f'<!doctype html><html lang="en"><head>{meta}<title>{title}</title>'
        return f"{head}<style>{_STYLE}{_PAGE_STYLE}</style></head><body>{self._table()}</body></html>\n"

    def _repr_html_(self) -> str:
        return f"<style>{_STYLE}</style>{self._table()}"

    def _table(self) -> str:
        parts = [f"<tr><th></th><th>{escape(self.left)}</th><th></th><th>{escape(self.right)}</th></tr>"]
        parts += [_html(row) for row in self.rows]
        return f'<table class="enigma-diff">{"".join(parts)}</table>'


_WORD = re.compile(r"[%@]?\w+(?:\.\w+)*|\s+|.")

# colours of the system go with a page of its own: a notebook has a theme, which the system need not share
_PAGE_STYLE = """
body { margin: 8px; }
.enigma-diff th { position: sticky; top: 0; background: Canvas; border-bottom: 1px solid GrayText; }
"""

_STYLE = """
.enigma-diff { border-collapse: collapse; font: 12px/1.5 ui-monospace, Menlo, Consolas, monospace; color-scheme: light dark; }
.enigma-diff td, .enigma-diff th { text-align: left; white-space: pre; padding: 0 12px 0 4px; vertical-align: top; }
.enigma-diff .n { text-align: right; opacity: .6; user-select: none; }
.enigma-diff .minus { background: rgba(248, 81, 73, .18); } .enigma-diff .plus { background: rgba(46, 160, 67, .18); }
.enigma-diff b { font-weight: inherit; background: rgba(210, 153, 34, .45); border-radius: 2px; }
"""


def _html(row: Row) -> str:
    left, right = escape(row.left), escape(row.right)
    if row.sign == "~":
        left, right = _within(row.left, row.right)
    minus = ' class="minus"' if row.sign in "-~" else ""
    plus = ' class="plus"' if row.sign in "+~" else ""
    numbers = (str(number) if number is not None else "" for number in (row.left_line, row.right_line))
    first, second = (f'<td class="n">{number}</td>' for number in numbers)
    return f"<tr>{first}<td{minus}>{left}</td>{second}<td{plus}>{right}</td></tr>"


def _within(left: str, right: str) -> tuple[str, str]:
    """Return two changed lines with what differs in them marked."""
    ends = ["", ""]
    words = [_WORD.findall(text) for text in (left, right)]
    for tag, a, b, c, d in difflib.SequenceMatcher(None, words[0], words[1], autojunk=False).get_opcodes():
        for side, part in enumerate(("".join(words[0][a:b]), "".join(words[1][c:d]))):
            ends[side] += escape(part) if tag == "equal" or not part else f"<b>{escape(part)}</b>"
    return ends[0], ends[1]


def _hunk(rows: list[Row], first: int, last: int) -> Iterator[str]:
    """Yield the changes from one row to another with equal lines around them."""
    begin, end = max(0, first - CONTEXT), min(len(rows), last + CONTEXT + 1)
    shown = rows[begin:end]
    spans = [
        (
            1 + sum(getattr(row, side) is not None for row in rows[:begin]),
            sum(getattr(row, side) is not None for row in shown),
        )
        for side in ("left_line", "right_line")
    ]
    (a, n), (b, m) = ((start - (count == 0), count) for start, count in spans)
    yield f"@@ -{a},{n} +{b},{m} @@"
    place = 0
    while place < len(shown):
        row = shown[place]
        if row.sign == "=":
            yield f" {row.right}"
            place += 1
            continue
        until = next((k for k in range(place, len(shown)) if shown[k].sign == "="), len(shown))
        block = shown[place:until]
        yield from (f"-{each.left}" for each in block if each.left_line is not None)
        yield from (f"+{each.right}" for each in block if each.right_line is not None)
        place = until


def diff_texts(left: str, right: str, names: tuple[str, str] = ("left", "right"), stage: str = "text") -> Diff:
    """Return the difference of two texts; `stage` says which names are numbered: "ir", "mlir", "msl", "llvm", or another for none.

    >>> print(diff_texts("a\\nb", "a\\nc", ("old", "new")))
    --- old
    +++ new
    @@ -1,2 +1,2 @@
     a
    -b
    +c
    """
    before, after = left.splitlines(), right.splitlines()
    rows: list[Row] = []
    renamed = renaming(stage)
    keys = [[plain(line, stage) for line in lines] for lines in (before, after)]
    for _, a, b, c, d in difflib.SequenceMatcher(None, keys[0], keys[1], autojunk=False).get_opcodes():
        for k in range(max(b - a, d - c)):
            i, j = (a + k if a + k < b else None), (c + k if c + k < d else None)
            if i is not None and j is not None:
                sign = "=" if renamed(before[i], after[j]) else "~"
            else:
                sign = "-" if i is not None else "+"
            texts = (before[i] if i is not None else "", after[j] if j is not None else "")
            rows.append(Row(sign, *texts, None if i is None else i + 1, None if j is None else j + 1))
    return Diff(*names, stage, rows)


def diff(left: CompiledKernel, right: CompiledKernel, stage: str = "msl", names: tuple[str, str] | None = None) -> Diff:
    """Return the difference of two kernels at a stage: "ir", "mlir", "msl", "llvm" or "asm"; `EnigmaValueError` for another."""
    if stage not in STAGES:
        raise EnigmaValueError(f"there is no stage {stage!r}", help=f"stages are {', '.join(STAGES)}")
    texts = [stage_text(kernel, stage) for kernel in (left, right)]
    return diff_texts(texts[0], texts[1], names or (left.kernel_name, right.kernel_name), stage)


def stage_text(compiled: CompiledKernel, stage: str) -> str:
    """Return a stage without the lines that the Python stands in: moving a kernel in its file is no difference."""
    if stage == "ir":
        return "\n".join(text for text, _ in dump_lines(compiled.program.traced))
    return compiled.asm[stage]
