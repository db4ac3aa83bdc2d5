"""Loops without barriers: scalar where all lanes agree on the trip, else first at full speed while all run, then masked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from xdsl.dialects import scf
from xdsl.ir import Block, Operation, SSAValue

from enigma.dialect.structure import early_exit
from enigma.dialect.types import dtype_of
from enigma.dtypes import b1, index
from enigma.emit.simt.control import VERSIONS
from enigma.emit.simt.lanes import Flat, Lanes, Ramp, Root, Scalar, constant, flat, lanes
from enigma.emit.simt.merge import Carried
from enigma.emit.simt.scalars import known_less
from enigma.emit.simt.textures import TextureOps


class NotUniform(Exception):
    """A loop that was written for a condition of some kind has one of another kind."""


class Loops(TextureOps):
    """Writes loops."""

    def keeps(self, op: Operation, phase: str, inits: Sequence[Lanes], args: Sequence[SSAValue]) -> list[bool]:
        """Return for each carried value whether to try to carry it as a scalar."""
        found: list[bool] = []
        for which, (init, arg) in enumerate(zip(inits, args, strict=True)):
            if (op, which, phase) in self.demoted:
                found.append(False)
            elif init.dtype.kind in "iu" and not isinstance(init.chunks[0], Flat):
                found.append(True)
            else:
                found.append(not self.analysis.is_varying(arg))
        return found

    # ---- counted loops

    def counted(self, op: scf.ForOp) -> list[Lanes]:
        """Write a counted loop and return its results."""
        low, high, step = (self.get(bound) for bound in (op.lb, op.ub, op.step))
        inits = [self.get(value) for value in op.iter_args]
        a, b, c = low.uniform, high.uniform, step.uniform
        if a is not None and b is not None and c is not None:
            return self.attempt(op, "even", lambda: self._even(op, a, b, c, inits))
        start, found = constant(index, 0), None
        if self.context.mask is None and c is not None:
            found = self._at_full_speed(op, low, high, c, inits)
            if found is not None:
                start, inits = found
        if found is not None and c is not None and b is not None and self._leaves_one(low, c):
            return self._last(op, low, high, start, inits)
        return self.attempt(op, "masked", lambda: self._uneven(op, low, high, step, start, inits))

    def _even(self, op: scf.ForOp, low: Scalar, high: Scalar, step: Scalar, inits: list[Lanes]) -> list[Lanes]:
        """Write a loop in which all lanes count alike."""
        w, body = self.w, op.body.block
        if known_less(high.root, low.root, int(high.off) - int(low.off) - 1):
            return inits
        limit, by, begin = self.wide(high), self.wide(step), self.wide(low)
        head, inside, done = (w.label() for _ in range(3))
        start = flat(low if low.root is None else self.fresh(index, begin))
        carried = self.open([*inits, start], [*self.keeps(op, "even", inits, body.args[1:]), True], head)
        with w.scope():
            counter, carried = carried[-1], carried[:-1]
            text = counter.phis[0].text
            going = w.emit(f"icmp slt i64 {text}, {limit}")
            flag = early_exit(op)
            if flag is not None:
                going = self._and_running(going, carried[flag].value)
            w.branch(going, inside, done)
            w.start(inside)
            here = self._counter(text, low, high, step)
            values = self._round(body, [flat(here), *(item.value for item in carried)])
            following = w.emit(f"add nsw i64 {text}, {by}")
            self.close([*carried, counter], [*values, flat(self.fresh(index, following))])
            w.jump(head)
        w.start(done)
        return [item.value for item in carried]

    def _counter(self, text: str, low: Scalar, high: Scalar, step: Scalar) -> Scalar:
        """Return a loop's counter, which lies between its bounds."""
        first, last = low.range() or (index.min, index.max), high.range() or (index.min, index.max)
        least, most = first[0], max(last[1] - 1, first[0])
        by = step.range() or (1, 1)
        if by[0] == by[1] and first[0] == first[1]:  # the last of the counters
            most = (
                max(first[0], first[0] + (last[1] - 1 - first[0]) // by[0] * by[0]) if last[1] > first[0] else first[0]
            )
        return Scalar(index, Root(index, None, text, least, most, min(low.mult, step.mult)), 0)

    def _and_running(self, going: str, flag: Lanes) -> str:
        """Return `going` and whether some lane has not set its stop flag."""
        stopped = flag if self.context.mask is None else self.or_(flag, self.mask_not(self.context.mask))
        running = self.invert(self.every(stopped))
        return going if running.is_const and running.off else self.w.emit(f"and i1 {going}, {self.text(running)}")

    def _round(self, body: Block, args: Sequence[Lanes]) -> list[Lanes]:
        """Write one round of a loop and return what it yields."""
        for arg, value in zip(body.args, args, strict=True):
            self.values[arg] = value
        return self.block(body)

    def _leaves_one(self, low: Lanes, step: Scalar) -> bool:
        """Return whether after the rounds that all lanes run, each lane has at most one more."""
        spread = self._spread(low)
        return spread is not None and step.is_const and int(step.off) > spread[1] - spread[0]

    def _spread(self, low: Lanes) -> tuple[int, int] | None:
        """Return the least and the greatest offset of lanes that count from one register, else None."""
        roots, offs = set[Root | None](), list[int]()
        for chunk in self.chunks(low):
            if not isinstance(chunk, Flat | Ramp):
                return None
            roots.add(chunk.scalar.root)
            offs += [int(chunk.scalar.off) + off for off in (chunk.offs if isinstance(chunk, Ramp) else (0,))]
        return (min(offs), max(offs)) if len(roots) == 1 else None

    def _at_full_speed(
        self, op: scf.ForOp, low: Lanes, high: Lanes, step: Scalar, inits: list[Lanes]
    ) -> tuple[Scalar, list[Lanes]] | None:
        """Write the rounds that all lanes run, if that is cheap to ask; return how far the lanes got and what they carry."""
        if early_exit(op) is not None or self.context.versions >= VERSIONS:
            return None
        test = self.cmp("lt", low, high)
        all_run = self.cheap_all(test)
        if test.constant is not None or all_run is None or (all_run.is_const and not all_run.off):
            return None
        mark, context = self.w.mark(), self.context
        try:
            return self.attempt(op, "full", lambda: self._full(op, low, high, step, inits))
        except NotUniform:
            self.context = context
            self.w.rewind(mark)
            return None

    def _full(
        self, op: scf.ForOp, low: Lanes, high: Lanes, step: Scalar, inits: list[Lanes]
    ) -> tuple[Scalar, list[Lanes]]:
        w, body = self.w, op.body.block
        head, inside, done = (w.label() for _ in range(3))
        keep = self.keeps(op, "full", inits, body.args[1:])
        by = self.wide(step)
        carried = self.open([*inits, self.constant(0, index)], [*keep, True], head)
        counter, carried = carried[-1], carried[:-1]
        moved = self._moved(counter.phis[0].text, low, high, step)
        with w.scope():
            test = self.cheap_all(self.cmp("lt", self.add(low, flat(moved)), high))
            if test is None:
                raise NotUniform
            w.branch(self.text(test), inside, done)
            w.start(inside)
            here = self._ahead(low, moved, high, all_run=True)
            values = self._round(body, [here, *(item.value for item in carried)])
            following = w.emit(f"add nsw i64 {counter.phis[0].text}, {by}")
            self.close([*carried, counter], [*values, flat(self.fresh(index, following))])
            w.jump(head)
        w.start(done)
        return moved, [item.value for item in carried]

    def _moved(self, text: str, low: Lanes, high: Lanes, step: Scalar) -> Scalar:
        """Return how far the lanes have counted from their start."""
        far = 0
        for chunk in self.chunks(high):
            limits = self.bounds(index, chunk) or (0, index.max // 4)
            far = max(far, limits[1])
        least = 0
        for chunk in self.chunks(low):
            limits = self.bounds(index, chunk) or (index.min // 4, 0)
            least = min(least, limits[0])
        most = (step.range() or (1, 1 << 32))[1]
        return Scalar(index, Root(index, None, text, 0, min(far - least + most, index.max // 4), step.mult), 0)

    def _ahead(self, low: Lanes, moved: Scalar, high: Lanes, *, all_run: bool) -> Lanes:
        """Return the lanes' counters where all or some of them run: those are below the bound, which limits the register.

        Whether they run must be asked of the counters without this knowledge, or the answer is always yes.
        """
        here = self.add(low, flat(moved))
        spread, limit = self._spread(here), high.uniform.range() if high.uniform is not None else None
        if spread is None or limit is None:
            return here
        chunk = self.chunks(here)[0]
        root = chunk.scalar.root if isinstance(chunk, Flat | Ramp) else None
        if root is None:
            return here
        most = limit[1] - 1 - (spread[1] if all_run else spread[0])
        closer = Root(index, None, self.wide_root(root), root.low, max(min(root.high, most), root.low), root.mult)
        made = [
            Ramp(Scalar(index, closer, chunk.scalar.off), chunk.offs) if isinstance(chunk, Ramp)
            else Flat(Scalar(index, closer, chunk.scalar.off)) if isinstance(chunk, Flat) else chunk
            for chunk in self.chunks(here)
        ]  # fmt: skip
        return lanes(index, made, self.context.first)

    def _last(self, op: scf.ForOp, low: Lanes, high: Lanes, moved: Scalar, inits: list[Lanes]) -> list[Lanes]:
        """Write the one round that some lanes may have left."""
        mask = self.mask_and(self.context.mask, self.cmp("lt", self.add(low, flat(moved)), high))
        here = self._ahead(low, moved, high, all_run=False)
        context = replace(self.context, mask=mask, some=True, versions=VERSIONS)

        def some_left() -> list[Lanes]:
            values = self.within(context, lambda: self._round(op.body.block, [here, *inits]))
            return [
                self.select(mask, value, init) if mask is not None and result.first_use is not None else value
                for value, init, result in zip(values, inits, op.results, strict=True)
            ]

        return self._uniform(self.some(mask) if mask is not None else constant(b1, True), some_left, lambda: inits)

    def _uneven(
        self, op: scf.ForOp, low: Lanes, high: Lanes, step: Lanes, moved: Scalar, inits: list[Lanes]
    ) -> list[Lanes]:
        """Write a loop whose lanes leave at different times; it goes on while some lane runs."""
        w, body, outer = self.w, op.body.block, self.context
        head, inside, done = (w.label() for _ in range(3))
        far, by = flat(moved), step.uniform
        start = far if by is not None else self.add(low, far)
        count = len(inits)
        keep = [*self.keeps(op, "masked", inits, body.args[1:]), by is not None]
        used = [result.first_use is not None for result in op.results]
        kept = [which for which in range(count) if used[which] and keep[which]]
        carried = self.open([*inits, start, *(inits[which] for which in kept)], [*keep, *(False for _ in kept)], head)
        with w.scope():
            seen = carried[count].value
            counter = here = seen
            if by is not None:
                first = self._moved(carried[count].phis[0].text, low, high, by)
                counter, here = self.add(low, flat(first)), self._ahead(low, first, high, all_run=False)
            mask = self.mask_and(outer.mask, self.cmp("lt", counter, high))
            flag = early_exit(op)
            if flag is not None:
                mask = self.mask_and(mask, self.mask_not(carried[flag].value))
            w.branch(self.text(self.some(mask) if mask is not None else constant(b1, True)), inside, done)
            w.start(inside)
            context = replace(outer, mask=mask, some=True, versions=VERSIONS)
            values = self.within(context, lambda: self._round(body, [here, *(item.value for item in carried[:count])]))
            following = self.add(seen, step)
            nexts = self._nexts(carried, values, keep, used, kept, mask)
            self.close(carried, [*nexts[:count], following, *nexts[count:]])
            w.jump(head)
        w.start(done)
        return self._results(carried, count, kept, 1)

    def _results(self, carried: Sequence[Carried], count: int, kept: Sequence[int], between: int) -> list[Lanes]:
        results = [item.value for item in carried[:count]]
        for which, item in zip(kept, carried[count + between :], strict=True):
            results[which] = item.value
        return results

    def _nexts(
        self, carried: Sequence[Carried], values: Sequence[Lanes], keep: Sequence[bool], used: Sequence[bool],
        kept: Sequence[int], mask: Lanes | None,
    ) -> list[Lanes]:  # fmt: skip
        """Return what a masked loop carries on: lanes that have left keep what they had, where anyone asks for it."""
        if mask is None:
            return [*values, *(values[which] for which in kept)]
        count, nexts = len(values), list[Lanes]()
        for which, value in enumerate(values):
            stays = (used[which] or value.dtype is b1) and not keep[which]
            nexts.append(self.select(mask, value, carried[which].value) if stays else value)
        held = carried[len(carried) - len(kept) :]
        return nexts[:count] + [
            self.select(mask, values[which], item.value) for which, item in zip(kept, held, strict=True)
        ]

    # ---- while loops

    def repeated(self, op: scf.WhileOp) -> list[Lanes]:
        """Write a while loop and return its results."""
        inits = [self.get(value) for value in op.operands]
        condition = op.before_region.block.last_op
        if condition is not None and not self.analysis.is_varying(condition.operands[0]):
            found = self._tried(op, "even", inits)
            if found is not None:
                return found[0]
        if self.context.mask is None and self.context.versions < VERSIONS:
            found = self._tried(op, "full", inits)
            if found is not None:
                inits = found[1]
        return self.attempt(op, "masked", lambda: self._masked_while(op, inits))

    def _tried(self, op: scf.WhileOp, phase: str, inits: list[Lanes]) -> tuple[list[Lanes], list[Lanes]] | None:
        """Write the rounds that all lanes run, unless asking for that is not cheap."""
        mark, context = self.w.mark(), self.context
        try:
            return self.attempt(op, phase, lambda: self._even_while(op, phase, inits))
        except NotUniform:
            self.context = context
            self.w.rewind(mark)
            return None

    def _even_while(self, op: scf.WhileOp, phase: str, inits: list[Lanes]) -> tuple[list[Lanes], list[Lanes]]:
        """Write a loop that all lanes run; return its results, and what it carries."""
        w, test, body = self.w, op.before_region.block, op.after_region.block
        head, inside, done = (w.label() for _ in range(3))
        carried = self.open(inits, self.keeps(op, phase, inits, test.args), head)
        condition, *handed = self._round(test, [item.value for item in carried])
        scalar = condition.uniform if phase == "even" else self.cheap_all(condition)
        if scalar is None or (phase == "full" and scalar.is_const):
            raise NotUniform
        w.branch(self.text(scalar), inside, done)
        w.start(inside)
        with w.scope():
            self.close(carried, self._round(body, handed))
            w.jump(head)
        w.start(done)
        return handed, [item.value for item in carried]

    def _masked_while(self, op: scf.WhileOp, inits: list[Lanes]) -> list[Lanes]:
        """Write a loop whose lanes leave at different times; it goes on while some lane runs."""
        w, test, body, outer = self.w, op.before_region.block, op.after_region.block, self.context
        head, inside, done = (w.label() for _ in range(3))
        count = len(inits)
        keep = self.keeps(op, "masked", inits, test.args)
        handed_args = test.last_op.operands[1:] if test.last_op is not None else ()
        same = [value is arg for value, arg in zip(handed_args, test.args, strict=False)]
        used = [result.first_use is not None for result in op.results]
        plain = len(same) == count and all(same)
        kept = [which for which in range(len(used)) if used[which] and (not plain or keep[which])]
        live = outer.mask or self.constant(True, b1)
        firsts = [inits[which] if plain else self._zero(op, which) for which in kept]
        carried = self.open([*inits, live, *firsts], [*keep, False, *(False for _ in kept)], head)
        with w.scope():
            alive = carried[count].value
            context = replace(outer, mask=alive, versions=VERSIONS)
            condition, *handed = self.within(
                context, lambda: self._round(test, [item.value for item in carried[:count]])
            )
            mask = self.and_(alive, condition)
            left = self.and_(alive, self.mask_not(condition))
            leaving = [] if plain else [
                self.select(left, handed[which], item.value)
                for which, item in zip(kept, carried[count + 1 :], strict=True)
            ]  # fmt: skip
            w.branch(self.text(self.some(mask)), inside, done)
            w.start(inside)
            context = replace(outer, mask=mask, some=True, versions=VERSIONS)
            values = self.within(context, lambda: self._round(body, handed))
            nexts = self._nexts(carried, values, keep, used if plain else [False] * count, kept if plain else [], mask)
            self.close(carried, [*nexts[:count], mask, *(leaving if not plain else nexts[count:])])
            w.jump(head)
        w.start(done)
        if plain:
            return self._results(carried, count, kept, 1)
        found = dict(zip(kept, leaving, strict=True))
        return [found.get(which, self._zero(op, which)) for which in range(len(used))]

    def _zero(self, op: scf.WhileOp, which: int) -> Lanes:
        return self.constant(0, dtype_of(op.results[which].type))
