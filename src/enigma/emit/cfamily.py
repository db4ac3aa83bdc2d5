"""Kernels as statements of a C-like language: what Metal and other C-family targets share.

A target derives from `KernelWriter`: it writes the signature, and overrides how single operations are written where its
language truly differs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from xdsl.dialects import func, scf
from xdsl.ir import Block, Operation, SSAValue

from enigma.dialect.names import place, user_name
from enigma.dialect.operation import IntrinsicOp
from enigma.dialect.structure import counters, effects
from enigma.dialect.types import dtype_of
from enigma.emit.assign import Assigner
from enigma.emit.base import Line, Names, Sink
from enigma.emit.choices import expressions
from enigma.emit.exits import BREAK, RETURN, find_exits, is_tail
from enigma.emit.expr import Expr, assigned, name, negated, ternary
from enigma.emit.liveness import Liveness
from enigma.emit.spell import Speller
from enigma.emit.values import Values
from enigma.emit.variables import Variables, last
from enigma.errors import InternalError
from enigma.source import SourceLoc
from enigma.spec.spelling import Builtin, Into, Precedence
from enigma.spec.terms import MEMORY, Algebra, Buffer, Effect

LONG = 92
"""Columns beyond which an expression is broken by naming a part of it."""

ROOM = 88
"""Columns beyond which a variable of the user's is not written out where it is used."""

HEAD = 14
"""Columns kept free for what a value is assigned to."""

LEAVES = (BREAK, RETURN)


@dataclass(frozen=True, slots=True)
class Branch:
    """A block that has been written: its lines one step deeper, and the names declared in them."""

    lines: list[Line] = field(default_factory=list[Line])
    names: set[str] = field(default_factory=set[str])

    @property
    def leaves(self) -> bool:
        """Whether nothing after it is reached from it."""
        return bool(self.lines) and self.lines[-1].text in LEAVES


class KernelWriter:
    """Writes the body of one kernel. `names` holds what is taken already: parameters, functions, threadgroup memory."""

    def __init__(self, body: Block, speller: Speller, names: Names) -> None:
        self.speller, self.names = speller, names
        self.sink = Sink(depth=1)
        self.values = Values(self.sink, names, speller.type_name)
        self.choices = expressions(body)
        variables = Variables(body, Liveness(body), self.choices)
        exits = find_exits(body, variables)
        self.assigner = Assigner(self.values, variables, exits)
        self.body = body
        self._unused = _unused(body)
        self._wishes = frozenset(user_name(value) for op in body.walk() for value in op.results)
        self._wishes |= {user_name(arg) for op in body.walk() for arg in _arguments(op)}
        self._in_choice = False  # nothing of a branch that may not be taken is written before it

    def write(self) -> list[Line]:
        """Return the lines of the body."""
        self._block(self.body)
        return self.sink.lines

    # ---- blocks

    def _block(self, block: Block) -> None:
        """Write the operations of a block and what its end assigns."""
        for op in block.ops:
            match op:
                case IntrinsicOp():
                    self._intrinsic(op)
                case scf.IfOp() if op in self.choices:
                    self._choice(op)
                case scf.IfOp():
                    self._if(op)
                case scf.ForOp():
                    self._for(op)
                case scf.WhileOp():
                    self._while(op)
                case scf.YieldOp():
                    self.assigner.copy(op)
                case scf.ConditionOp() | func.ReturnOp():
                    pass
                case _:
                    raise InternalError(f"{op.name} has no text in {self.speller.title}", loc=place(op))

    def _captured(self, block: Block) -> Branch:
        """Return the lines of a block that stands one step deeper, and the names it declares."""
        with self.values.inside(block) as given, self.sink.indented(), self.sink.captured() as lines:
            self._block(block)
        return Branch(lines, given)

    # ---- operations

    def _intrinsic(self, op: IntrinsicOp) -> None:
        row = op.ROW
        if row.algebra in MEMORY or op in self._unused:
            return
        if row.algebra is Algebra.FROM_INDEX:
            self.values.know(op.results[0], self.values.take(op.operands[0]))
            return
        if row.algebra is Algebra.TO_INDEX:
            self.values.define(op.results[0], self.values.take(op.operands[0]))
            return
        spelling = op.spelling(self.speller.target)
        if isinstance(spelling, Builtin):
            self.values.define(op.results[0], self.builtin(op))
            return
        result = op.results[0] if op.results else None
        used = result is not None and any(True for _ in result.uses)
        operands = self._operands(op)
        if isinstance(spelling, Into) and result is not None:
            self._into(op, spelling, operands)
            return
        expr = self.operation(op, operands)
        touches_memory = any(isinstance(term, Buffer) for term in row.operands.values())
        if result is None or not used:
            self._effect(op, expr)
        elif self.assigner.assign_computed(result, expr, op):
            pass
        elif row.effect in (Effect.SYNC, Effect.WRITE) and touches_memory:
            self.values.before_effect()
            self.values.hold_and_write(result, expr)
        else:
            self.values.define(result, expr)

    def _into(self, op: IntrinsicOp, spelling: Into, operands: dict[str, Expr]) -> None:
        """Write the statements that put a result into its variable; what they still need of its old value is kept."""
        if op.ROW.effect is not Effect.PURE:
            self.values.before_effect()
        out = self.assigner.receive(op.results[0], op)
        texts = self.speller.statements(op, spelling, operands, out)
        own = [text.partition(" = ")[0] for text in texts]
        for number, (key, expr) in enumerate(operands.items()):
            if len(texts) > 1 and any(target in expr.text for target in own[:number]):
                operands[key] = self._named(expr, "element", place(op))
        for text in self.speller.statements(op, spelling, operands, out):
            target, _, value = text.partition(" = ")
            if target != value:
                self.sink.put(f"{text};", place(op))
        self.assigner.received(op)

    def _effect(self, op: IntrinsicOp, expr: Expr) -> None:
        self.values.before_effect()
        self.sink.put(f"{expr.text};", place(op))

    def operation(self, op: IntrinsicOp, operands: dict[str, Expr]) -> Expr:
        """Return one operation as text; targets override it for what they write in a way of their own."""
        return self.speller.expression(op, operands)

    def builtin(self, op: IntrinsicOp) -> Expr:
        """Return how a position or size is written; targets declare it in the signature."""
        raise InternalError(f"{self.speller.title} has no positions", loc=place(op))

    def _operands(self, op: IntrinsicOp) -> dict[str, Expr]:
        """Return the operands' expressions, after naming parts of what would get too long or must not be skipped."""
        values = self.values
        if self.speller.is_short_circuit(op):
            for operand in op.operands:
                if values.is_held(operand) and values.peek(operand).sync:
                    values.write(operand)
        self._name_parts(op)
        while not self._in_choice:
            held = [operand for operand in op.operands if values.is_held(operand)]
            width = sum(len(values.peek(operand).text) for operand in op.operands) + 4 * self.sink.depth
            if not held or width <= LONG:
                break
            named = [operand for operand in held if user_name(operand) is not None]
            longest = max(named or held, key=lambda operand: len(values.peek(operand).text))
            if len(values.peek(longest).text) < 12:
                break
            values.write(longest)
        return {
            key: values.take(operand) for key, operand in zip(op.ROW.terms(len(op.operands)), op.operands, strict=True)
        }

    def _name_parts(self, op: IntrinsicOp) -> None:
        """Write variables of the user's as locals where `op` would not fit on a line with their values in it."""
        values = self.values
        while not self._in_choice:
            parts = {
                key: values.peek(operand)
                for key, operand in zip(op.ROW.terms(len(op.operands)), op.operands, strict=True)
            }
            named = [value for value in op.operands if values.is_held(value) and user_name(value) is not None]
            if not named:
                return
            head = HEAD if op.results else 1
            if len(self.operation(op, parts).text) + head + 4 * self.sink.depth <= ROOM:
                return
            longest = max(named, key=lambda value: len(values.peek(value).text))
            if len(values.peek(longest).text) < 12:
                return
            values.write(longest)

    def _choice(self, op: scf.IfOp) -> None:
        """Write an `scf.if` as an expression."""
        condition = self.values.take(op.cond)
        sides: list[Expr] = []
        outer, self._in_choice = self._in_choice, True
        for region in op.regions:
            for inner in region.block.ops:
                match inner:
                    case IntrinsicOp():
                        self._intrinsic(inner)
                    case scf.IfOp():
                        self._choice(inner)
                    case _:
                        sides.append(self.values.take(inner.operands[0]))
        self._in_choice = outer
        result = op.results[0]
        expr = ternary(condition, sides[0], sides[1], dtype_of(result.type))
        self.values.define(result, expr)

    # ---- if

    def _if(self, op: scf.IfOp) -> None:
        condition = self.values.take(op.cond)
        if condition.constant is not None:
            self._taken(op, condition.constant)
            return
        written = self.assigner.names_written(op)
        self.values.before_statement(op, effects=bool(effects(op) - {Effect.READ}), written=written, loop=False)
        initialised = self.assigner.declare_results(op)
        then, orelse = self._captured(op.true_region.block), Branch()
        if op.false_region.blocks and not initialised:
            orelse = self._captured(op.false_region.block)
        if then.lines or orelse.lines:
            self._branches(op, condition, then, orelse)
        elif condition.sync:
            self.sink.put(f"{condition.text};", place(op))

    def _taken(self, op: scf.IfOp, condition: bool) -> None:
        """Write the branch of a decided condition in place."""
        region = op.true_region if condition else op.false_region
        self.assigner.declare_results(op, initialise=False)
        if region.blocks:
            self._block(region.block)

    def _branches(self, op: scf.IfOp, condition: Expr, then: Branch, orelse: Branch) -> None:
        loc = place(op)
        if orelse.lines and (not then.lines or (orelse.leaves and not then.leaves)):
            if not then.lines and not orelse.leaves and is_tail(op):
                then = Branch([Line(RETURN, self.sink.depth + 1, loc)])
            else:
                condition, then, orelse = negated(condition), orelse, then
        if len(then.lines) == 1 and then.leaves:
            self.sink.put(f"if ({condition.text}) {then.lines[0].text}", loc)
        elif orelse.lines and not then.leaves:
            self.sink.put(f"if ({condition.text}) {{", loc)
            self.sink.extend(then.lines)
            if _is_single_if(orelse.lines):
                head, *rest = orelse.lines
                self.sink.put(f"}} else {head.text}", head.loc)
                self.sink.dedented(rest)
                return
            self.sink.put("} else {")
            self.sink.extend(orelse.lines)
            self.sink.put("}")
            return
        else:
            self.sink.put(f"if ({condition.text}) {{", loc)
            self.sink.extend(then.lines)
            self.sink.put("}")
        self.sink.dedented(orelse.lines)
        self.names.keep(orelse.names)

    # ---- loops

    def _for(self, op: scf.ForOp) -> None:
        body = op.body.block
        counter = next(counters(op), None)
        low, high, step = (self.values.take(bound) for bound in (op.lb, op.ub, op.step))
        dtype = dtype_of(counter.type) if counter is not None else high.dtype
        written = self.assigner.names_written(op)
        changed = bool(effects(op) - {Effect.READ})
        self.values.before_statement(op, effects=changed, written=written, loop=True)
        high, step = (self._steady(bound, written, wish) for bound, wish in ((high, "end"), (step, "stride")))
        if low.names & self.assigner.names_entered(op):
            low = self._named(low, "start", place(op))
        self.assigner.enter(op)
        with self.names.scope():
            wish = user_name(counter) if counter is not None else None
            index = self.names.fresh(wish if wish is not None and wish.strip("_") else self._counter())
            self.values.know(body.args[0], name(index, dtype))
            lines = self._captured(body).lines
        increment = f"{index}++" if _number(step) == "1" else f"{index} += {assigned(step).text}"
        kind = self.speller.type_name(dtype)
        bounds = f"{kind} {index} = {assigned(low).text}; {index} < {_compared(high)}; {increment}"
        self.sink.put(f"for ({bounds}) {{", place(op))
        self.sink.extend(lines)
        self.sink.put("}")

    def _counter(self) -> str:
        """Return a name for a counter that has none: the first of the customary ones that nothing else is called."""
        return next((wish for wish in "ijk" if wish not in self._wishes and self.names.is_free(wish)), "i")

    def _steady(self, bound: Expr, written: set[str], wish: str) -> Expr:
        """Return a loop bound that is the same in every iteration, as a local where its text could change."""
        if not (bound.reads or bound.sync or bound.names & written):
            return bound
        return self._named(bound, wish)

    def _named(self, expr: Expr, wish: str, loc: SourceLoc | None = None) -> Expr:
        """Write an expression as a local here."""
        local = self.names.fresh(wish)
        self.sink.put(f"{self.speller.type_name(expr.dtype)} {local} = {assigned(expr).text};", loc)
        return name(local, expr.dtype)

    def _while(self, op: scf.WhileOp) -> None:
        before, after = op.before_region.block, op.after_region.block
        written = self.assigner.names_written(op)
        self.values.before_statement(op, effects=bool(effects(op) - {Effect.READ}), written=written, loop=True)
        self.assigner.enter(op)
        with self.names.scope():
            with self.sink.indented(), self.sink.captured() as test:
                self._block(before)
                condition = self.values.take(last(before).operands[0])
                with self.sink.captured() as forwarded:
                    self.assigner.copy(last(before))
            if forwarded and condition.names:  # what is handed on is assigned before the test is left
                with self.sink.indented(), self.sink.captured() as before_it:
                    condition = self._named(condition, "again", place(op))
                test += before_it
            body = self._captured(after).lines
        if not test and not forwarded:
            self.sink.put(f"while ({condition.text}) {{", place(op))
        else:
            self.sink.put("while (true) {", place(op))
            self.sink.extend(test)
            self.sink.extend(forwarded)
            if condition.constant is not True:
                with self.sink.indented():
                    self.sink.put(f"if ({negated(condition).text}) break;", place(op))
        self.sink.extend(body)
        self.sink.put("}")


def _arguments(op: Operation) -> Iterator[SSAValue]:
    for region in op.regions:
        for block in region.blocks:
            yield from block.args


def _number(expr: Expr) -> str:
    return assigned(expr).text


def _compared(bound: Expr) -> str:
    return assigned(bound).inside(Precedence.RELATIONAL, right=True)


def _unused(body: Block) -> set[Operation]:
    """Return the operations without an effect whose results only such operations use."""
    found: set[Operation] = set()
    for op in reversed(list(body.walk())):
        harmless = isinstance(op, IntrinsicOp) and op.ROW.effect in (Effect.PURE, Effect.READ)
        if harmless and all(use.operation in found for result in op.results for use in result.uses):
            found.add(op)
    return found


def _is_single_if(lines: list[Line]) -> bool:
    """Return whether the lines are one `if` statement, which may then follow an `else`."""
    own = [line.text for line in lines if line.depth == lines[0].depth]
    return own[0].startswith("if (") and own[-1] == "}" and all(text.startswith("} else") for text in own[1:-1])
