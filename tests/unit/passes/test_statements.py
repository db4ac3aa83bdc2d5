"""Branches, loops, shared and dead code, seen in whole kernels."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from xdsl.dialects.builtin import ModuleOp

from enigma.dialect.build import build
from enigma.dialect.names import place
from enigma.dialect.structure import early_exit
from enigma.dialect.text import parse_module, print_module
from enigma.dialect.verify import verify
from enigma.errors import InternalError
from enigma.passes.branches import simplify_branches
from enigma.passes.cse import share
from enigma.passes.dce import remove_dead
from enigma.passes.licm import hoist
from enigma.passes.loops import simplify_loops
from enigma.passes.pipeline import PASSES, run
from enigma.passes.rewrite import terminator
from tests.unit.dialect.mlir_opt import mlir_opt, needs_mlir_opt
from tests.unit.dialect.samples import SAMPLES


def module_of(body: str) -> ModuleOp:
    """A kernel with %x, %y: int, %b: bool, %A: buffer of ints, %g: grid position, %zero, %one, %true, %false."""
    module = parse_module(f"""
    func.func @k(%x: si32, %y: si32, %b: i1, %A: !enigma.buffer<si32>) attributes {{enigma.kernel}} {{
      %g = enigma.thread_position_in_grid {{dim = "x"}} : ui32
      %zero = enigma.const {{value = 0 : si32}} : si32
      %one = enigma.const {{value = 1 : si32}} : si32
      %true = enigma.const {{value = true}} : i1
      %false = enigma.const {{value = false}} : i1
      %lo = enigma.to_index %zero : si32
      %hi = enigma.to_index %x : si32
      %st = enigma.to_index %one : si32
      {body}
      func.return
    }}""")
    verify(module)
    return module


def after(body: str, *passes: Callable[[ModuleOp], bool]) -> str:
    module = module_of(body)
    for step in passes:
        step(module)
        verify(module)
    remove_dead(module)
    verify(module)
    text = print_module(module)
    return text[text.index("enigma.kernel") :]


STORE = "enigma.store %A, %g, {} : !enigma.buffer<si32>, ui32"


def test_a_known_condition_leaves_one_arm() -> None:
    text = after(f"""
      %r = scf.if %true -> (si32) {{
        %s = enigma.add %x, %y : si32
        scf.yield %s : si32
      }} else {{
        scf.yield %x : si32
      }}
      {STORE.format("%r")}""", simplify_branches)  # fmt: skip
    assert "scf.if" not in text and "enigma.store %A, %g, %s" in text


def test_an_untaken_branch_is_gone() -> None:
    assert "store" not in after(f"scf.if %false {{ {STORE.format('%x')} }}", simplify_branches)


def test_a_branch_that_only_chooses_is_a_selection() -> None:
    text = after(f"""
      %r = scf.if %b -> (si32) {{
        %five = enigma.const {{value = 5 : si32}} : si32
        scf.yield %five : si32
      }} else {{
        scf.yield %y : si32
      }}
      {STORE.format("%r")}""", simplify_branches)  # fmt: skip
    assert "%r = enigma.select %b, %five, %y : si32" in text


def test_arms_that_agree_need_no_branch() -> None:
    text = after(f"""
      %r, %s = scf.if %b -> (si32, si32) {{
        {STORE.format("%zero")}
        %k = enigma.const {{value = 7 : si32}} : si32
        scf.yield %x, %k : si32, si32
      }} else {{
        %k = enigma.const {{value = 7 : si32}} : si32
        scf.yield %x, %k : si32, si32
      }}
      %t = enigma.add %r, %s : si32
      {STORE.format("%t")}""", simplify_branches, remove_dead, simplify_branches)  # fmt: skip
    assert re.search(r"enigma.add %x, %s", text) and "scf.if %b {" in text and "else" not in text


def test_a_condition_is_known_inside_of_what_it_guards() -> None:
    text = after(f"""
      scf.if %b {{
        scf.if %b {{
          {STORE.format("%x")}
        }} else {{
          {STORE.format("%y")}
        }}
      }}""", simplify_branches, simplify_branches)  # fmt: skip
    assert text.count("scf.if") == 1 and "%x :" in text and "%A, %g, %y" not in text


EMPTY_FIRST = "%c = enigma.cmp_lt %x, %y : si32\nscf.if %c {{ }} else {{ {} }}"


def test_an_empty_first_arm_is_turned_round() -> None:
    text = after(f"{EMPTY_FIRST.format(STORE.format('%x'))}\n{STORE.format('%y')}", simplify_branches)
    assert "enigma.cmp_ge %x, %y : si32" in text and "else" not in text


def test_an_empty_first_arm_stays_where_a_return_was() -> None:
    text = after(EMPTY_FIRST.format(STORE.format("%x")), simplify_branches)
    assert "enigma.cmp_lt" in text and "else" in text


def for_loop(body: str, *, init: str = "%zero", bounds: str = "%lo to %hi step %st") -> str:
    return f"""
      %r = scf.for %iv = {bounds} iter_args(%acc = {init}) -> (si32) {{
        %i = enigma.from_index %iv : index -> si32
        {body}
      }}
      {STORE.format("%r")}"""


@pytest.mark.parametrize("yielded", ["%acc", "%zero"])
def test_a_carried_value_that_never_changes_is_its_start(yielded: str) -> None:
    text = after(for_loop(f"{STORE.format('%i')}\nscf.yield {yielded} : si32"), simplify_loops)
    assert "iter_args" not in text and "enigma.store %A, %g, %zero" in text


def test_a_loop_that_never_runs_is_its_start() -> None:
    text = after(for_loop("scf.yield %i : si32", bounds="%lo to %lo step %st"), simplify_loops)
    assert "scf.for" not in text and "enigma.store %A, %g, %zero" in text


def test_a_loop_that_runs_once_is_its_body() -> None:
    text = after(
        for_loop("%s = enigma.add %acc, %x : si32\nscf.yield %s : si32", bounds="%lo to %st step %st"), simplify_loops
    )
    assert "scf.for" not in text and "enigma.add %zero, %x" in text


def test_a_while_loop_drops_what_it_only_hands_on() -> None:
    text = after(f"""
      %r, %s = scf.while (%p = %x, %q = %y) : (si32, si32) -> (si32, si32) {{
        %c = enigma.cmp_lt %p, %q : si32
        scf.condition(%c) %p, %q : si32, si32
      }} do {{
      ^bb0(%p: si32, %q: si32):
        %n = enigma.add %p, %q : si32
        scf.yield %n, %q : si32, si32
      }}
      %t = enigma.add %r, %s : si32
      {STORE.format("%t")}""", simplify_loops)  # fmt: skip
    assert re.search(r"enigma.cmp_lt %\w+, %y : si32", text) and ": (si32) -> si32 {" in text


def test_equal_operations_are_computed_once_in_any_order_that_commutes() -> None:
    text = after(f"""
      %p = enigma.add %x, %y : si32
      %q = enigma.add %y, %x : si32
      %s = enigma.sub %x, %y : si32
      %t = enigma.sub %y, %x : si32
      %u = enigma.mul %p, %q : si32
      %v = enigma.mul %s, %t : si32
      %w = enigma.mul %u, %v : si32
      {STORE.format("%w")}""", share)  # fmt: skip
    assert text.count("enigma.add") == 1 and text.count("enigma.sub") == 2


def test_zeros_of_both_signs_are_not_shared() -> None:
    text = after(f"""
      %p = enigma.const {{value = 0.0 : f32}} : f32
      %q = enigma.const {{value = -0.0 : f32}} : f32
      %u = enigma.copysign %p, %q : f32
      %v = enigma.convert %u : f32 -> si32
      {STORE.format("%v")}""", share)  # fmt: skip
    assert "0.000000e+00 : f32" in text and "-0.000000e+00 : f32" in text


LOADS = """
      %p = enigma.load %A, %g : !enigma.buffer<si32>, ui32
      {}
      %q = enigma.load %A, %g : !enigma.buffer<si32>, ui32
      %s = enigma.mul %p, %q : si32
      enigma.store %A, %g, %s : !enigma.buffer<si32>, ui32"""


@pytest.mark.parametrize(
    ("between", "loads"),
    [
        ("", 1),
        ("enigma.store %A, %g, %x : !enigma.buffer<si32>, ui32", 2),
        ('enigma.threadgroup_barrier {mem_flags = "mem_device"}', 2),
        ("scf.if %b { enigma.store %A, %g, %x : !enigma.buffer<si32>, ui32 }", 2),
        ("scf.if %b { %z = enigma.load %A, %g : !enigma.buffer<si32>, ui32 }", 1),
    ],
)
def test_reads_are_shared_only_while_memory_stays(between: str, loads: int) -> None:
    assert after(LOADS.format(between), share).count("enigma.load") == loads


def test_a_read_in_a_loop_that_writes_is_not_the_one_before_it() -> None:
    body = f"%q = enigma.load %A, %g : !enigma.buffer<si32>, ui32\n{STORE.format('%q')}\nscf.yield %q : si32"
    text = after(f"%p = enigma.load %A, %g : !enigma.buffer<si32>, ui32\n{for_loop(body, init='%p')}", share)
    assert text.count("enigma.load") == 2


def test_sibling_arms_share_nothing() -> None:
    arm = f"%s = enigma.add %x, %y : si32\n{STORE.format('%s')}"
    assert after(f"scf.if %b {{ {arm} }} else {{ {arm} }}", share).count("enigma.add") == 2


def test_what_does_not_change_leaves_both_loops_and_reads_stay() -> None:
    inner = f"""
        scf.for %jv = %lo to %hi step %st {{
          %p = enigma.mul %x, %y : si32
          %q = enigma.load %A, %g : !enigma.buffer<si32>, ui32
          %s = enigma.add %p, %q : si32
          %t = enigma.add %s, %acc : si32
          {STORE.format("%t")}
        }}
        scf.yield %i : si32"""
    text = after(for_loop(inner), hoist)
    before, _, inside = text.partition("scf.for")
    assert "enigma.mul" in before and "enigma.load" not in before
    assert "enigma.load" in inside


def test_a_branch_in_a_loop_keeps_its_own_work() -> None:
    body = f"scf.if %b {{ %p = enigma.mul %x, %y : si32\n{STORE.format('%p')} }}\nscf.yield %i : si32"
    text = after(for_loop(body), hoist)
    assert "enigma.mul" in text.partition("scf.if")[2]


def test_dead_cycles_of_carried_values_are_gone() -> None:
    text = after(f"""
      %r, %s = scf.for %iv = %lo to %hi step %st iter_args(%p = %x, %q = %y) -> (si32, si32) {{
        %p2 = enigma.add %p, %one : si32
        %q2 = enigma.add %q, %one : si32
        scf.yield %p2, %q2 : si32, si32
      }}
      {STORE.format("%s")}""")  # fmt: skip
    assert "-> (si32) {" in text and "%p" not in text


def test_statements_without_effect_and_use_are_gone_but_a_while_may_not_end() -> None:
    assert "scf.for" not in after("scf.for %iv = %lo to %hi step %st { %p = enigma.add %x, %y : si32 }")
    assert "scf.if" not in after("scf.if %b { %p = enigma.load %A, %g : !enigma.buffer<si32>, ui32 }")
    assert "scf.while" in after("""scf.while () : () -> () {
        scf.condition(%b)
      } do {
        scf.yield
      }""")


@pytest.mark.parametrize("name", SAMPLES)
def test_the_pipeline_keeps_locations_names_and_stop_flags(name: str) -> None:
    module = build(SAMPLES[name]())
    flags = [early_exit(op) for op in module.walk() if op.name in ("scf.for", "scf.while")]
    run(module, verify_each=True)
    assert all(str(place(op)).startswith("sample.py:") for op in module.walk())
    assert [early_exit(op) for op in module.walk() if op.name in ("scf.for", "scf.while")] == flags
    once = print_module(module)
    run(module)
    assert print_module(module) == once


def test_passes_are_observed_and_can_be_left_out() -> None:
    seen: list[str] = []
    run(build(SAMPLES["narrow"]()), observe=lambda name, _: seen.append(name))
    assert seen and set(seen) <= {step.name for step in PASSES}
    module = build(SAMPLES["dot"]())
    as_built = print_module(module)
    run(module, without=("licm",))
    assert print_module(module) == as_built
    run(module, canonicalize=False)
    assert print_module(module) == as_built


def test_a_block_without_terminator_is_our_mistake() -> None:
    block = module_of("").body.block
    block.erase_op(block.ops.first)  # type: ignore[arg-type]
    with pytest.raises(InternalError, match="a block is empty"):
        terminator(block)


@needs_mlir_opt
def test_mlir_opt_accepts_optimised_modules() -> None:
    modules = [build(sample()) for sample in SAMPLES.values()]
    for module in modules:
        run(module)
    text = "\n".join(print_module(module, generic=True, locations=True) for module in modules)
    status, _, complaints = mlir_opt(text, "--canonicalize", "--cse", "-o", "/dev/null")
    assert (status, complaints) == (0, "")
