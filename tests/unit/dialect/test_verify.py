"""A malformed module is refused at its Python line, and LLVM's mlir-opt refuses it too."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from xdsl.dialects import scf
from xdsl.dialects.builtin import IntegerAttr, IntegerType, ModuleOp, StringAttr
from xdsl.ir import Operation

from enigma.dialect.build import build, kernel_of
from enigma.dialect.operation import IntrinsicOp
from enigma.dialect.text import print_module
from enigma.dialect.types import from_mlir, space_of, to_mlir
from enigma.dialect.verify import verify
from enigma.dtypes import b1, f16, f32, u32
from enigma.errors import EnigmaValueError, InternalError
from enigma.trace.node import Traced, Value
from tests.unit.dialect.mlir_opt import mlir_opt, needs_mlir_opt
from tests.unit.dialect.samples import SAMPLES, Sketch


def find(module: ModuleOp, name: str) -> Operation:
    return next(op for op in module.walk() if op.name == name)


def mixed_dtypes() -> ModuleOp:
    s = Sketch("k")
    x, y, out = s.scalar("x", f32), s.scalar("y", f16), s.buffer("Out", f32)
    s.store(out, s.gid(), s.op("add", x, y, result=f32))
    return build(s.done())


def float_index() -> ModuleOp:
    s = Sketch("k")
    a = s.buffer("A", f32)
    s.store(a, s.gid(), s.load(a, s.scalar("x", f32)))
    return build(s.done())


def wrong_result() -> ModuleOp:
    s = Sketch("k")
    s.op("isnan", s.scalar("x", f32), result=f32)
    return build(s.done())


def unknown_axis() -> ModuleOp:
    module = build(SAMPLES["vadd"]())
    find(module, "enigma.thread_position_in_grid").attributes["dim"] = StringAttr("w")
    return module


MALFORMED: list[tuple[Callable[[], ModuleOp], str]] = [
    (mixed_dtypes, r"sample.py:2:5: error: internal error: enigma.add is malformed: .*'y'.*f32.*f16"),
    (float_index, r"sample.py:2:5: error: internal error: enigma.load is malformed: .*'i'"),
    (wrong_result, r"sample.py:1:5: error: internal error: enigma.isnan is malformed: .*'result'"),
    (
        unknown_axis,
        r'sample.py:1:5: error: internal error: enigma.thread_position_in_grid is malformed: .*"x", "y", "z", but got "w"',
    ),
]


@pytest.mark.parametrize(("make", "message"), MALFORMED, ids=lambda x: getattr(x, "__name__", ""))
def test_a_broken_signature_names_the_line(make: Callable[[], ModuleOp], message: str) -> None:
    with pytest.raises(InternalError, match=message):
        verify(make())


@needs_mlir_opt
@pytest.mark.parametrize(("make", "message"), MALFORMED, ids=lambda x: getattr(x, "__name__", ""))
def test_mlir_opt_refuses_the_same_modules_at_the_same_line(make: Callable[[], ModuleOp], message: str) -> None:
    status, _, complaint = mlir_opt(print_module(make(), generic=True, locations=True))
    assert status != 0
    assert complaint.startswith(message.partition(": ")[0])


def test_a_value_outside_of_its_scope_is_named() -> None:
    module = build(SAMPLES["vadd"]())
    load, compare = find(module, "enigma.load"), find(module, "enigma.cmp_lt")
    compare.operands[0] = load.results[0]
    with pytest.raises(InternalError, match="enigma.cmp_lt uses x outside of its scope"):
        verify(module)


def test_a_rule_over_arguments_is_the_users_mistake() -> None:
    s = Sketch("k")
    s.op("extract_bits", s.scalar("x", u32), result=u32, offset=30, bits=8)
    with pytest.raises(EnigmaValueError, match=r"sample.py:1:5: error: the field of 8 bits at 30 ends at bit 38"):
        verify(build(s.done()))


def test_an_argument_out_of_range_is_refused() -> None:
    module = build(SAMPLES["reduce"]())
    find(module, "enigma.threadgroup_alloc").attributes["size"] = IntegerAttr(0, IntegerType(64))
    with pytest.raises(InternalError, match=r"size = 0 is not in 1\.\."):
        verify(module)


def test_a_constant_has_the_type_of_its_number() -> None:
    module = build(SAMPLES["dot"]())
    find(module, "enigma.const").attributes["value"] = IntegerAttr(1, IntegerType(32))
    with pytest.raises(InternalError, match="the value 1 : i32 is no f32"):
        verify(module)


def test_a_yield_of_the_wrong_type_is_refused() -> None:
    module = build(SAMPLES["dot"]())
    loop = find(module, "scf.for")
    assert isinstance(loop, scf.ForOp)
    last, first = loop.body.block.last_op, loop.body.block.first_op
    assert last is not None and first is not None
    last.operands[0] = first.results[0]
    with pytest.raises(InternalError, match=r"the body's yield have types \(si32\) where \(f32\) is expected"):
        verify(module)


def test_a_loop_without_yield_is_refused() -> None:
    module = build(SAMPLES["dot"]())
    loop = find(module, "scf.for")
    last = loop.regions[0].block.last_op
    assert last is not None
    last.detach()
    with pytest.raises(InternalError, match="a block does not end in a yield"):
        verify(module)


def test_a_test_without_condition_is_refused() -> None:
    module = build(SAMPLES["collatz"]())
    loop = find(module, "scf.while")
    test = loop.regions[0].block
    last = test.last_op
    assert last is not None
    last.detach()
    test.add_op(scf.YieldOp.create(operands=tuple(last.operands)[1:]))
    with pytest.raises(InternalError, match="the test does not end in a condition"):
        verify(module)


def test_a_branch_with_results_needs_both_arms() -> None:
    module = build(SAMPLES["collatz"]())
    branch = find(module, "scf.if")
    branch.regions[1].erase_block(branch.regions[1].block, safe_erase=False)
    with pytest.raises(InternalError, match="region 1 has 0 blocks instead of one"):
        verify(module)


def test_use_before_definition_is_refused_when_building() -> None:
    s = Sketch("k")
    s.store(s.buffer("A", f32), s.gid(), Value(f32, "ghost"))
    with pytest.raises(InternalError, match="ghost is used where it is not defined"):
        build(s.done())


def test_a_module_without_kernel_is_refused() -> None:
    with pytest.raises(InternalError, match="the module has no kernel"):
        kernel_of(ModuleOp([]))


def test_foreign_types_are_refused() -> None:
    with pytest.raises(InternalError, match="i32 is no type of the dialect"):
        from_mlir(IntegerType(32))
    with pytest.raises(InternalError, match="f32 is no buffer"):
        space_of(to_mlir(f32))


def test_a_missing_argument_is_refused() -> None:
    module = build(SAMPLES["vadd"]())
    op = find(module, "enigma.thread_position_in_grid")
    assert isinstance(op, IntrinsicOp)
    del op.attributes["dim"]
    with pytest.raises(InternalError, match="the attribute None is no compile-time argument"):
        op.attr("dim")


def test_every_dtype_and_space_has_its_own_type() -> None:
    traced: Traced = SAMPLES["narrow"]()
    for param in traced.params:
        assert from_mlir(to_mlir(param.value.type)) == param.value.type
    assert str(to_mlir(b1)) == "i1"
