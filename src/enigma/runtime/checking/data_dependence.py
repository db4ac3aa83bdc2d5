"""Which buffers a kernel writes where its data says: at an index from memory, or under a condition on what memory holds."""

from __future__ import annotations

from enigma.spec.terms import Buffer, Effect, Texture
from enigma.trace.node import Block, For, If, Node, Op, Traced, Value, While


def written_by_data(traced: Traced) -> set[str]:
    """Return the names of the parameters that are written depending on data."""
    tracker = _Tracker()
    before = -1
    while before != len(tracker.values):  # what a loop carries may depend on data from its second round on
        before = len(tracker.values)
        tracker.block(traced.body, by_data=False)
    return {param.name for param in traced.params if id(param.value) in tracker.written}


class _Tracker:
    """Follows values that come from memory through a kernel; all by identity."""

    def __init__(self) -> None:
        self.values: set[int] = set()
        self.written: set[int] = set()

    def block(self, block: Block, *, by_data: bool) -> None:
        for node in block.nodes:
            self._node(node, by_data)

    def _known(self, *values: Value) -> bool:
        return any(id(value) in self.values for value in values)

    def _mark(self, *values: Value) -> None:
        self.values.update(id(value) for value in values)

    def _node(self, node: Node, by_data: bool) -> None:
        match node:
            case Op():
                self._op(node, by_data)
            case If():
                inner = by_data or self._known(node.condition)
                self.block(node.then, by_data=inner)
                self.block(node.orelse, by_data=inner)
                for result, *yields in zip(node.results, node.then.yields, node.orelse.yields, strict=True):
                    if self._known(node.condition, *yields):
                        self._mark(result)
            case For():
                inner = by_data or self._known(node.low, node.high, node.step)
                self._carry(node.inits, node.body.args[1:], node.body.yields, node.results)
                if inner:
                    self._mark(*node.body.args)
                self.block(node.body, by_data=inner)
            case While():
                self._carry(node.inits, node.test.args, node.body.yields, node.results)
                self._carry(node.inits, node.body.args, node.body.yields, node.results)
                self.block(node.test, by_data=by_data)
                self.block(node.body, by_data=by_data or self._known(*node.test.yields))

    def _carry(self, inits: list[Value], args: list[Value], yields: list[Value], results: list[Value]) -> None:
        for init, arg, made, result in zip(inits, args, yields, results, strict=True):
            if self._known(init, arg, made):
                self._mark(init, arg, made, result)

    def _op(self, node: Op, by_data: bool) -> None:
        terms = tuple(node.row.terms(len(node.operands)).values())
        memory = [
            (term, value)
            for term, value in zip(terms, node.operands, strict=True)
            if isinstance(term, Buffer | Texture)
        ]
        others = [
            value for term, value in zip(terms, node.operands, strict=True) if not isinstance(term, Buffer | Texture)
        ]
        for term, value in memory:
            # the value, which may come from anywhere, is the last operand of a store, and of a texture's the first
            places = others if node.result is not None else others[1:] if isinstance(term, Texture) else others[:-1]
            if term.written and (by_data or self._known(*places)):
                self.written.add(id(value))
        reads = bool(memory) and node.row.effect in (Effect.READ, Effect.SYNC)
        if node.result is not None and (reads or self._known(*others)):
            self._mark(node.result)
