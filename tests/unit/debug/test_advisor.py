"""The access advisor on kernels whose accesses are known: which lines, strides and banks the lanes of a simdgroup touch."""

from __future__ import annotations

import json
from typing import Any

import pytest

import enigma as en
from tests.spec.forms import load
from tests.unit.emit.test_multiples import SPLIT, WHOLE


def _advise(body: str, threads: Any = 256, parameters: str = "", **options: Any) -> en.AccessReport:
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    source = f"""import enigma as en
@en.kernel
def kernel(A: en.f32, Out: en.f32, Idx: en.u32, n: en.Scalar[en.u32]{parameters}):
    i = en.thread_position_in_grid
    lane = en.thread_index_in_simdgroup()
    group = en.simdgroup_index_in_threadgroup()
{lines}
"""
    kernel: Any = load(source, "advised").kernel
    return en.advise(kernel, threads=threads, **options)


def _read(body: str, **options: Any) -> en.Access:
    return next(access for access in _advise(body, **options).accesses if access.buffer == "A")


# index of a read of A (f32): pattern, stride, fewest and most lines, bytes used of each
KNOWN: dict[str, tuple[str, int | None, tuple[int, int], int, str]] = {
    "i": ("stride 1", 1, (1, 1), 128, "good"),
    "i + 1": ("stride 1", 1, (2, 2), 64, "shifted"),
    "2 * i": ("stride 2", 2, (2, 2), 64, "strided"),
    "31 - lane": ("stride -1", -1, (1, 1), 128, "good"),
    "lane * 32": ("stride 32", 32, (32, 32), 4, "strided"),
    "lane * n": ("stride varies", None, (12, 32), 4, "scattered"),
    "n": ("uniform", 0, (1, 1), 4, "good"),
    "7": ("uniform", 0, (1, 1), 4, "good"),
    "lane // 8": ("uniform in runs of 8", 0, (1, 1), 16, "good"),
    "lane % 16 + lane // 16 * 64": ("stride 1 in runs of 16", 1, (2, 2), 64, "short rows"),
    "i ^ 5": ("irregular", None, (1, 1), 128, "good"),
    "Idx[i]": ("irregular", None, (0, 0), 0, "gather"),
    "Idx[group] * 32 + lane": ("stride 1", 1, (1, 1), 128, "good"),
    "en.simd_broadcast_first(i) + lane": ("stride 1", 1, (1, 1), 128, "good"),
}


@pytest.mark.parametrize("index", KNOWN)
def test_a_known_index(index: str) -> None:
    pattern, stride, lines, used, verdict = KNOWN[index]
    access = _read(f"Out[i] = A[{index}]")
    assert (access.pattern, access.stride, access.verdict) == (pattern, stride, verdict)
    if index == "lane * n":  # what the samples are is no promise
        assert access.depends == "sample" and access.lines is not None and access.lines[1] == 32
    elif index == "Idx[i]":
        assert access.depends == "data" and access.lines is not None and access.lines[1] > 8
    else:
        assert (access.lines, access.bytes_per_line) == (lines, used)
    assert bool(access.help) == (verdict != "good")


def test_an_access_says_where_it_stands_and_what_it_moves() -> None:
    read, write = _advise("Out[i] = A[i]").accesses
    assert (read.kind, read.space, read.dtype, read.width, read.count) == ("read", "device", "f32", 4, 1)
    assert (write.kind, write.buffer, write.source, write.line) == ("write", "Out", "Out[i] = A[i]", 11)
    assert read.file == "advised.py" and read.conflict is None and read.depends == ""


def test_vectors_move_sixteen_bytes_and_fill_four_lines() -> None:
    access = _read("Out.store(4 * i, A.load(4 * i, 4))")
    assert (access.dtype, access.width, access.lines, access.bytes_per_line) == ("f32x4", 16, (4, 4), 128)
    assert access.verdict == "good" and not access.packed


@pytest.mark.parametrize(("index", "packed"), [*((x, False) for x in WHOLE), *((x, True) for x in SPLIT)])
def test_vectors_are_packed_where_metal_text_packs_them(index: str, packed: bool) -> None:
    report = _advise(f"Out.store(i * 4, A.load({index}, 4))")
    access = next(access for access in report.accesses if access.dtype == "f32x4" and access.kind == "read")
    assert access.packed is packed
    assert (access.verdict == "packed") is packed


def test_neighbouring_elements_could_be_one_vector() -> None:
    accesses = _advise("Out[i] = A[2 * i] + A[4*i] + A[4*i+1] + A[4*i+2] + A[4*i+3]").accesses
    assert [access.verdict for access in accesses] == ["strided", *["not vectorised"] * 4, "good"]
    assert "A.load(4 * i, 4) moves them at once" in accesses[1].help
    pair = _advise("Out[2*i] = A[3*i]\nOut[2*i+1] = 1.0").accesses
    assert [access.verdict for access in pair] == ["strided", "not vectorised", "not vectorised"]
    assert "Out.store(2 * i, vector)" in pair[1].help


@pytest.mark.parametrize(
    ("width", "conflict", "verdict"),
    [(32, 32, "bank conflict"), (33, 1, "good"), (34, 2, "bank conflict"), (40, 8, "bank conflict")],
)
def test_a_transpose_through_a_tile(width: int, conflict: int, verdict: str) -> None:
    body = f"""x, y, _ = en.arch.thread_idx()
tile = en.threadgroup_alloc(en.f32, 32 * {width})
tile[y * {width} + x] = A[y * 32 + x]
en.barrier()
Out[y * 32 + x] = tile[x * {width} + y]"""
    row, column = (access for access in _advise(body, threads=(32, 32, 1)).accesses if access.space == "threadgroup")
    assert (row.conflict, row.verdict, row.lines) == (1, "good", None)
    assert (column.conflict, column.verdict, column.pattern) == (conflict, verdict, f"stride {width}")
    assert (f"(32, {width + 1}) for a tile of (32, {width})" in column.help) == (conflict > 1)


@pytest.mark.parametrize(("dtype", "index", "conflict"), [
    ("en.f32", "n & 7", 1), ("en.f32", "2 * lane", 2), ("en.f16", "lane", 1), ("en.f16", "2 * lane", 1), ("en.f32", "lane // 2", 1),
    ("en.f16", "64 * lane", 32), ("en.f32x4", "lane", 1), ("en.f32", "(lane & 1) * 32", 2),
])  # fmt: skip
def test_banks(dtype: str, index: str, conflict: int) -> None:
    body = f"s = en.threadgroup_alloc({dtype}, 2048)\nv = s[{index}]\ns[lane] = v"
    access = _advise(body).accesses[0]
    assert access.conflict == conflict


def test_conditions_on_the_lane_count_and_those_on_parameters_do_not() -> None:
    first = _read("if lane == 0:\n    Out[i] = A[i]")
    assert (first.pattern, first.lines) == ("one lane", (1, 1))
    guarded = _read("if i < n:\n    Out[i] = A[i]")
    assert (guarded.pattern, guarded.lines, guarded.depends) == ("stride 1", (1, 1), "")


def test_loops_show_what_changes_from_round_to_round() -> None:
    columns = _advise(
        "total = 0.0\nfor k in range(n):\n    total += A[k * 32 + lane] + A[lane * 64 + k]\nOut[i] = total"
    ).accesses
    assert [(a.pattern, a.lines) for a in columns[:2]] == [("stride 1", (1, 1)), ("stride 64", (32, 32))]
    halved = _advise("s = en.u32(64)\nwhile s > 0:\n    Out[i] = A[i * s]\n    s = s // 2").accesses[0]
    assert halved.pattern in ("varies", "stride varies") and halved.lines == (1, 32)


def test_threads_in_two_axes_and_constants() -> None:
    body = "x, y, _ = en.arch.thread_idx()\nOut[i] = A[y * W + x]"
    access = _read(body, threads=(16, 16, 1), parameters=", W: en.constexpr = 16", constants={"W": 64})
    assert (access.pattern, access.lines) == ("stride 1 in runs of 16", (2, 2))
    assert _read(body, threads=(16, 16), parameters=", W: en.constexpr = 16").pattern == "stride 1"


def test_constant_memory_is_for_what_all_lanes_read() -> None:
    same, differs = _advise("Out[i] = C[n] + C[lane]", parameters=", C: en.Constant[en.f32]").accesses[:2]
    assert (same.space, same.verdict, differs.verdict) == ("constant", "good", "not uniform")


def test_atomics_and_operations_that_stand_at_one_place() -> None:
    report = _advise("en.atomic_fetch_add(Idx, lane & 3, 1)")
    assert [(access.kind, access.buffer) for access in report.accesses] == [("atomic", "Idx")]
    unrolled = _advise("total = 0.0\nfor k in (0, 1, 2):\n    total += A[i]\nOut[i] = total")
    assert [access.count for access in unrolled.accesses] == [3, 1]


@pytest.mark.parametrize(("step", "conflict"), [(16, 2), (20, 1), (32, 4), (36, 1), (8, 1)])
def test_matrices_in_threadgroup_memory_and_their_banks(step: int, conflict: int) -> None:
    """Rows of 32 bytes: 8 of them at a distance of 64 bytes fall on half of the banks, 16 bytes more on all."""
    report = _advise(
        f"tile = en.threadgroup_alloc(en.f32, 512)\nm = en.simdgroup_matrix_load(tile, {step})\n"
        f"en.simdgroup_matrix_store(m, tile, {step})", threads=32,
    )  # fmt: skip
    assert [(x.kind, x.pattern, x.conflict) for x in report.accesses] == [
        ("read", "8 x 8", conflict),
        ("write", "8 x 8", conflict),
    ]
    assert ("16 bytes longer" in str(report)) == (conflict > 1)
    assert not report.skipped


def test_matrices_in_device_memory_and_their_lines() -> None:
    whole = _advise("m = en.simdgroup_matrix_load(A, 8)\nen.simdgroup_matrix_store(m, Out, 64)", threads=32)
    assert [(x.kind, x.lines, x.verdict) for x in whole.accesses] == [
        ("read", (2, 2), "good"),
        ("write", (8, 8), "rows apart"),
    ]
    assert "8 lines for what fits into 2" in str(whole)


def test_the_report_as_text_json_and_html() -> None:
    report = _advise("Out[i] = A[2 * i]")
    text = str(report)
    assert "read A" in text and "stride 2" in text and "64/128" in text and "Out[i] = A[2 * i]" in text
    data = json.loads(report.to_json())
    assert data["accesses"][0]["stride"] == 2 and data["threads"] == [256, 1, 1]
    assert ">stride 2</td>" in report._repr_html_()  # pyright: ignore[reportPrivateUsage] - a notebook calls it
    assert "no access" in str(_advise("x = i + 1"))


def test_what_is_no_kernel_is_refused() -> None:
    with pytest.raises(en.EnigmaTypeError, match="advise takes a kernel, but it got 3"):
        en.advise(3)
    with pytest.raises(en.LaunchError, match="the limit is"):
        _advise("Out[i] = A[i]", threads=(64, 64, 1))


@pytest.mark.parametrize(
    ("dtype", "width", "better"),
    [
        ("f32", 32, 33),
        ("f16", 32, 34),
        ("f16", 33, 34),
        ("i8", 32, 36),
        ("i8", 64, 68),
        ("bf16", 64, 66),
        ("u16", 36, 38),
    ],
)
def test_the_padding_that_is_advised_ends_the_conflict(dtype: str, width: int, better: int) -> None:
    """A column lies in all banks if the rows are an odd number of words."""

    def column(row: int) -> en.Access:
        body = f"""x, y, _ = en.arch.thread_idx()
tile = en.threadgroup_alloc(en.{dtype}, 32 * {row})
tile[y * {row} + x] = A[y * 32 + x]
en.barrier()
A[y * 32 + x] = tile[x * {row} + y]"""
        report = _advise(body.replace("A[", "D["), threads=(32, 32, 1), parameters=f", D: en.{dtype}")
        return [access for access in report.accesses if access.space == "threadgroup"][1]

    assert (column(width).conflict or 0) > 1
    assert f"(32, {better}) for a tile of (32, {width})" in column(width).help
    assert (column(better).conflict, column(better).verdict) == (1, "good")


def test_small_strides_of_threadgroup_memory_have_no_rows() -> None:
    body = """tile = en.threadgroup_alloc(en.f32, 1024)
tile[lane] = A[i]
en.barrier()
Out[i] = tile[2 * lane]"""
    access = next(each for each in _advise(body).accesses if each.pattern == "stride 2")
    assert (access.conflict, access.verdict) == (2, "bank conflict")
    assert "lanes are 2 elements apart" in access.help
    assert "rows" not in access.help


JOINED = {
    "x = A[4 * i] + A[4 * i + 1]": 2,
    "x = A[4 * i]\n{store}\nx += A[4 * i + 1]": 0,
    "x = A[4 * i]\nif x > 0:\n    {store}\nx += A[4 * i + 1]": 0,
    "x = A[4 * i]\nfor k in range(n):\n    {store}\nx += A[4 * i + 1]": 0,
    'x = A[4 * i]\nen.barrier("mem_device")\nx += A[4 * i + 1]': 0,
    "x = A[4 * i]\nOut[i] = x\nx += A[4 * i + 1]": 2,  # another buffer
    "{store}\nx = A[4 * i] + A[4 * i + 1]": 2,
    "x = A[4 * i] + A[4 * i + 1]\n{store}\nx += A[4 * i + 2] + A[4 * i + 3]": 2,
    "x = A[3 * i] + A[3 * i + 1] + A[3 * i + 2]": 3,
}


@pytest.mark.parametrize("body", JOINED)
def test_reads_are_joined_only_where_nothing_is_written_between(body: str) -> None:
    found = _advise(body.format(store="A[4 * i + 2] = 1.0") + "\nOut[i] = x").accesses
    advised = [each for each in found if each.buffer == "A" and each.kind == "read" and ".load(" in each.help]
    want = JOINED[body]
    assert (f", {want})" in advised[0].help) if want else not advised
    if body.count("A[4 * i +") == 4:
        assert [each.help.split("; ")[1][:20] for each in advised] == ["A.load(4 * i, 2) mov", "A.load(4 * i + 2, 2)"]


@pytest.mark.parametrize(
    ("body", "joined"),
    [
        ("Out[2 * i] = 1.0\nOut[2 * i + 1] = 2.0", True),
        ("Out[2 * i] = 1.0\nx = Out[2 * i]\nOut[2 * i + 1] = x", False),
        ('Out[2 * i] = 1.0\nen.barrier("mem_device")\nOut[2 * i + 1] = 2.0', False),
        ("Out[2 * i] = 1.0\nx = A[i]\nOut[2 * i + 1] = x", True),
    ],
)
def test_writes_are_joined_only_where_nothing_is_read_between(body: str, joined: bool) -> None:
    assert any("Out.store(" in each.help for each in _advise(body).accesses) == joined


def test_an_index_may_cross_zero_in_a_sample() -> None:
    """What only a launch knows is sampled: n - 1 - i is a stride of -1 however small the sample of n is."""
    assert (_read("Out[i] = A[n - 1 - i]").pattern, _read("Out[i] = A[i - 1]").pattern) == ("stride -1", "stride 1")
    assert _read("Out[i] = A[n - 1 - i]").verdict == "shifted"


def test_narrow_threadgroups_have_short_rows() -> None:
    body = "x, y, _ = en.arch.thread_idx()\nOut[y * 512 + x] = A[y * 512 + x]"
    narrow, wide = (_read(body, threads=threads) for threads in ((8, 8), (32, 8)))
    assert (narrow.pattern, narrow.lines, narrow.verdict) == ("stride 1 in runs of 8", (4, 4), "short rows")
    assert "only 8 lanes in a row" in narrow.help
    assert "32 threads wide" in narrow.help
    assert wide.verdict == "good"


def test_atomics_at_random_are_collected_first() -> None:
    access = next(
        each for each in _advise("en.atomic_fetch_add(Idx, Idx[i] % 4096, 1)").accesses if each.kind == "atomic"
    )
    assert access.verdict == "gather"
    assert "collect in threadgroup memory first" in access.help
