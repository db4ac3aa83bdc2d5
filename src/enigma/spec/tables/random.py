"""Counter-based random bits: Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011)."""

from __future__ import annotations

from typing import Any

from enigma.dtypes import u32
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.kit import LATER
from enigma.spec.spelling import Template
from enigma.spec.terms import Effect, Static, Var

WORD = Var("W", (u32,))
ROUNDS = 10
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)  # added to the key after each round

HELPER = f"""inline uint4 philox4x32(uint4 counter, uint2 key) {{{{
    for (int round = 0; round < {ROUNDS}; round++) {{{{
        uint low0 = {MULTIPLIERS[0]:#x}u * counter.x, high0 = mulhi({MULTIPLIERS[0]:#x}u, counter.x);
        uint low1 = {MULTIPLIERS[1]:#x}u * counter.z, high1 = mulhi({MULTIPLIERS[1]:#x}u, counter.z);
        counter = uint4(high1 ^ counter.y ^ key.x, low1, high0 ^ counter.w ^ key.y, low0);
        key += uint2({WEYL[0]:#x}u, {WEYL[1]:#x}u);
    }}}}
    return counter;
}}}}
"""


def _meaning(np: Any, c0: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any, word: int) -> Any:
    counter, key = [np.asarray(c, np.uint64) for c in (c0, c1, c2, c3)], [np.asarray(k, np.uint64) for k in (k0, k1)]
    low, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    for _ in range(ROUNDS):
        first, second = (np.uint64(m) * c for m, c in zip(MULTIPLIERS, counter[::2], strict=True))
        counter = [
            (second >> half) ^ counter[1] ^ key[0], second & low, (first >> half) ^ counter[3] ^ key[1], first & low,
        ]  # fmt: skip
        key = [(k + np.uint64(w)) & low for k, w in zip(key, WEYL, strict=True)]
    return counter[word].astype(np.uint32)


def _words(b: Any, c0: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any) -> tuple[Any, ...]:
    counter, key = (c0, c1, c2, c3), (k0, k1)
    for _ in range(ROUNDS):
        first, second = (b.constant(m, u32) for m in MULTIPLIERS)
        counter = (
            b.xor(b.xor(b.mul_hi(second, counter[2]), counter[1]), key[0]), b.mul(second, counter[2]),
            b.xor(b.xor(b.mul_hi(first, counter[0]), counter[3]), key[1]), b.mul(first, counter[0]),
        )  # fmt: skip
        key = tuple(b.add(k, b.constant(w, u32)) for k, w in zip(key, WEYL, strict=True))
    return counter


ROWS: tuple[Intrinsic, ...] = (
    Intrinsic(
        name="philox4x32", params={**dict.fromkeys(("c0", "c1", "c2", "c3", "k0", "k1"), WORD), "word": Static(0, 3, 0)},
        result=WORD, effect=Effect.PURE, cuda=LATER,
        doc="One of the four words, 0 to 3, that Philox 4x32-10 makes of the counter c and the key k.",
        msl=Template("philox4x32(uint4({c0}, {c1}, {c2}, {c3}), uint2({k0}, {k1}))[{word}]"),
        prelude={f"msl:{u32.name}": HELPER},
        llvm=lambda b, c0, c1, c2, c3, k0, k1, word: b.shared("philox", _words, c0, c1, c2, c3, k0, k1)[word],
        ref=_meaning, example="philox4x32(c0, c1, c2, c3, k0, k1)"),
)  # fmt: skip
