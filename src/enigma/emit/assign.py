"""Assignments: the variables of a kernel, declared where they are first needed, and the copies at the end of blocks."""

from __future__ import annotations

from collections.abc import Mapping

from xdsl.dialects import scf
from xdsl.ir import Block, Operation, SSAValue

from enigma.dialect.names import place, user_name
from enigma.dialect.structure import constant_of, is_pure
from enigma.dialect.types import dtype_of
from enigma.emit.exits import RETURN, Exit
from enigma.emit.expr import Expr, assigned, literal, name
from enigma.emit.liveness import block_of, is_within
from enigma.emit.values import Values, location
from enigma.emit.variables import Copy, Variable, Variables, last
from enigma.source import SourceLoc


class Assigner:
    """Knows which variables are declared, and writes what changes them."""

    def __init__(self, values: Values, variables: Variables, exits: Mapping[Variable, Exit]) -> None:
        self.values, self.variables, self.exits = values, variables, exits
        self._declared: dict[Variable, str] = {}

    # ---- declarations

    def _wish(self, variable: Variable) -> str:
        for value in variable.values:
            if (wish := user_name(value)) is not None:
                return wish
        return "value"

    def _declare(self, variable: Variable, init: Expr | None, loc: SourceLoc | None) -> None:
        """Declare a variable here; the values it holds are written by its name from now on."""
        dtype = dtype_of(next(iter(variable.values)).type)
        local = self.values.names.fresh(self._wish(variable))
        self._declared[variable] = local
        self.values.mutable.add(local)
        for value in variable.values:
            self.values.know(value, name(local, dtype))
        exit = self.exits.get(variable)
        if exit is not None:  # inside of the loop the flag is false, or the loop would have been left
            for value in variable.values:
                if is_within(block_of(value), exit.loop):
                    self.values.know(value, literal(False, dtype))
        text = f"{self.values.type_name(dtype)} {local}"
        self.values.sink.put(f"{text};" if init is None else f"{text} = {assigned(init).text};", loc)

    def declare_results(self, op: scf.IfOp, *, initialise: bool = True) -> bool:
        """Declare what branches assign; return whether the `else` is done with that, being only a first value."""
        missing = [variable for value in op.results if self._needs(variable := self._variable(value))]
        missing = [variable for variable in missing if variable.is_used]
        missing = list(dict.fromkeys(missing))
        orelse = op.false_region.block if op.false_region.blocks else None
        if not missing or orelse is None:
            return False
        copies = self.variables.copies(last(orelse))
        targets = [self._variable(copy.slot.values[0]) for copy in copies]
        first = initialise and set(targets) == set(missing) and self._is_simple(orelse, copies)
        for variable in missing:
            init: Expr | None = None
            if first:
                init = self._constant(copies[targets.index(variable)].source)
            self._declare(variable, init, place(op))
        return first

    def _is_simple(self, block: Block, copies: list[Copy]) -> bool:
        plain = all(
            isinstance(op, scf.YieldOp) or (is_pure(op) and self.variables.of(op.results[0]) is None)
            for op in block.ops
        )
        known = all(constant_of(copy.source) is not None or copy.source in self.values for copy in copies)
        return plain and known

    def _constant(self, source: SSAValue) -> Expr:
        number = constant_of(source)
        return literal(number, dtype_of(source.type)) if number is not None else self.values.take(source)

    def _needs(self, variable: Variable) -> bool:
        if variable in self._declared:
            return False
        exit = self.exits.get(variable)
        return exit is None or exit.keep

    def _variable(self, value: SSAValue) -> Variable:
        variable = self.variables.of(value)
        return variable if variable is not None else Variable()

    def names_written(self, op: Operation) -> set[str]:
        """Return the variables declared so far that `op` or anything in it assigns."""
        written: set[str] = set()
        for inner in op.walk():
            for copy in self.variables.copies(inner):
                written.add(self._declared.get(self._variable(copy.slot.values[0]), ""))
            for result in inner.results:
                variable = self.variables.of(result)
                if variable is not None and result in variable.computed:
                    written.add(self._declared.get(variable, ""))
        return written - {""}

    def names_entered(self, op: Operation) -> set[str]:
        """Return the variables declared so far that entering the loop `op` assigns."""
        return {self._declared.get(self._variable(copy.slot.values[0]), "") for copy in self.variables.copies(op)}

    # ---- assignments

    def assign_computed(self, value: SSAValue, expr: Expr, op: Operation) -> bool:
        """Write `value` into its variable, if it has one; return whether it has."""
        variable = self.variables.of(value)
        if variable is None:
            return False
        if expr.sync:
            self.values.before_effect()
        self._assign(variable, expr, place(op))
        self._advance(op)
        return True

    def receive(self, value: SSAValue, op: Operation) -> str:
        """Return the name of what a statement is about to set to `value`: its variable, or a local of its own."""
        variable = self.variables.of(value)
        if variable is None:
            return self.values.declare(value, dtype_of(value.type))
        if variable not in self._declared:
            self._declare(variable, None, place(op))
        else:
            self.values.before_assignment(self._declared[variable])
        return self._declared[variable]

    def received(self, op: Operation) -> None:
        """Note that the statement is written."""
        self._advance(op)

    def _advance(self, op: Operation) -> None:
        """Assign what waits for the end of the block as soon as nothing needs the variable's earlier value."""
        block = op.parent
        for copy in self.variables.copies(last(block)) if block is not None else ():
            variable = self._variable(copy.slot.values[0])
            local = self._declared.get(variable)
            if local is None or variable in self.exits or not self.values.is_held(copy.source):
                continue
            if self.values.peek(copy.source).sync or self.values.is_mentioned(local, besides=copy.source):
                continue
            if self.variables.is_idle_after(variable, op):
                expr = self.values.take(copy.source)
                self._assign(variable, expr, location(copy.source))
                self.values.know(copy.source, name(local, expr.dtype))

    def _assign(self, variable: Variable, expr: Expr, loc: SourceLoc | None) -> None:
        local = self._declared.get(variable)
        if local is None:
            self._declare(variable, expr, loc)
            return
        self.values.before_assignment(local)
        self.values.sink.put(_assignment(local, expr), loc)

    def enter(self, op: scf.ForOp | scf.WhileOp) -> None:
        """Give a loop's variables their first values."""
        for copy in self.variables.copies(op):
            variable = self._variable(copy.slot.values[0])
            if variable not in self._declared and not self._needs(variable):
                self._hide(variable)
        self.copy(op)

    def _hide(self, variable: Variable) -> None:
        for value in variable.values:
            self.values.know(value, literal(False, dtype_of(value.type)))

    def copy(self, op: Operation) -> None:
        """Write the copies at `op` as if they happened at once: in an order, or through temporaries, that lose no value."""
        loc = place(op)
        work: list[tuple[Variable, Expr]] = []
        leaving: list[tuple[Exit, Variable, Expr]] = []
        for copy in self.variables.copies(op):
            variable = self._variable(copy.slot.values[0])
            expr = self.values.take(copy.source)
            exit = self.exits.get(variable)
            if exit is None or copy.op is exit.loop:
                advanced = variable in self._declared and expr.text == self._declared[variable]
                if (exit is None or exit.keep) and not advanced:
                    work.append((variable, expr))
            elif expr.constant is not False:
                leaving.append((exit, variable, expr))
        changed = {self._declared.get(variable, "") for variable, _ in work}
        leaving = [
            (exit, variable, self._kept(expr, loc) if expr.names & changed else expr)
            for exit, variable, expr in leaving
        ]
        self._parallel(work, loc)
        final = [item for item in leaving if item[0].statement == RETURN and item[2].constant is True]
        for exit, variable, expr in final or leaving:
            self._leave(exit, variable, expr, loc)

    def _kept(self, expr: Expr, loc: SourceLoc | None) -> Expr:
        """Write a condition as a local, before what it mentions changes."""
        local = self.values.names.fresh("leave")
        self.values.sink.put(f"{self.values.type_name(expr.dtype)} {local} = {expr.text};", loc)
        return name(local, expr.dtype)

    def _parallel(self, work: list[tuple[Variable, Expr]], loc: SourceLoc | None) -> None:
        while work:
            for k, (variable, expr) in enumerate(work):
                local = self._declared.get(variable, "")
                if not any(local in other.names for j, (_, other) in enumerate(work) if j != k):
                    del work[k]
                    self._assign(variable, expr, loc)
                    break
            else:
                variable, expr = min(work, key=lambda item: len(item[1].text))
                temporary = self.values.names.fresh(f"next_{self._declared[variable]}")
                self.values.sink.put(f"{self.values.type_name(expr.dtype)} {temporary} = {assigned(expr).text};", loc)
                work[work.index((variable, expr))] = (variable, name(temporary, expr.dtype))

    def _leave(self, exit: Exit, variable: Variable, expr: Expr, loc: SourceLoc | None) -> None:
        sink = self.values.sink
        mark = [f"{self._declared[variable]} = true;"] if exit.keep else []
        if expr.constant is True:
            for text in (*mark, exit.statement):
                sink.put(text, loc)
        elif not mark:
            sink.put(f"if ({expr.text}) {exit.statement}", loc)
        else:
            sink.put(f"if ({expr.text}) {{", loc)
            with sink.indented():
                for text in (*mark, exit.statement):
                    sink.put(text, loc)
            sink.put("}")


def _assignment(local: str, expr: Expr) -> str:
    """Return `local = expr;`, `local += rest;` where the expression continues the variable, or `local.x = part;`."""
    if expr.changed is not None and expr.changed[0] == local:
        _, lanes, value = expr.changed
        return _assignment(f"{local}.{lanes}", value)
    update = expr.update
    if update is not None and update.left == local and update.symbol in "+-" and update.right.text == "1":
        return f"{local}{update.symbol * 2};"
    if update is not None and update.left == local:
        return f"{local} {update.symbol}= {update.right.text};"
    if update is not None and update.commutes and update.right.text == local:
        return f"{local} {update.symbol}= {update.left};"
    return f"{local} = {assigned(expr).text};"
