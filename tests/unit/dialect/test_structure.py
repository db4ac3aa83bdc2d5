"""Questions about operations and values: stop flags, negations, effects, names."""

from __future__ import annotations

import pytest
from xdsl.dialects import scf
from xdsl.dialects.builtin import ModuleOp

from enigma.dialect.build import build, kernel_of
from enigma.dialect.derive import all_classes, op_class
from enigma.dialect.names import from_location, to_hint, to_location, user_name
from enigma.dialect.operation import IntrinsicOp
from enigma.dialect.structure import constant_of, counters, early_exit, effects, guarded, negation_of
from enigma.dtypes import b1, f32, i32, u32
from enigma.errors import InternalError
from enigma.source import SourceLoc
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.registry import rows
from enigma.spec.terms import Axis, Effect
from enigma.trace.node import Value
from tests.unit.dialect.samples import SAMPLES, Sketch


def loops(module: ModuleOp) -> list[scf.ForOp | scf.WhileOp]:
    return [op for op in module.walk() if isinstance(op, scf.ForOp | scf.WhileOp)]


def test_a_break_is_found_as_the_stop_flag() -> None:
    (loop,) = loops(build(SAMPLES["find"]()))
    assert early_exit(loop) == 1
    assert isinstance(loop, scf.ForOp) and guarded(loop) is not None
    assert [user_name(value) for value in counters(loop)] == ["k"]


@pytest.mark.parametrize("name", ["dot", "collatz"])
def test_a_loop_that_runs_to_its_end_has_no_stop_flag(name: str) -> None:
    (loop,) = loops(build(SAMPLES[name]()))
    assert early_exit(loop) is None


def flagged_while(*, guard: bool) -> ModuleOp:
    s = Sketch("k")
    n, stop, steps = s.scalar("n", i32), Value(b1, "stop"), Value(i32, "steps")
    with s.block(stop, steps) as test:
        more = s.compare("cmp_lt", steps, n)
        test.yields = [s.same("logical_and", s.same("logical_not", stop), more) if guard else more]
    stop2, steps2 = Value(b1, "stop"), Value(i32, "steps")
    with s.block(stop2, steps2) as body:
        body.yields = [s.compare("cmp_gt", steps2, n), s.same("add", steps2, s.const(1, i32))]
    _, end = s.while_([s.const(False, b1), s.const(0, i32)], test, body)
    s.store(s.buffer("Out", i32), s.gid(), end)
    return build(s.done())


def test_a_while_loop_stops_on_its_flag_only_if_its_test_asks_for_it() -> None:
    assert early_exit(loops(flagged_while(guard=True))[0]) == 0
    assert early_exit(loops(flagged_while(guard=False))[0]) is None


def test_a_loop_that_changes_more_than_its_flag_is_not_left_early() -> None:
    module = build(SAMPLES["find"]())
    (loop,) = loops(module)
    assert isinstance(loop, scf.ForOp)
    work = guarded(loop)
    assert work is not None
    kept = work.false_region.block.last_op
    assert kept is not None
    kept.operands[0] = next(counters(loop))
    assert early_exit(loop) is None


def compared(name: str, dtype: object) -> IntrinsicOp:
    s = Sketch("k")
    s.compare(name, s.scalar("x", dtype), s.scalar("y", dtype))  # type: ignore[arg-type]
    op = kernel_of(build(s.done())).body.block.first_op
    assert isinstance(op, IntrinsicOp)
    return op


@pytest.mark.parametrize(
    ("name", "dtype", "negation"),
    [
        ("cmp_lt", i32, "cmp_ge"),
        ("cmp_ge", u32, "cmp_lt"),
        ("cmp_lt", f32, None),  # NaN is neither less nor not less
        ("cmp_eq", f32, "cmp_ne"),
    ],
)
def test_only_exact_negations_are_given(name: str, dtype: object, negation: str | None) -> None:
    row = negation_of(compared(name, dtype).results[0])
    assert (None if row is None else row.name) == negation


def test_constants_give_their_numbers_and_other_values_none() -> None:
    body = kernel_of(build(SAMPLES["find"]())).body.block
    values = [op.results[0] for op in body.ops if len(op.results) == 1]
    assert [constant_of(value) for value in values][:5] == [0, 1, -1, False, None]


def test_effects_are_those_of_everything_inside() -> None:
    branch = next(op for op in build(SAMPLES["reduce"]()).walk() if op.name == "scf.if")
    assert effects(branch) == {Effect.READ, Effect.WRITE, Effect.SYNC}


def test_arguments_are_given_as_the_row_knows_them() -> None:
    module = build(SAMPLES["reduce"]())
    ops = {op.name: op for op in module.walk() if isinstance(op, IntrinsicOp)}
    assert ops["enigma.thread_position_in_grid"].attr("dim") is Axis.X
    assert ops["enigma.threadgroup_alloc"].attrs() == {"dtype": f32, "size": 256}
    assert ops["enigma.simd_sum"].dtype is f32
    assert ops["enigma.threadgroup_barrier"].dtype is None


@pytest.mark.parametrize(
    ("name", "hint", "again"),
    [
        ("x", "x", "x"),
        ("x_1", "x-1", "x_1"),
        ("_2", "-2", "_2"),
        ("a.b", "a.b", "a.b"),
        ("é", "_", "_"),
        ("1x", "_1x", "_1x"),
    ],
)
def test_names_survive_as_hints(name: str, hint: str, again: str) -> None:
    op = compared("cmp_lt", i32)
    op.results[0].name_hint = to_hint(name)
    assert op.results[0].name_hint == hint
    assert user_name(op.results[0]) == again


def test_places_survive_as_locations() -> None:
    loc = SourceLoc('odd "name".py', 3, 7)
    found = from_location(to_location(loc))
    assert found is not None and (found.file, found.line, found.col) == (loc.file, loc.line, loc.col)


def test_classes_are_derived_once_and_say_what_they_are() -> None:
    row = rows()["fma"]
    assert op_class(row) is op_class(row)
    assert (op_class(row).__name__, op_class(row).__doc__) == ("FmaOp", row.doc)
    assert len(all_classes()) == len(rows())


def test_a_parameter_that_hides_an_attribute_of_operations_is_refused() -> None:
    like = rows()["exp"]
    fields = {name: getattr(like, name) for name in ("result", "doc", "effect", "msl", "cuda", "llvm", "ref")}
    row = Intrinsic(name="odd", params={"parent": like.params["x"]}, **fields)
    with pytest.raises(InternalError, match="row odd: a parameter cannot be called parent"):
        op_class(row)
