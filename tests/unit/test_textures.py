"""Textures on the simulator and the CPU: reads, writes and samples against plain Python, for odd sizes and every format."""

from __future__ import annotations

import inspect
from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import enigma as en
from enigma.compile import compile as compile_kernel
from enigma.dialect.text import parse_module, print_module
from enigma.dialect.verify import verify
from enigma.errors import InternalError
from tests.device.runtimes import LANGUAGE, RUNTIMES
from tests.spec.forms import load
from tests.unit import texture_truth as truth
from tests.unit.dialect.mlir_opt import mlir_opt, needs_mlir_opt

Array = NDArray[Any]
NUMPY = {"f32": np.float32, "f16": np.float16, "i32": np.int32, "u32": np.uint32, "i16": np.int16, "u16": np.uint16}
SHAPES = {
    "1D": [(1,), (7,), (33,)],
    "2D": [(1, 1), (5, 7), (33, 3)],
    "3D": [(1, 1, 1), (2, 3, 5)],
    "2DArray": [(1, 1, 1), (3, 2, 5)],
}
"""Sizes of arrays without the components: the last is the width."""

GRID_AXES = {"1D": 1, "2D": 2, "3D": 3, "2DArray": 3}


def image(shape: tuple[int, ...], channels: int | None, kind: Any, seed: int = 0) -> Array:
    """Return an array of a texture with numbers of both signs where there are such."""
    random = np.random.default_rng(seed)
    full = shape if channels is None else (*shape, channels)
    if np.dtype(kind).kind == "f":
        return random.uniform(-4, 4, full).astype(kind)
    limits = np.iinfo(kind)
    return random.integers(limits.min, limits.max, full, endpoint=True).astype(kind)


def run(target: str, kernel: Any, *arguments: Any, grid: Any, threads: Any = None) -> None:
    RUNTIMES[target]().run(compile_kernel(kernel, emit_only=True).program, list(arguments), grid, threads)


def _copy_source(kind: str, dtype: str) -> str:
    axes = GRID_AXES[kind]
    names = ["x", "y", "z" if kind == "3D" else "layer"][:axes]
    at = [f"en.thread_position_in_grid_xyz('{axis}') - 1" for axis in "xyz"[:axes]]
    lines = [f"    {name} = {text}" for name, text in zip(names, at, strict=True)]
    here, there = ", ".join(names), ", ".join([f"{names[0]} + 2", *names[1:]])
    return f"""@en.kernel
def copy_{kind}_{dtype}(T: en.Texture{kind}(en.{dtype}), D: en.Texture{kind}(en.{dtype}, "write")):
{chr(10).join(lines)}
    D.write(T.read({there}), {here})


@en.kernel
def list_{kind}_{dtype}(T: en.Texture{kind}(en.{dtype}, "sample"), C: en.i32, Out: en.{dtype}x4, n: en.Scalar(en.u32)):
    i = en.thread_position_in_grid
    if i < n:
        Out[i] = T.read({", ".join(f"C[i * {axes} + {axis}]" for axis in range(axes))})
"""


MODULE = load("\n\n".join(_copy_source(kind, dtype) for kind, dtype in product(SHAPES, NUMPY)), "copies")


@pytest.mark.parametrize("target", LANGUAGE)
@pytest.mark.parametrize("dtype", NUMPY)
@pytest.mark.parametrize("kind", SHAPES)
def test_texels_are_moved_and_those_outside_are_zero_or_dropped(kind: str, dtype: str, target: str) -> None:
    kernel = getattr(MODULE, f"copy_{kind}_{dtype}")
    for shape, channels in product(SHAPES[kind], (None, 1, 2, 4)):
        source = image(shape, channels, NUMPY[dtype])
        found = np.full_like(source, 1)
        grid = tuple(size + 3 for size in reversed(shape))  # the first is -1 and wraps, the last two are past the end
        run(target, kernel, source, found, grid=grid, threads=(4,) * len(grid))
        wanted, axis = np.zeros_like(source), len(shape) - 1
        wanted.swapaxes(0, axis)[:-2] = source.swapaxes(0, axis)[2:]
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("target", LANGUAGE)
@pytest.mark.parametrize("dtype", NUMPY)
@pytest.mark.parametrize("kind", SHAPES)
def test_reads_give_four_components_whatever_is_stored(kind: str, dtype: str, target: str) -> None:
    kernel = getattr(MODULE, f"list_{kind}_{dtype}")
    random = np.random.default_rng(1)
    for shape, channels in product(SHAPES[kind], (1, 2, 4)):
        source = image(shape, channels, NUMPY[dtype])
        places = np.stack([random.integers(-2, size + 2, 37) for size in reversed(shape)], axis=1).astype(np.int32)
        places[:2] = [[-(2**31)] * len(shape), [2**31 - 1] * len(shape)]
        found = np.zeros((40, 4), NUMPY[dtype])
        run(target, kernel, source, places, found, 37, grid=40, threads=32)
        wanted = [[float(x) for x in truth.texel(source, list(map(int, at)), border=False)] for at in places]
        np.testing.assert_array_equal(found[:37].astype(np.float64), np.array(wanted))


def _sample_source(kind: str, dtype: str, filter: str, address: str, normalized: bool) -> str:
    axes = 1 if kind == "1D" else 3 if kind == "3D" else 2
    at = ", ".join(f"C[i * {axes} + {axis}]" for axis in range(axes))
    layer = ", L[i]" if kind == "2DArray" else ""
    options = f'filter="{filter}", address="{address}", normalized={normalized}'
    name = f"s_{kind}_{dtype}_{filter}_{address}_{normalized}"
    return f"""@en.kernel
def {name}(T: en.Texture{kind}(en.{dtype}, "sample"), C: en.f32, L: en.u32, Out: en.{dtype}x4, n: en.Scalar(en.u32)):
    i = en.thread_position_in_grid
    if i < n:
        Out[i] = T.sample({at}{layer}, {options})
"""


WAYS = [
    (filter, address, normalized)
    for filter, address, normalized in product(("nearest", "linear"), truth.ADDRESS, (True, False))
    if normalized or not address.endswith("repeat")
]
SAMPLED = load(
    "\n\n".join(_sample_source(kind, dtype, *way) for kind, dtype, way in product(SHAPES, ("f32", "f16", "i16"), WAYS)
    if dtype != "i16" or way[0] == "nearest"), "samples",
)  # fmt: skip


def coordinates(sizes: tuple[int, ...], *, normalized: bool, seed: int) -> Array:
    """Return places inside, near the edges, exactly between texels, far outside, and those that are no places."""
    random = np.random.default_rng(seed)
    scale = np.ones(len(sizes)) if normalized else np.array(sizes, np.float64)
    # eighths of a texel: a float holds them, and no rounding moves one across a border between texels
    eighths = random.integers(-24, 8 * np.array(sizes) + 24, (40, len(sizes))) / 8
    found = eighths / np.array(sizes) * scale if normalized else eighths
    odd = np.array([np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-40, -0.0, 0.0, 1.0, 0.5])
    rest = random.choice(odd, (15, len(sizes)))
    far = (random.integers(-2000, 2000, (8, len(sizes))) + 0.25) * scale
    return np.concatenate([found, rest, far]).astype(np.float32)


@pytest.mark.parametrize("target", LANGUAGE)
@pytest.mark.parametrize("dtype", ["f32", "f16", "i16"])
@pytest.mark.parametrize("kind", SHAPES)
def test_samples_are_those_of_exact_arithmetic(kind: str, dtype: str, target: str) -> None:
    # sizes are powers of two here, so that a coordinate is exact and no texel is missed by a rounding
    shapes = {"1D": [(8,), (1,)], "2D": [(2, 8), (1, 1)], "3D": [(2, 1, 4)], "2DArray": [(3, 4, 2)]}[kind]
    for shape, channels, way in product(shapes, (1, 2, 4), WAYS):
        filter, address, normalized = way
        if dtype == "i16" and filter == "linear":
            continue
        source = image(shape, channels, NUMPY[dtype], seed=channels)
        sizes = tuple(reversed(shape))[: 2 if kind == "2DArray" else None]
        places = coordinates(sizes, normalized=normalized, seed=len(address))
        layers = np.random.default_rng(3).integers(0, 5, len(places)).astype(np.uint32)
        found = np.zeros((len(places), 4), NUMPY[dtype])
        kernel = getattr(SAMPLED, f"s_{kind}_{dtype}_{filter}_{address}_{normalized}")
        run(target, kernel, source, places, layers, found, len(places), grid=96, threads=32)
        wanted = np.array([
            [float(x) for x in truth.sample(
                source, [float(u) for u in at], filter=filter, address=address, normalized=normalized,
                layer=int(layer) if kind == "2DArray" else None)]
            for at, layer in zip(places, layers, strict=True)
        ])  # fmt: skip
        if filter == "nearest":
            np.testing.assert_array_equal(found.astype(np.float64), wanted, err_msg=str((way, shape)))
        else:
            # eight products of weights and texels up to 4, each rounded, and the result once more in the texture's dtype
            tolerance = 4 * 2.0**-20 if dtype == "f32" else 4 * 2.0**-10
            np.testing.assert_allclose(
                found.astype(np.float64), wanted, rtol=0, atol=tolerance, err_msg=str((way, shape))
            )


@pytest.mark.parametrize("address", truth.ADDRESS)
def test_linear_samples_of_odd_sizes_agree_on_both_targets_and_with_exact_arithmetic(address: str) -> None:
    kernel, random = getattr(SAMPLED, f"s_2D_f32_linear_{address}_True"), np.random.default_rng(5)
    for shape in ((5, 7), (33, 3), (1, 300)):
        source = image(shape, 4, np.float32)
        places = random.uniform(-3, 3, (200, 2)).astype(np.float32)
        layers, both = np.zeros(200, np.uint32), []
        for target in LANGUAGE:
            found = np.zeros((200, 4), np.float32)
            run(target, kernel, source, places, layers, found, 200, grid=200, threads=64)
            both.append(found)
        # weights are the same on both; sums differ by what a fused multiply-add does not round: 4 ulp of 4
        np.testing.assert_allclose(both[0], both[1], rtol=0, atol=4 * 4 * 2.0**-23)
        wanted = np.array([
            [float(x) for x in truth.sample(source, [float(u) for u in at], filter="linear", address=address)] for at in places
        ])  # fmt: skip
        # a coordinate u of up to 3 textures is off by up to 2 ulp of 3 times the size, and a texel's slope is at most 8
        np.testing.assert_allclose(both[0], wanted, rtol=0, atol=8 * 2 * max(shape) * 3 * 2.0**-23 + 4 * 2.0**-20)


@en.kernel
def halved(T: en.Texture2D(en.f32), D: en.Texture2D(en.f16, "write"), Raw: en.f32x4):  # type: ignore[valid-type]
    x, y = en.thread_position_in_grid_xyz("x"), en.thread_position_in_grid_xyz("y")
    value = T.read(x, y)
    Raw[y * T.width() + x] = value
    D.write(value * 2.0 - 0.5, x, y)


@pytest.mark.parametrize("target", LANGUAGE)
@pytest.mark.parametrize("channels", [1, 2, 4])
def test_bytes_are_fractions_of_255_and_are_rounded_when_written(channels: int, target: str) -> None:
    source = np.resize(np.arange(256, dtype=np.uint8), (16, 32, channels))
    found, raw = np.zeros_like(source), np.zeros((16 * 32, 4), np.float32)
    run(target, halved, source, found, raw, grid=(32, 16), threads=(8, 8))
    single = source.astype(np.float32) / np.float32(255)
    np.testing.assert_array_equal(raw.reshape(16, 32, 4)[..., :channels], single)
    half = (single * np.float32(2) - np.float32(0.5)).astype(np.float16)
    held = np.clip(half.astype(np.float32), 0, 1) * np.float32(255)
    np.testing.assert_array_equal(found, np.rint(held).astype(np.uint8))


@en.kernel
def odd_writes(D: en.Texture1D(en.f32, "write"), A: en.f32):  # type: ignore[valid-type]
    i = en.thread_position_in_grid
    D.write(en.f32x4(A[i]), i)


@pytest.mark.parametrize("target", LANGUAGE)
def test_a_byte_of_nan_is_zero_and_what_is_beyond_is_held(target: str) -> None:
    values = np.array([np.nan, np.inf, -np.inf, -1, 2, 0.5 / 255, 1.5 / 255, 0.49 / 255, 1], np.float32)
    found = np.full(9, 7, np.uint8)
    run(target, odd_writes, found, values, grid=9, threads=9)
    assert found.tolist() == [0, 255, 0, 0, 255, 0, 2, 0, 255]  # halves are rounded to even


@en.kernel
def in_place(T: en.Texture2D(en.i32, "read_write"), n: en.Scalar(en.u32)):  # type: ignore[valid-type]
    x, y = en.thread_position_in_grid_xyz("x"), en.thread_position_in_grid_xyz("y")
    for _ in range(n):
        value = T.read(x, y)
        T.write(value + en.i32x4(1, 2, 3, 4), x, y)
    if x % 2 == 1:
        T.write(T.read(x, y) * 2, x, y)


@pytest.mark.parametrize("target", LANGUAGE)
def test_a_thread_reads_what_it_wrote(target: str) -> None:
    source = image((6, 5), 4, np.int16).astype(np.int32)
    wanted = source + 3 * np.array([1, 2, 3, 4])
    wanted[:, 1::2] *= 2
    run(target, in_place, source, 3, grid=(5, 6), threads=(4, 4))
    np.testing.assert_array_equal(source, wanted)


@en.kernel
def sizes(
    A: en.Texture1D(en.f32),
    B: en.Texture2D(en.f16, "write"),
    C: en.Texture3D(en.u16),
    D: en.Texture2DArray(en.i32),
    Out: en.u32,
):  # type: ignore[valid-type]
    if en.thread_position_in_grid == 0:
        Out[0] = A.width()
        Out[1], Out[2] = B.width(), B.height()
        Out[3], Out[4], Out[5] = C.width(), C.height(), C.depth()
        Out[6], Out[7], Out[8] = D.width(), D.height(), D.array_size()


@pytest.mark.parametrize("target", LANGUAGE)
def test_textures_tell_their_sizes(target: str) -> None:
    line, page = np.zeros(5, np.float32), np.zeros((3, 7, 2), np.float16)
    block, stack = np.zeros((4, 2, 9), np.uint16), np.zeros((6, 8, 1, 1), np.int32)
    found = np.zeros(9, np.uint32)
    run(target, sizes, line, page, block, stack, found, grid=3, threads=3)
    assert found.tolist() == [5, 7, 3, 9, 2, 4, 1, 8, 6]


@en.kernel
def vectors(T: en.Texture2D(en.f32, "sample"), P: en.u32x2, U: en.f32x2, Out: en.f32x4):  # type: ignore[valid-type]
    i = en.thread_position_in_grid
    at = P[i]
    Out[i] = T.read(at) + T.sample(U[i], address="repeat") + T.read(at.yx.to(en.i32)) + T.read(at.x, at.y)


@pytest.mark.parametrize("target", LANGUAGE)
def test_one_vector_is_as_good_as_two_coordinates(target: str) -> None:
    source, random = image((4, 4), 4, np.float32), np.random.default_rng(2)
    places = random.integers(0, 5, (33, 2)).astype(np.uint32)
    between, found = ((places[:, ::-1] + 0.5) / 4).astype(np.float32), np.zeros((33, 4), np.float32)
    run(target, vectors, source, places, between, found, grid=33, threads=32)

    def read(x: int, y: int) -> Array:
        return source[y, x] if x < 4 and y < 4 else np.zeros(4, np.float32)

    wanted = [((read(x, y) + source[x % 4, y % 4]) + read(y, x)) + read(x, y) for x, y in places.astype(int)]
    np.testing.assert_array_equal(found, np.array(wanted, np.float32))


def test_every_way_to_launch_takes_textures() -> None:
    source = image((5, 7), 2, np.float32)
    kernel = MODULE.copy_2D_f32
    wanted = np.zeros_like(source)
    wanted[:, :-2] = source[:, 2:]
    for runtime in (en.SimRuntime(), en.CpuRuntime()):
        compiled = compile_kernel(kernel, emit_only=True)
        shape: dict[str, Any] = {"output_shapes": [source.shape], "output_dtypes": [np.float32]}
        found = runtime.execute(compiled, [source], grid=(10, 8), threads=(8, 8), **shape)
        np.testing.assert_array_equal(found, wanted)
        with runtime.prepare(compiled, [source], **shape) as prepared:
            prepared.set_input(0, source * 2)
            prepared.dispatch((10, 8), (4, 4))
            np.testing.assert_array_equal(prepared.outputs[0], wanted * 2)
    for device in ("sim", "cpu"):
        found = np.zeros_like(source)
        kernel.launch(source, found, grid=(10, 8), threads=(8, 8), device=device)
        np.testing.assert_array_equal(found, wanted)
    found = np.zeros_like(source)
    kernel[(10, 8), (8, 8)](source, found)
    np.testing.assert_array_equal(found, wanted)


def test_one_kernel_takes_arrays_of_several_formats_in_turn() -> None:
    for channels, kind in ((None, np.float32), (4, np.uint8), (2, np.float32), (1, np.uint8), (None, np.float32)):
        source = image((5, 7), channels, kind)
        found = np.zeros_like(source)
        run("cpu", MODULE.copy_2D_f32, source, found, grid=(10, 8), threads=(8, 8))
        np.testing.assert_array_equal(found[:, :-2], source[:, 2:])


def test_annotations_may_be_subscripts() -> None:
    from typing import Literal

    assert en.Texture2D[en.f32] == en.Texture2D(en.f32, "read")
    assert en.Texture3D[en.i16, Literal["write"]] == en.Texture3D(en.i16, "write")
    assert en.Texture2D[en.f32, "sample"] != en.Texture2DArray(en.f32, "sample")
    assert repr(en.Texture1D(en.f16)) == "Texture1D(half, 'read')"
    assert hash(en.Texture2D[en.f32]) == hash(en.Texture2D(en.f32))


def test_the_metal_reads_as_written_by_hand(golden: Any) -> None:
    golden(compile_kernel(resized, emit_only=True).metal_source, "resized")


@en.kernel
def resized(
    Source: en.Texture2D(en.f32, "sample"), Stack: en.Texture2DArray(en.f16, "sample"), Out: en.Texture2D(en.f32, "read_write"),  # type: ignore[valid-type]
    Scale: en.f32, layer: en.Scalar(en.u32),  # type: ignore[valid-type]
):  # fmt: skip
    x, y = en.thread_position_in_grid_xyz("x"), en.thread_position_in_grid_xyz("y")
    if x < Out.width() and y < Out.height():
        u = (x.to(en.f32) + 0.5) / Out.width().to(en.f32)
        v = (y.to(en.f32) + 0.5) / Out.height().to(en.f32)
        linear_repeat = Source.sample(u, v, filter="linear", address="repeat") * Scale[0]
        nearest = Stack.sample(u, v, layer)
        Out.write(linear_repeat + nearest, x, y)
        Out.write(Out.read(x, y) * 0.5 + Source.sample(u, v, filter="linear", address="repeat"), x, y)


def test_pitfall_63_textures_and_samplers_have_slots_and_names_of_their_own() -> None:
    compiled = compile_kernel(resized, emit_only=True)
    assert [(a.name, a.index, a.texture is not None) for a in compiled.program.arguments] == [
        ("Source", 0, True), ("Stack", 1, True), ("Out", 2, True), ("Scale", 0, False), ("layer", 1, False),
    ]  # fmt: skip
    assert [(t.name, t.index, t.metal_type, t.is_written) for t in compiled.texture_params] == [
        ("Source", 0, "texture2d<float, access::sample>", False),
        ("Stack", 1, "texture2d_array<half, access::sample>", False),
        ("Out", 2, "texture2d<float, access::read_write>", True),
    ]
    assert inspect.getdoc(type(compiled.texture_params[0]))


@en.kernel
def tiled(T: en.Texture2D(en.f32, "sample"), D: en.Texture2D(en.f32, "read_write"), Out: en.f32, u: en.Scalar(en.f32)):  # type: ignore[valid-type]
    x, y = en.thread_position_in_grid_xyz("x"), en.thread_position_in_grid_xyz("y")
    lx, ly = en.thread_position_in_threadgroup("x"), en.thread_position_in_threadgroup("y")
    tile = en.threadgroup_alloc(en.f32, (8, 8))
    shared = T.read(3, 2).x + T.sample(u, 0.5, filter="linear").x  # the same in all threads
    tile[ly, lx] = T.read(x, y).x
    en.barrier("mem_threadgroup")
    value = tile[7 - ly, 7 - lx] + shared
    for j in en.range(T.width()):
        if (x + j) % 3 == 0:
            value += T.read(j, y).x
        else:
            value += T.sample(en.f32(j) + 0.5, en.f32(y) + 0.5, normalized=False).x * 2.0
    if x % 2 == 0:
        D.write(en.f32x4(value), x, y)
        value = D.read(x, y).x + 1.0
    Out[y * D.width() + x] = value


@pytest.mark.parametrize("target", LANGUAGE)
def test_textures_in_loops_branches_and_on_both_sides_of_a_barrier(target: str) -> None:
    source = np.random.default_rng(0).integers(0, 9, (16, 24)).astype(np.float32)
    written, out = np.zeros_like(source), np.zeros_like(source)
    run(target, tiled, source, written, out, 0.5, grid=(24, 16), threads=(8, 8))
    turned = source.reshape(2, 8, 3, 8)[:, ::-1, :, ::-1].reshape(16, 24)
    weights = np.where((np.arange(24)[:, None] + np.arange(24)) % 3 == 0, 1, 2)
    wanted = turned + source[2, 3] + source[7:9, 11:13].mean() + source @ weights.astype(np.float32)
    even = np.arange(24) % 2 == 0
    np.testing.assert_array_equal(written, np.where(even, wanted, 0))
    np.testing.assert_array_equal(out, wanted + even)


MODULE_TEXT = """builtin.module {{
  func.func @k(%T: !enigma.texture2d<f32, "{access}">, %V: !enigma.buffer<vector<4xf32>>) attributes {{enigma.kernel}} {{
    %i = enigma.thread_position_in_grid {{dim = "x"}} : ui32
    %at = enigma.vec_make2 %i, %i : ui32
    %v = enigma.load %V, %i : !enigma.buffer<vector<4xf32>>, ui32
    enigma.texture_write_2d %T, %v, %at : !enigma.texture2d<f32, "{access}">
    func.return
  }}
}}
"""


@needs_mlir_opt
@pytest.mark.mlir
@pytest.mark.parametrize(
    ("access", "legal"), [("write", True), ("read_write", True), ("read", False), ("sample", False)]
)
def test_the_access_is_part_of_the_type_for_us_and_for_mlir_opt(access: str, legal: bool) -> None:
    module = parse_module(MODULE_TEXT.format(access=access))
    status, _, complaints = mlir_opt(print_module(module, generic=True), "-o", "/dev/null")
    if legal:
        verify(module)
        assert (status, complaints) == (0, "")
    else:
        with pytest.raises(InternalError, match="texture_write_2d is malformed"):
            verify(module)
        assert status != 0
