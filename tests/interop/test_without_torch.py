"""What says so where PyTorch is not installed."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest


def test_the_module_for_pytorch_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "enigma.interop.torch", raising=False)
    with pytest.raises(ImportError, match=r"enigma.interop.torch needs PyTorch: pip install 'enigma\[interop\]'"):
        importlib.import_module("enigma.interop.torch")


def test_a_launch_does_not_import_pytorch() -> None:
    script = (
        "import sys, numpy as np, enigma\n"
        "import tests.unit.runtime.launched as k\n"
        "k.add[4, 4](*(np.ones(4, np.float32) for _ in range(3)))\n"
        "sys.exit('torch' in sys.modules or 'mlx' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
