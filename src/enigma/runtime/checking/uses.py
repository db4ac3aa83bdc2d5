"""Who uses a value of a traced kernel, and which components of a vector in memory an access really reads or writes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from enigma.dtypes import Vector
from enigma.spec.terms import Algebra
from enigma.trace.node import Block, For, If, Op, Traced, Value, While

_MAKES = (Algebra.MAKE_2, Algebra.MAKE_3, Algebra.MAKE_4)


class Uses:
    """The users of all values of a kernel, by identity; read from it when first asked for."""

    def __init__(self, traced: Traced) -> None:
        self._traced = traced

    def of(self, value: Value) -> list[Op | None]:
        """Return the operations that use a value, one for each operand, and None for what is no operation."""
        return self._all[0].get(id(value), [])

    def maker(self, value: Value) -> Op | None:
        """Return the operation that a value is the result of."""
        return self._all[1].get(id(value))

    def block(self, node: Op) -> int:
        """Return what stands for the block that an operation is in."""
        return self._all[2][id(node)]

    @cached_property
    def _all(self) -> tuple[dict[int, list[Op | None]], dict[int, Op], dict[int, int]]:
        users: dict[int, list[Op | None]] = {}
        makers: dict[int, Op] = {}
        blocks: dict[int, int] = {}

        def note(values: Sequence[Value], user: Op | None) -> None:
            for value in values:
                users.setdefault(id(value), []).append(user)

        def read(block: Block) -> None:
            for node in block.nodes:
                match node:
                    case Op():
                        blocks[id(node)] = id(block)
                        if node.result is not None:
                            makers[id(node.result)] = node
                        note(node.operands, node)
                    case If():
                        note([node.condition], None)
                    case For():
                        note([node.low, node.high, node.step, *node.inits], None)
                    case While():
                        note(node.inits, None)
                for inner in node.blocks:
                    read(inner)
            note(block.yields, None)

        read(self._traced.body)
        return users, makers, blocks


class Components:
    """Which components of a vector count. `tile[i].x = 1` is traced as a load, a vector of old and new numbers, and a store."""

    def __init__(self, traced: Traced) -> None:
        self._uses = Uses(traced)
        self._known: dict[int, tuple[int, ...] | None] = {}

    def of(self, node: Op) -> tuple[int, ...] | None:
        """Return the numbers of the components that a load looks at, or a store sets; None for all."""
        if id(node) not in self._known:
            self._known[id(node)] = self._looked_at(node) if node.row.algebra is Algebra.LOAD else self._set(node)
        return self._known[id(node)]

    def _looked_at(self, load: Op) -> tuple[int, ...] | None:
        if load.result is None or not isinstance(load.result.type, Vector):
            return None
        looked: set[int] = set()
        for user in self._uses.of(load.result):
            if user is None or user.row.algebra is not Algebra.EXTRACT or user.result is None:
                return None
            if not all(self._puts_back(made, user, load) for made in self._uses.of(user.result)):
                looked.add(user.attrs["lane"])
        return tuple(sorted(looked))

    def _puts_back(self, made: Op | None, extract: Op, load: Op) -> bool:
        """Return whether a vector is made for the place that a component comes from, with the component in its old place."""
        if made is None or made.row.algebra not in _MAKES or made.result is None:
            return False
        back = all(
            user is not None and user.row.algebra is Algebra.STORE and self._same_place(user, load)
            for user in self._uses.of(made.result)
        )
        return back and all(
            lane == extract.attrs["lane"] for lane, x in enumerate(made.operands) if x is extract.result
        )

    def _set(self, store: Op) -> tuple[int, ...] | None:
        made = self._uses.maker(store.operands[-1]) if store.row.algebra is Algebra.STORE else None
        if made is None or made.row.algebra not in _MAKES:
            return None
        return tuple(lane for lane, x in enumerate(made.operands) if not self._is_old(x, lane, store))

    def _is_old(self, x: Value, lane: int, store: Op) -> bool:
        extract = self._uses.maker(x)
        if extract is None or extract.row.algebra is not Algebra.EXTRACT or extract.attrs["lane"] != lane:
            return False
        load = self._uses.maker(extract.operands[0])
        return load is not None and load.row.algebra is Algebra.LOAD and self._same_place(store, load)

    @staticmethod
    def _same_place(store: Op, load: Op) -> bool:
        return store.operands[0] is load.operands[0] and store.operands[1] is load.operands[1]
