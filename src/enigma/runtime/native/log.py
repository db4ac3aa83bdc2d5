"""The memory that native code writes its reports to: a head for each kind of report, and records of equal size.

Both are 8-byte words, as `emit/simt/reports.py` writes them. A head is: how many reports there were, how many records fit, words
of a record, and where the records are. A record is: the site's number, the thread's position x, y, z, and the bits of each value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enigma.dtypes import Numeric
from enigma.runtime.reports import Log, Position, Said, Site, capacity
from enigma.spec.terms import Report

HEAD = 4
"""Words of a head, and words of a record before the values."""

Words = NDArray[np.int64]


class NativeLog:
    """The log of one launch, which must stay alive while native code has its `address`."""

    def __init__(self, sites: Mapping[int, Site]) -> None:
        self._sites = sites
        size = HEAD + max((len(site.dtypes) for site in sites.values()), default=0)
        kinds = {site.kind for site in sites.values()}
        self._records: dict[Report, Words] = {
            kind: np.empty((capacity(kind) if kind in kinds else 0, size), np.int64) for kind in Report
        }
        self._heads: Words = np.array(
            [(0, len(records), size, records.ctypes.data) for records in self._records.values()], np.int64
        )

    @property
    def address(self) -> int:
        """Where the heads are, in the order of `Report`."""
        return self._heads.ctypes.data

    def read(self, kernel: str, threads: Position) -> Log:
        """Return what was said, after the launch."""
        log = Log(kernel, self._sites, threads)
        for head, (kind, records) in zip(self._heads, self._records.items(), strict=True):
            log.note(kind, int(head[0]), (self._said(record) for record in records))
        return log

    def _said(self, record: Words) -> Said:
        number, x, y, z = (int(word) for word in record[:HEAD])
        values = zip(record[HEAD:], self._sites[number].dtypes, strict=False)  # a record has room for the longest
        return Said(number, (x, y, z), tuple(_value(word, dtype) for word, dtype in values))


def _value(word: Any, dtype: Numeric) -> Any:
    """Return the number whose bits are the low bits of a word."""
    if dtype.kind == "b":
        return np.bool_(word)
    low = np.array([word], np.int64).astype(np.uint64).astype(f"u{dtype.size}")
    return low.view(dtype.numpy)[0]
