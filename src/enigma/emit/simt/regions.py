"""Segments run for all units of a threadgroup in turn, and statements with barriers around them, once for the threadgroup."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from xdsl.dialects import scf
from xdsl.ir import Operation, SSAValue

from enigma.dialect.names import place as place_of
from enigma.dialect.operation import IntrinsicOp
from enigma.dialect.structure import early_exit
from enigma.dialect.types import dtype_of, is_memory
from enigma.dtypes import Numeric, b1, index, u32
from enigma.emit.simt.analysis import Analysis
from enigma.emit.simt.control import VERSIONS
from enigma.emit.simt.lanes import Chunk, Context, Lanes, Root, Scalar, constant, flat, lanes
from enigma.emit.simt.loops import Loops
from enigma.emit.simt.place import SIMDGROUP, Place
from enigma.emit.simt.plan import Plan, Planner, Segment, Split
from enigma.emit.simt.writer import Writer
from enigma.errors import InternalError
from enigma.spec.terms import Effect

MOST_CHUNKS = 32
"""Chunks up to which the guards of a whole threadgroup are tested at once."""


MOST_COPIES = 600
"""Operations that a segment written for many chunks at once may have, all copies together."""


class Regions(Loops):
    """Writes a threadgroup: `total` threads if that is known, else as many as `place.threads` says at run time."""

    def __init__(
        self, writer: Writer, analysis: Analysis, planner: Planner, total: int, *, partial: bool, padded: bool
    ) -> None:
        super().__init__(writer, analysis)
        self.planner = planner
        self.total = total
        self.partial = partial
        self.padded = padded
        self.registers = 24
        self._slots: dict[SSAValue, str] = {}

    def settle(self, plan: Plan) -> None:
        """Decide how long arrays of threads' own live: as long as a unit runs, or from barrier to barrier."""
        (only, *more) = plan or [Segment()]
        self.own_unit = isinstance(only, Segment) and not more
        whole = max(256, self.width)
        self.own_lanes = (
            self.unit_lanes(only) if isinstance(only, Segment) and not more else -(-self.total // whole) * whole
        )

    def first_lane(self) -> Scalar:
        """Return the number of the running unit's first thread."""
        unit = self._place().unit
        if unit is None:
            raise InternalError("a thread's own array is used outside of threads", loc=self._location())
        return unit

    # ---- the plan

    def threadgroup(self, plan: Plan) -> None:
        """Write the parts of a plan in order."""
        for part in plan:
            if isinstance(part, Segment):
                self.segment(part)
            else:
                self._split(part)

    def _split(self, part: Split) -> None:
        self.current = part.op
        match part.op:
            case scf.IfOp():
                self._split_if(part.op, part)
            case scf.ForOp():
                self._split_for(part.op, part)
            case scf.WhileOp():
                self._split_while(part.op, part)
            case _:
                raise InternalError(f"the CPU runtime cannot lower {part.op.name}", loc=place_of(part.op))

    def scalar_of(self, value: SSAValue) -> Scalar:
        """Return a value that is the same for all threads: the scalar, or what the first thread's slot holds."""
        found = self.values.get(value)
        if isinstance(found, Lanes) and found.uniform is not None:
            return found.uniform
        dtype = dtype_of(value.type)
        text = self.w.emit(f"load {self.stored(dtype)}, ptr {self._slot(value)}, align {dtype.size}")
        return self.fresh(dtype, self.w.emit(f"icmp ne i8 {text}, 0") if dtype is b1 else text)

    def _shared(self, values: Sequence[SSAValue]) -> list[int]:
        """Return which of the carried values are the same for all threads."""
        return [which for which, value in enumerate(values) if value not in self.planner.lane_values]

    def _set(self, targets: Sequence[SSAValue], which: Sequence[int], values: Sequence[Lanes]) -> None:
        for number, value in zip(which, values, strict=True):
            self.values[targets[number]] = value

    def _uniforms(self, values: Sequence[SSAValue], which: Sequence[int]) -> list[Lanes]:
        return [flat(self.scalar_of(values[number])) for number in which]

    def _split_if(self, op: scf.IfOp, part: Split) -> None:
        shared = self._shared(op.results)
        condition = self.scalar_of(op.cond)

        def side(number: int) -> Callable[[], list[Lanes]]:
            def write() -> list[Lanes]:
                self.threadgroup(part.parts[number])
                last = op.regions[number].block.last_op if op.regions[number].blocks else None
                return self._uniforms(last.operands, shared) if last is not None else []

            return write

        self._set(op.results, shared, self._uniform(condition, side(0), side(1)))

    def _split_for(self, op: scf.ForOp, part: Split) -> None:
        w, body = self.w, op.body.block
        low, high, step = (self.scalar_of(bound) for bound in (op.lb, op.ub, op.step))
        args = body.args[1:]
        shared = self._shared(args)
        limit, by, begin = self.wide(high), self.wide(step), self.wide(low)
        head, inside, done = (w.label() for _ in range(3))
        start = flat(low if low.root is None else self.fresh(index, begin))
        inits = [*self._uniforms(op.iter_args, shared), start]
        carried = self.open(inits, [True] * len(inits), head)
        self._set(args, shared, [item.value for item in carried[:-1]])
        with w.scope():
            text = carried[-1].phis[0].text
            going = w.emit(f"icmp slt i64 {text}, {limit}")
            flag = early_exit(op)
            if flag is not None and flag in shared:
                stopped = self.get(args[flag]).uniform
                going = going if stopped is None else w.emit(f"and i1 {going}, {self.text(self.invert(stopped))}")
            w.branch(going, inside, done)
            w.start(inside)
            self.values[body.args[0]] = flat(self._counter(text, low, high, step))
            self.threadgroup(part.parts[0])
            last = body.last_op
            values = self._uniforms(last.operands if last is not None else (), shared)
            following = w.emit(f"add nsw i64 {text}, {by}")
            self.close(carried, [*values, flat(self.fresh(index, following))])
            w.jump(head)
        w.start(done)
        self._set(op.results, shared, [item.value for item in carried[:-1]])

    def _split_while(self, op: scf.WhileOp, part: Split) -> None:
        w, test, body = self.w, op.before_region.block, op.after_region.block
        shared = self._shared(test.args)
        head, inside, done = (w.label() for _ in range(3))
        inits = self._uniforms(op.operands, shared)
        carried = self.open(inits, [True] * len(inits), head)
        self._set(test.args, shared, [item.value for item in carried])
        self.threadgroup(part.parts[0])
        last, back = test.last_op, body.last_op
        if last is None or back is None:
            raise InternalError("a loop has no end", loc=place_of(op))
        w.branch(self.text(self.scalar_of(last.operands[0])), inside, done)
        handed = self._shared(op.results)
        w.start(inside)
        with w.scope():
            inner = self._shared(body.args)
            self._set(body.args, inner, self._uniforms(last.operands[1:], inner))
            self.threadgroup(part.parts[1])
            self.close(carried, self._uniforms(back.operands, shared))
            w.jump(head)
        w.start(done)
        self._set(op.results, handed, self._uniforms(last.operands[1:], handed))

    # ---- segments

    def segment(self, part: Segment) -> None:
        """Write a segment: what threads share first, then the rest for each unit."""
        for op in part.shared:
            if not (op.results and is_memory(op.results[0].type)):
                self.operation(op)
        if not part.ops and not part.copies:
            return
        needs, size, across = self._needs(part), self.unit_lanes(part), self._across(part)

        def all_units(context: Context | None = None) -> list[Lanes]:
            self.units(
                size, lambda: self._unit(part, needs), across=across, versions=context.versions if context else 0
            )
            return []

        guards, holds = self._guards(part)
        if holds is None:
            all_units()
            return

        def unguarded() -> list[Lanes]:
            self.assumed |= guards
            try:
                return all_units()
            finally:
                self.assumed -= guards

        self._uniform(holds, unguarded, lambda: all_units(Context(versions=VERSIONS)))

    def _guards(self, part: Segment) -> tuple[set[Operation], Scalar | None]:
        """Return the branches of a segment that all threads of most threadgroups take, and whether those of this one do.

        They are the tests of a thread's position against a number known at run time only, such as `i < n`.
        """
        found, holds = set[Operation](), constant(b1, True)
        count = -(-self.total // self.width)
        if self.partial or not 1 < count <= MOST_CHUNKS:
            return found, None
        for op in part.ops:
            if isinstance(op, scf.IfOp) and self.planner.cost(op.cond) not in (None, 0) and not op.results:
                condition = self._for_all(op.cond, count)
                limits = self.merged(condition.chunks)
                cheap = self.within(Context(count=count), lambda condition=condition: self.cheap_all(condition))
                if (
                    limits
                    and cheap is not None
                    and all(bound.x is not None and bound.y is not None for bound in limits)
                ):
                    found.add(op)
                    holds = self.both(holds, cheap)
        return found, holds if found and not holds.is_const else None

    def _for_all(self, value: SSAValue, count: int) -> Lanes:
        """Return a cheap value for all threads of the threadgroup at once."""
        place, values = self._place(), dict(self.values)
        place.unit = constant(u32, 0)
        self.within(Context(count=count), lambda: self._fetch(value))
        found = self.values[value]
        place.unit, self.values = None, values
        if not isinstance(found, Lanes):
            raise InternalError("a condition has no value", loc=self._location())
        return found

    def _across(self, part: Segment) -> bool:
        return any(self.analysis.facts[op].across for op in part.ops)

    def unit_lanes(self, part: Segment) -> int:
        """Return how many lanes of a segment run together.

        A simdgroup, or fewer where what the loops carry would not fit the registers. Loops that walk memory in steps of the
        whole threadgroup get more, so that the rounds of all simdgroups are taken together and memory is read in one stream.
        """
        across, carried = self._across(part), self._carried_vectors(part)
        weight = sum(self.analysis.facts[op].weight for op in part.ops)
        if self._strides(part) and not self.partial:
            for size in (256, 128, 64):
                count = size // self.width
                fits = carried * count <= self.registers - 8 and weight * count <= MOST_COPIES
                if fits and self.total % size == 0:
                    return size
        size = max(SIMDGROUP, self.width)
        while not across and size > self.width and (carried + 2) * (size // self.width) > self.registers:
            size //= 2
        return size

    def _carried_vectors(self, part: Segment) -> int:
        """Return how many vectors the loops of a segment carry for each chunk, at most at one place."""
        most = 0
        for op in part.ops:
            for inner in op.walk():
                if isinstance(inner, scf.ForOp | scf.WhileOp):
                    args = inner.regions[0].block.args
                    most = max(most, sum(arg in self.analysis.varying for arg in args))
        return most

    def _strides(self, part: Segment) -> bool:
        """Return whether a loop of a segment starts at each thread's own place and goes on in equal steps."""
        varying = self.analysis.varying
        loops = [op for op in part.ops if isinstance(op, scf.ForOp)]
        return any(op.lb in varying and op.ub not in varying and op.step not in varying for op in loops)

    def _needs(self, part: Segment) -> list[SSAValue]:
        """Return the lane values that a segment uses and does not compute."""
        own, found = set[SSAValue](), dict[SSAValue, None]()
        used = [(value, True) for value, _ in part.copies]
        for op in part.ops:
            for inner in op.walk():
                used += [(value, False) for value in inner.operands]
                own.update(inner.results)
                own.update(arg for region in inner.regions for block in region.blocks for arg in block.args)
        for value, _ in used:
            if value not in own and value in self.planner.lane_values:
                found[value] = None
        return list(found)

    def units(self, size: int, write: Callable[[], None], *, across: bool, versions: int = 0) -> None:
        """Write code for every unit of `size` lanes, the last one masked if it is not full."""
        count = size // self.width
        if self.partial and not self.padded:
            self._counted_units(size, write)
            return
        whole, rest = divmod(self.total, size)
        if whole == 1:
            self._at_unit(constant(u32, 0), Context(count=count, versions=versions), write)
        elif whole:
            end, last = str(whole * size), (whole - 1) * size
            self._unit_loop(
                size, end, last, lambda unit: self._at_unit(unit, Context(count=count, versions=versions), write)
            )
        if not rest:
            return
        need = -(-rest // self.width)
        need = -(-need // self.group) * self.group if across else need
        bits = [self.bits([chunk * self.width + lane < rest for lane in range(self.width)]) for chunk in range(need)]
        mask = lanes(b1, bits)
        context = Context(count=need, mask=None if mask.constant is True else mask)
        self._at_unit(constant(u32, whole * size), context, write)

    def _counted_units(self, size: int, write: Callable[[], None]) -> None:
        """Write code for as many units as there are threads at run time."""
        place = self._place()
        total, count = place.threads, size // self.width
        full = self.w.emit(f"and i64 {self.wide(total)}, {-size}")
        self._unit_loop(
            size, full, max(self.total - size, 0), lambda unit: self._at_unit(unit, Context(count=count), write)
        )
        some = self.fresh(b1, self.w.emit(f"icmp ne i64 {full}, {self.wide(total)}"))
        unit = self.widened(u32, full, 0, max(self.total - 1, 1), size & -size)

        def rest() -> list[Lanes]:
            context = Context(count=count)
            place.unit = unit
            linear = self.within(context, place.number)
            mask = self.within(context, lambda: self.cmp("lt", linear, flat(total)))
            self._at_unit(unit, Context(count=count, mask=mask), write)
            return []

        self._uniform(some, rest, list)

    def _place(self) -> Place:
        if self.place is None:
            raise InternalError("a threadgroup is written before its place is known")
        return self.place

    def _unit_loop(self, step: int, end: str, most: int, write: Callable[[Scalar], None]) -> None:
        w = self.w
        head, inside, done = (w.label() for _ in range(3))
        start = w.block
        w.jump(head)
        w.start(head)
        text, place = w.open_phi("i64", "0", start)
        w.branch(w.emit(f"icmp slt i64 {text}, {end}"), inside, done)
        w.start(inside)
        with w.scope():
            write(Scalar(u32, Root(u32, None, text, 0, max(most, 1), step & -step), 0))
            following = w.emit(f"add nuw nsw i64 {text}, {step}")
            w.close_phi(place, following, w.block)
            w.jump(head)
        w.start(done)

    def _at_unit(self, unit: Scalar, context: Context, write: Callable[[], None]) -> None:
        place, values = self._place(), dict(self.values)
        place.unit = unit
        with self.w.scope():
            inside = self.within(context, place.inside)
            if inside is None:
                self.within(context, write)
            else:
                self._padded_unit(context, inside, write)
        place.unit, self.values = None, values

    def _padded_unit(self, context: Context, inside: Lanes, write: Callable[[], None]) -> None:
        """Write a unit of a padded threadgroup: without a mask where all its lanes are threads, not at all where none is."""

        def run(mask: Lanes | None, versions: int) -> list[Lanes]:
            values = dict(self.values)
            self.within(replace(context, mask=mask, some=True, versions=versions), write)
            self.values = values
            return []

        def masked() -> list[Lanes]:
            return self._uniform(self.within(context, lambda: self.some(mask)), lambda: run(mask, VERSIONS), list)

        mask = self.within(context, lambda: self.mask_and(context.mask, inside)) or inside
        whole = None if context.mask is not None else self.within(context, lambda: self.cheap_all(inside))
        if whole is None:
            masked()
        else:
            self._uniform(whole, lambda: run(None, context.versions), masked)

    def _unit(self, part: Segment, needs: Sequence[SSAValue]) -> None:
        """Write a segment for one unit: fetch what it needs, compute, put away what others need."""
        for value in needs:
            self._fetch(value)
        for op in part.ops:
            if self._is_wanted(op, part):
                self.operation(op)
        sources = [(self.get(value), target) for value, target in part.copies]
        sources += [(self.get(value), self.planner.slots[value]) for value in part.spills]
        # all are fetched before the first is put away: two values may change places
        texts = [[self.vector(value.dtype, chunk) for chunk in self.chunks(value)] for value, _ in sources]
        for (value, target), vectors in zip(sources, texts, strict=True):
            self._put(value.dtype, vectors, target)

    def _is_wanted(self, op: Operation, part: Segment) -> bool:
        """Return whether an operation must be done here, rather than only where its result is recomputed."""
        if not isinstance(op, IntrinsicOp) or op.ROW.effect is not Effect.PURE:
            return True
        homes = self.planner.homes
        for use in (use for result in op.results for use in result.uses):
            user: Operation | None = use.operation
            while user is not None and user not in homes:
                user = user.parent_op()
            if user is None or homes[user] is part:
                return True
        return any(result in part.spills or any(value is result for value, _ in part.copies) for result in op.results)

    def _fetch(self, value: SSAValue) -> None:
        """Make a lane value of another segment known here."""
        if value in self.values:
            return
        if value in self.planner.slots and self.planner.cost(value) is None:
            self.values[value] = self._take(value)
            return
        op = value.owner
        if not isinstance(op, Operation) or self.planner.cost(value) is None:
            raise InternalError("a value does not reach its use", loc=self._location())
        for operand in op.operands:
            if not is_memory(operand.type):
                self._fetch(operand)
        self.operation(op)

    # ---- slots

    def _slot(self, value: SSAValue) -> str:
        """Return the address of a value's slots, one for each thread."""
        owner = self.planner.slots[value]
        pointer = self._slots.get(owner)
        if pointer is None:
            unit = max(256, self.width)
            size = -(-self.total // unit) * unit
            pointer = self._slots[owner] = self.w.alloca(size, self.stored(dtype_of(value.type)))
        return pointer

    def _slot_cell(self, pointer: str, type: str, chunk: int) -> str:
        unit = self._place().unit
        first = self.add_scalar(unit, chunk * self.width) if unit is not None else constant(u32, 0)
        root, off = self.address(first)
        base = pointer if root is None else self.w.once(
            ("slot", pointer, root), lambda: self.w.emit(f"getelementptr {type}, ptr {pointer}, i64 {root}")
        )  # fmt: skip
        return self.w.emit(f"getelementptr {type}, ptr {base}, i64 {off}") if off else base

    def _align(self, dtype: Numeric) -> int:
        return min(64, self.width * dtype.size)

    def _take(self, value: SSAValue) -> Lanes:
        dtype, pointer, made = dtype_of(value.type), self._slot(value), list[Chunk]()
        type = self.stored(dtype)
        for chunk in range(self.context.count):
            cell = self._slot_cell(pointer, type, self.context.first + chunk)
            text = self.w.emit(f"load <{self.width} x {type}>, ptr {cell}, align {self._align(dtype)}")
            made.append(self._loaded(dtype, text))
        return lanes(dtype, made, self.context.first)

    def _put(self, dtype: Numeric, vectors: Sequence[str], target: SSAValue) -> None:
        pointer, type = self._slot(target), self.stored(dtype)
        for chunk, vector in enumerate(vectors):
            text = vector
            if dtype is b1:
                text = self.w.emit(f"zext {self.w.vector(b1)} {vector} to <{self.width} x i8>")
            cell = self._slot_cell(pointer, type, self.context.first + chunk)
            self.w.do(f"store <{self.width} x {type}> {text}, ptr {cell}, align {self._align(dtype)}")
