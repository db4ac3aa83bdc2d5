"""`g`, the launch geometry that the rows of the grid table ask: where the lanes of the running unit are."""

from __future__ import annotations

from dataclasses import dataclass, field

from enigma.dtypes import u32
from enigma.emit.simt.lanes import SIMDGROUP, Lanes, Ramp, Scalar, constant, flat, lanes
from enigma.emit.simt.ops import Ops
from enigma.errors import InternalError
from enigma.spec.terms import Axis

AXES = (Axis.X, Axis.Y, Axis.Z)


@dataclass(slots=True)
class Place:
    """The geometry of one launch: scalars for the grid, the threadgroup and the unit that runs; numbers are u32.

    `sizes` is the threadgroup's own size, `full` the size asked for, `position` the threadgroup's position. `unit` is the
    number of the unit's first thread, or None outside of the threads of a threadgroup. A `padded` threadgroup is run as if it
    had its full size, the threads it lacks being masked out.
    """

    b: Ops
    full: tuple[int, int, int]
    sizes: tuple[Scalar, ...]
    grids: tuple[Scalar, ...]
    counts: tuple[Scalar, ...]
    position: tuple[Scalar, ...]
    unit: Scalar | None = None
    padded: bool = False
    threads: Scalar = field(default_factory=lambda: constant(u32, 0))

    def constant(self, value: int) -> Lanes:
        """Return a number."""
        return flat(constant(u32, value))

    def add(self, x: Lanes, y: Lanes) -> Lanes:
        """Return x + y."""
        return self.b.add(x, y)

    def mul(self, x: Lanes, y: Lanes) -> Lanes:
        """Return x * y."""
        return self.b.mul(x, y)

    def div(self, x: Lanes, n: int) -> Lanes:
        """Return x / n."""
        return self.b.div(x, self.constant(n))

    def mod(self, x: Lanes, n: int) -> Lanes:
        """Return what x / n leaves."""
        return self.b.rem(x, self.constant(n))

    def group(self, axis: Axis) -> Lanes:
        """Return the threadgroup's position."""
        return flat(self.position[AXES.index(axis)])

    def size(self, axis: Axis) -> Lanes:
        """Return the threadgroup's own size."""
        return flat(self.sizes[AXES.index(axis)])

    def full_size(self, axis: Axis) -> Lanes:
        """Return the size that was asked for."""
        return self.constant(self.full[AXES.index(axis)])

    def grid(self, axis: Axis) -> Lanes:
        """Return the grid's size in threads."""
        return flat(self.grids[AXES.index(axis)])

    def groups(self, axis: Axis) -> Lanes:
        """Return the grid's size in threadgroups."""
        return flat(self.counts[AXES.index(axis)])

    def total(self) -> Lanes:
        """Return how many threads the threadgroup has."""
        return flat(self.threads)

    def number(self) -> Lanes:
        """Return each lane's number in the threadgroup as it is run: the thread's, but where threadgroups are padded."""
        b = self.b
        if self.unit is None:
            raise InternalError("a thread's position was asked for outside of threads")
        first, width, iota = b.context.first, b.width, tuple(range(b.width))
        bases = [b.add_scalar(self.unit, (first + chunk) * width) for chunk in range(b.context.count)]
        return lanes(u32, [Ramp(base, iota) for base in bases], first)

    def linear(self) -> Lanes:
        """Return each thread's number in its threadgroup."""
        x, y, z = (self.local(axis) for axis in AXES)
        if not self.padded or sum(size > 1 for size in self.full) < 2:
            return self.number()
        row = self.b.add(self.b.mul(z, self.size(Axis.Y)), y)
        return self.b.add(self.b.mul(row, self.size(Axis.X)), x)

    def local(self, axis: Axis) -> Lanes:
        """Return the thread's position in its threadgroup."""
        place = AXES.index(axis)
        if self.full[place] == 1:
            return self.constant(0)
        if all(size == 1 for other, size in enumerate(self.full) if other != place):
            return self.number()
        x, y = (self.constant(self.full[n]) if self.padded else self.size(AXES[n]) for n in range(2))
        if axis is Axis.X:
            return self.b.rem(self.number(), x)
        row = self.b.div(self.number(), x)
        if axis is Axis.Y:
            return row if self.full[2] == 1 else self.b.rem(row, y)
        return self.b.div(row, y)

    def inside(self) -> Lanes | None:
        """Return which lanes are threads of a padded threadgroup; None stands for all."""
        mask: Lanes | None = None
        for axis in AXES if self.padded else ():
            if self.full[AXES.index(axis)] > 1:
                mask = self.b.mask_and(mask, self.b.cmp("lt", self.local(axis), self.size(axis)))
        return mask

    def lane(self) -> Lanes:
        """Return each thread's lane in its simdgroup; lanes that run together may be half of one, and not its first half."""
        if self.unit is not None and self.unit.mult % SIMDGROUP == 0:
            return self.b.lane()
        return self.b.rem(self.number(), self.constant(SIMDGROUP))

    def simdgroup(self) -> Lanes:
        """Return the number of each thread's simdgroup."""
        return self.b.div(self.linear(), self.constant(SIMDGROUP))

    def simdgroups(self) -> Lanes:
        """Return how many simdgroups the threadgroup has."""
        total = self.b.add(self.total(), self.constant(SIMDGROUP - 1))
        return self.b.div(total, self.constant(SIMDGROUP))
