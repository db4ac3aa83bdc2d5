"""The disk cache under damage, other processes and folders that cannot be used."""

from __future__ import annotations

import hashlib
import importlib.metadata
import multiprocessing
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enigma.errors import InternalError
from enigma.runtime import cache
from enigma.runtime.cache import DiskCache

ITEMS = {"object": bytes(range(256)) * 9, "meta": b"", "name é": b"x"}


def test_what_is_put_comes_back(tmp_path: Path) -> None:
    DiskCache(tmp_path / "new" / "folder").put("k", ITEMS)
    assert DiskCache(tmp_path / "new" / "folder").get("k") == ITEMS


@given(items=st.dictionaries(st.text(st.characters(codec="utf-8")), st.binary()))
def test_any_items_come_back(tmp_path_factory: pytest.TempPathFactory, items: dict[str, bytes]) -> None:
    store = DiskCache(tmp_path_factory.mktemp("any"))
    store.put("k", items)
    assert store.get("k") == items


def test_absent_key_is_a_miss_and_makes_nothing(tmp_path: Path) -> None:
    store = DiskCache(tmp_path / "absent")
    assert store.get("k") is None
    assert store.entries() == []
    assert store.clear() == 0
    assert not (tmp_path / "absent").exists()


def test_put_replaces(tmp_path: Path) -> None:
    store = DiskCache(tmp_path)
    store.put("k", {"a": b"old"})
    store.put("k", {"a": b"new"})
    assert store.get("k") == {"a": b"new"}
    assert len(store.entries()) == 1


def _only_file(folder: Path) -> Path:
    (file,) = folder.iterdir()
    return file


def test_every_truncation_is_a_miss_and_is_removed(tmp_path: Path) -> None:
    store = DiskCache(tmp_path)
    store.put("k", {"a": b"12345", "b": b"6"})
    file = _only_file(tmp_path)
    whole = file.read_bytes()
    for size in range(len(whole)):
        file.write_bytes(whole[:size])
        assert store.get("k") is None, size
        assert not file.exists()


def test_every_flipped_bit_is_a_miss(tmp_path: Path) -> None:
    store = DiskCache(tmp_path)
    store.put("k", {"a": b"12345"})
    file = _only_file(tmp_path)
    whole = file.read_bytes()
    for at in range(len(whole)):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :])
        assert store.get("k") is None, at


def test_trailing_bytes_are_a_miss(tmp_path: Path) -> None:
    store = DiskCache(tmp_path)
    store.put("k", {"a": b"12345"})
    with _only_file(tmp_path).open("ab") as file:
        file.write(b"\0")
    assert store.get("k") is None


def test_entry_of_another_key_is_a_miss(tmp_path: Path) -> None:
    store = DiskCache(tmp_path)
    store.put("one", {"a": b"12345"})
    file = _only_file(tmp_path)
    file.rename(file.with_name(file.name.replace("one", "two")))
    assert store.get("two") is None


def test_clear_removes_entries_and_leaves_other_files(tmp_path: Path) -> None:
    store = DiskCache(tmp_path)
    for name in "abc":
        store.put(name, ITEMS)
    (tmp_path / "mine.txt").write_text("keep")
    (tmp_path / "tmpdead.part").write_text("left by a process that was killed")
    assert store.clear() == 3
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_entries_tell_key_and_size(tmp_path: Path) -> None:
    store = DiskCache(tmp_path)
    store.put("a", {"x": b"1"})
    store.put("b", {"x": bytes(1000)})
    found = {entry.key: entry.size for entry in store.entries()}
    assert found == {path.name.split(".")[0]: path.stat().st_size for path in tmp_path.iterdir()}
    assert found["b"] - found["a"] == 999


def test_unusable_folder_warns_once_and_misses(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("a file where the folder should be")
    store = DiskCache(blocker / "cache")
    with pytest.warns(RuntimeWarning, match="enigma cannot write its cache in"):
        store.put("k", ITEMS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        store.put("k", ITEMS)
        assert store.get("k") is None
        assert store.entries() == []
        assert store.clear() == 0


@pytest.mark.parametrize("bad", ["", "../x", "a/b", "a.b", "a b", "é"])
def test_key_that_could_leave_the_folder_is_refused(tmp_path: Path, bad: str) -> None:
    with pytest.raises(InternalError, match="is no cache key"):
        DiskCache(tmp_path).get(bad)


def _hammer(folder: str, seed: int) -> int:
    """Write, read and now and then clear; return how many reads were wrong."""
    store = DiskCache(folder)
    wrong = 0
    for round_ in range(150):
        name = f"k{(seed + round_) % 5}"
        block = hashlib.sha256(name.encode()).digest() * 300
        store.put(name, {"data": block})
        found = store.get(f"k{round_ % 5}")
        expected = hashlib.sha256(f"k{round_ % 5}".encode()).digest() * 300
        wrong += found is not None and found != {"data": expected}
        if round_ % 40 == seed:
            store.clear()
    return wrong


def test_many_processes_share_a_folder(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as workers:
        assert workers.starmap(_hammer, [(str(tmp_path), seed) for seed in range(3)]) == [0, 0, 0]
    assert not list(tmp_path.glob("*.part"))


def test_key_separates_its_parts() -> None:
    keys = {
        cache.key(*parts)
        for parts in [("ab", "c"), ("a", "bc"), ("abc",), (b"abc",), ("abc", ""), (), ("1:a",), ("a", "1:a")]
    }
    assert len(keys) == 8


def _output(code: str) -> str:
    """Return what Python code prints in a fresh process that can import what this one can."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    return done.stdout.strip()


def test_key_is_the_same_in_another_process() -> None:
    assert _output("from enigma.runtime import cache; print(cache.key('a', b'b'))") == cache.key("a", b"b")


def test_key_depends_on_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    before = cache._toolchain.__wrapped__()
    monkeypatch.setattr(cache, "_installation", lambda name: "999")
    assert cache._toolchain.__wrapped__() != before


def test_installed_version_is_part_of_the_toolchain() -> None:
    assert f"llvmlite-{importlib.metadata.version('llvmlite')}." in cache._installation("llvmlite")
    assert cache._installation("no_such_package_at_all") == "absent"


def test_default_folder_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ENIGMA_NO_CACHE", raising=False)
    monkeypatch.setenv("ENIGMA_CACHE_DIR", str(tmp_path))
    store = cache.default_cache()
    assert store is not None
    assert store.folder == tmp_path
    monkeypatch.delenv("ENIGMA_CACHE_DIR")
    assert "enigma" in str(cache.default_folder())
    monkeypatch.setenv("ENIGMA_NO_CACHE", "1")
    assert cache.default_cache() is None


def test_importing_the_cache_does_not_import_llvm() -> None:
    assert _output("import sys, enigma.runtime.cache; print('llvmlite' in sys.modules)") == "False"
