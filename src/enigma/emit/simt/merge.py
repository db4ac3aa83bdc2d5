"""Values where control flow meets: phis of scalars while both sides agree on the form, of vectors otherwise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from enigma.dtypes import Numeric
from enigma.emit.simt.lanes import Chunk, Flat, Lanes, Ramp, Root, Scalar, Vector, lanes
from enigma.emit.simt.reports import Reports
from enigma.emit.simt.writer import Place, element


class Demoted(Exception):
    """A guess about a loop was wrong: value number `which` does not keep its form. The loop is written again."""

    def __init__(self, which: int) -> None:
        super().__init__(which)
        self.which = which


@dataclass(slots=True)
class Phi:
    """One register that a loop carries, for a chunk or for all of them. `offs` is None for a vector."""

    text: str
    place: int
    offs: tuple[int, ...] | None


@dataclass(slots=True)
class Carried:
    """One value that a loop carries: its registers (one, or one for each chunk), and its value inside the loop."""

    dtype: Numeric
    phis: list[Phi]
    value: Lanes


@dataclass(slots=True)
class Exit:
    """The end of a block from which control goes on to a meeting point."""

    place: Place
    values: list[Lanes] = field(default_factory=list[Lanes])


class Merging(Reports):
    """Writes phis."""

    def form(self, chunk: Chunk, *, keep: bool) -> tuple[int, ...] | None:
        """Return the offsets of a chunk that is carried as a scalar, or None for a vector."""
        match chunk:
            case Flat() if keep:
                return ()
            case Ramp(_, offs) if keep:
                return offs
            case _:
                return None

    def register(self, dtype: Numeric, chunk: Chunk, offs: tuple[int, ...] | None) -> tuple[str, str]:
        """Return type and text of the register that a chunk is carried in."""
        if offs is None:
            return self.w.vector(dtype), self.vector(dtype, chunk)
        if isinstance(chunk, Flat | Ramp):
            return element(dtype), self.text(chunk.scalar)
        raise Demoted(-1)

    def unpacked(self, dtype: Numeric, text: str, offs: tuple[int, ...] | None) -> Chunk:
        """Return the chunk that a register holds."""
        if offs is None:
            return Vector(text)
        scalar = self.fresh(dtype, text)
        return Ramp(scalar, offs) if offs else Flat(scalar)

    # ---- loops

    def open(self, inits: Sequence[Lanes], keep: Sequence[bool], head: str) -> list[Carried]:
        """End the block, begin the loop's first block `head`, and return what the loop carries."""
        ready = [self._registers(init, keep=kept) for init, kept in zip(inits, keep, strict=True)]
        before = self.w.block
        self.w.jump(head)
        self.w.start(head)
        carried: list[Carried] = []
        for init, registers in zip(inits, ready, strict=True):
            phis: list[Phi] = []
            for form, type, text in registers:
                name, place = self.w.open_phi(type, text, before)
                phis.append(Phi(name, place, form))
            made = [self.unpacked(init.dtype, phi.text, phi.offs) for phi in phis]
            whole = init.uniform is not None and len(made) == 1 and isinstance(made[0], Flat)
            value = Lanes(init.dtype, tuple(made)) if whole else lanes(init.dtype, made, self.context.first)
            carried.append(Carried(init.dtype, phis, value))
        return carried

    def _registers(self, init: Lanes, *, keep: bool) -> list[tuple[tuple[int, ...] | None, str, str]]:
        """Return form, type and text of the registers that a value is carried in."""
        found: list[tuple[tuple[int, ...] | None, str, str]] = []
        for chunk in init.chunks if init.uniform is not None and keep else self.chunks(init):
            form = self.form(chunk, keep=keep)
            found.append((form, *self.register(init.dtype, chunk, form)))
        return found

    def close(self, carried: Sequence[Carried], values: Sequence[Lanes]) -> None:
        """Give the loop's registers what they hold in the next round; the jump back to its first block is the caller's."""
        texts: list[list[str]] = []
        for which, (item, value) in enumerate(zip(carried, values, strict=True)):
            single = len(item.phis) == 1 and item.value.uniform is not None
            if single and value.uniform is None:
                raise Demoted(which)
            chunks = value.chunks if single else self.chunks(value)
            texts.append(
                [self._next(which, item.dtype, phi, chunk) for phi, chunk in zip(item.phis, chunks, strict=True)]
            )
        for item, row in zip(carried, texts, strict=True):
            for phi, text in zip(item.phis, row, strict=True):
                self.w.close_phi(phi.place, text, self.w.block)

    def _next(self, which: int, dtype: Numeric, phi: Phi, chunk: Chunk) -> str:
        if phi.offs is None:
            return self.vector(dtype, chunk)
        if isinstance(chunk, Flat) and phi.offs == ():
            return self.text(chunk.scalar)
        if isinstance(chunk, Ramp) and chunk.offs == phi.offs:
            return self.text(chunk.scalar)
        raise Demoted(which)

    # ---- branches

    def leave(self, target: str, values: Sequence[Lanes] = ()) -> Exit:
        """End the block by going to `target`, and return where that was."""
        place = self.w.here()
        self.w.jump(target)
        return Exit(place, list(values))

    def meet(self, label: str, exits: Sequence[Exit]) -> list[Lanes]:
        """Begin the block `label` that the exits go to, and return their values merged."""
        merged: list[Callable[[], Lanes]] = []
        later = list(exits)
        for values in zip(*(exit.values for exit in later), strict=True):
            merged.append(self._prepare(later, values))
        self.w.forget([exit.place for exit in later])
        self.w.start(label)
        return [make() for make in merged]

    def _prepare(self, exits: Sequence[Exit], values: Sequence[Lanes]) -> Callable[[], Lanes]:
        dtype, first = values[0].dtype, self.context.first
        if all(value == values[0] for value in values[1:]) and not dtype.is_float:
            return lambda: values[0]
        if all(value.uniform is not None for value in values):
            columns: list[list[Chunk]] = [[value.chunks[0] for value in values]]
        else:
            columns = [list(column) for column in zip(*(self.chunks(value) for value in values), strict=True)]
        parts = [self._prepare_chunk(exits, dtype, column) for column in columns]

        def make() -> Lanes:
            chunks = [part() for part in parts]
            return lanes(dtype, chunks, first)

        return make

    def _prepare_chunk(self, exits: Sequence[Exit], dtype: Numeric, column: list[Chunk]) -> Callable[[], Chunk]:
        if all(chunk is column[0] for chunk in column):
            return lambda: column[0]
        forms = {self.form(chunk, keep=True) for chunk in column}
        offs = forms.pop() if len(forms) == 1 else None
        incoming: list[tuple[str, str]] = []
        type = self.w.vector(dtype) if offs is None else element(dtype)
        for exit, chunk in zip(exits, column, strict=True):
            with self.w.at(exit.place):
                incoming.append((self.register(dtype, chunk, offs)[1], exit.place.block))
        limits = self._limits(dtype, column) if offs is not None else None

        def make() -> Chunk:
            text = self.w.phi(type, incoming)
            if limits is None or dtype.width != 32:
                return self.unpacked(dtype, text, offs)
            scalar = Scalar(dtype, Root(dtype, text, None, limits[0], limits[1], limits[2]), 0)
            return Ramp(scalar, offs) if offs else Flat(scalar)

        return make

    def _limits(self, dtype: Numeric, column: Sequence[Chunk]) -> tuple[int, int, int] | None:
        if dtype.kind not in "iu":
            return None
        scalars = [chunk.scalar for chunk in column if isinstance(chunk, Flat | Ramp)]
        ranges = [scalar.range() for scalar in scalars]
        known = [limits for limits in ranges if limits is not None]
        if len(known) != len(column):
            return None
        return min(low for low, _ in known), max(high for _, high in known), min(scalar.mult for scalar in scalars)
