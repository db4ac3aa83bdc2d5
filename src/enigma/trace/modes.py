"""The modes of a tensor's layout, each divided by itself and put together anew: what partitions for threads are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from enigma.layout import ComposedLayout, Layout
from enigma.layout.leaf import added


class Parted(Protocol):
    """A tensor, or an identity tensor."""

    @property
    def layout(self) -> Any:
        """Where the elements are."""
        ...

    def with_layout(self, layout: Any, moved: Any = 0) -> Any:
        """Return a part of it with another layout."""
        ...


def modes(tensor: Parted) -> list[Layout]:
    """Return the modes of a tensor's layout: of a swizzled one, before the swizzle."""
    layout = tensor.layout
    return list((layout.inner if isinstance(layout, ComposedLayout) else layout).modes())


def rearranged(tensor: Parted, new: Iterable[Layout], moves: Sequence[Any] = ()) -> Any:
    """Return the part of a tensor that has these modes and starts the sum of `moves` behind its start."""
    made, moved = Layout.of_modes(list(new)), 0
    for move in moves:
        moved = added(moved, move)
    layout = tensor.layout
    if isinstance(layout, ComposedLayout):
        return tensor.with_layout(ComposedLayout(layout.outer, added(layout.offset, moved), made))
    return tensor.with_layout(made, moved)
