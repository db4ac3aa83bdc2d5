"""Settings read from the environment: every variable that enigma knows, in one place."""

from __future__ import annotations

import os
import sys


def emit_only() -> bool:
    """ENIGMA_EMIT_ONLY: whether `compile` stops at text; without it, true everywhere but on macOS."""
    if os.environ.get("ENIGMA_EMIT_ONLY"):
        return True
    return sys.platform != "darwin"


def device() -> str | None:
    """ENIGMA_DEVICE: the runtime that `enigma.runtime()` returns (`cpu`, `sim` or `metal`), or None."""
    return os.environ.get("ENIGMA_DEVICE") or None


def dump_folder() -> str | None:
    """ENIGMA_DUMP: the folder to write every stage and every pass to, or None."""
    return os.environ.get("ENIGMA_DUMP") or None


def shader_validation() -> bool:
    """MTL_SHADER_VALIDATION: whether Metal checks every access of a kernel; Metal reads it when the process starts.

    What it finds stands in no error: `enigma run --validate` reads it from standard error, where it is written if
    MTL_SHADER_VALIDATION_REPORT_TO_STDERR is 1 too.
    """
    return os.environ.get("MTL_SHADER_VALIDATION", "0") not in ("", "0")


def no_canonicalize() -> bool:
    """ENIGMA_NO_CANONICALIZE: whether the optimising passes are skipped."""
    return bool(os.environ.get("ENIGMA_NO_CANONICALIZE"))


def force_no_metal() -> bool:
    """ENIGMA_FORCE_NO_METAL: whether Metal is treated as absent even where it is present."""
    return bool(os.environ.get("ENIGMA_FORCE_NO_METAL"))


def cache_folder() -> str | None:
    """ENIGMA_CACHE_DIR: the folder of the disk cache, or None for the platform's own."""
    return os.environ.get("ENIGMA_CACHE_DIR") or None


def no_cache() -> bool:
    """ENIGMA_NO_CACHE: whether the disk cache is neither read nor written."""
    return bool(os.environ.get("ENIGMA_NO_CACHE"))


def print_lines() -> int:
    """ENIGMA_PRINT_LINES: lines that `enigma.print` keeps of one launch; 4096 if it is no positive number."""
    text = os.environ.get("ENIGMA_PRINT_LINES", "")
    return int(text) if text.isdigit() and int(text) > 0 else 4096


def num_threads() -> int | None:
    """ENIGMA_NUM_THREADS: threads of the CPU runtime, or None for one per available core."""
    text = os.environ.get("ENIGMA_NUM_THREADS")
    return int(text) if text and text.isdigit() and int(text) > 0 else None
