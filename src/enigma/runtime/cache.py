"""The disk cache: compiled things under a key, one file an entry, shared by any number of processes."""

from __future__ import annotations

import os
import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path

from enigma import config
from enigma.errors import InternalError

_SUFFIX = ".entry"
_TEMPORARY = ".part"
_MAGIC = b"enigma cache 1\n"
_DIGEST_BYTES = 32
_LENGTHS = struct.Struct("<IQ")
_DEPENDENCIES = ("llvmlite", "xdsl")

_warned: set[str] = set()


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored entry: its key, its size in bytes on disk, and when it was written (seconds since the epoch)."""

    key: str
    size: int
    mtime: float


class DiskCache:
    """A folder of entries; an entry is a few named byte strings.

    What cannot be trusted (torn, altered, of another format) is removed and counts as absent. A folder that cannot be
    read or written makes every lookup a miss, with one warning. It never evicts: `clear` is the user's call.
    """

    __slots__ = ("folder",)

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)

    def get(self, key: str) -> dict[str, bytes] | None:
        """Return what `put` stored under the key, or None."""
        path = self._path(key)
        try:
            # open() and not read_bytes(): a hit is on the path of the first launch, and this halves its cost
            with open(path, "rb", buffering=0) as file:
                data = file.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            self._warn("read", error)
            return None
        found = _unpack(key, data)
        if found is None:
            self._remove(path)
        return found

    def put(self, key: str, items: dict[str, bytes]) -> None:
        """Store the items under the key, whole or not at all; an older entry is replaced."""
        path = self._path(key)
        # random, not the process's id: the folder may be shared by containers, whose ids collide
        part = self.folder / f"{key}.{os.urandom(8).hex()}{_TEMPORARY}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            part.write_bytes(_pack(key, items))
            os.replace(part, path)
        except OSError as error:
            self._warn("write", error)
            self._remove(part)

    def entries(self) -> list[Entry]:
        """Return the stored entries, oldest first."""
        found: list[Entry] = []
        for path in self._files(_SUFFIX):
            try:
                status = path.stat()
            except OSError:
                continue  # another process removed it meanwhile
            found.append(Entry(path.name.removesuffix(_SUFFIX), status.st_size, status.st_mtime))
        return sorted(found, key=lambda entry: (entry.mtime, entry.key))

    def clear(self) -> int:
        """Remove every entry and return how many there were; files that are not the cache's stay."""
        removed = sum(self._remove(path) for path in self._files(_SUFFIX))
        for path in self._files(_TEMPORARY):
            self._remove(path)
        return removed

    def _path(self, key: str) -> Path:
        if not key or not key.isascii() or not key.replace("_", "").replace("-", "").isalnum():
            raise InternalError(f"{key!r} is no cache key: only letters, digits, _ and - are")
        return self.folder / (key + _SUFFIX)

    def _files(self, suffix: str) -> list[Path]:
        try:
            return [path for path in self.folder.iterdir() if path.name.endswith(suffix)]
        except FileNotFoundError:
            return []
        except OSError as error:
            self._warn("read", error)
            return []

    def _remove(self, path: Path) -> bool:
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            self._warn("write", error)
            return False
        return True

    def _warn(self, doing: str, error: OSError) -> None:
        folder = str(self.folder)
        if folder not in _warned:
            _warned.add(folder)
            reason = error.strerror or str(error)
            effect = "kernels will be compiled again in every process"
            warnings.warn(
                f"enigma cannot {doing} its cache in {folder} ({reason}): {effect}", RuntimeWarning, stacklevel=4
            )


def default_folder() -> Path:
    """Return the folder of the disk cache: ENIGMA_CACHE_DIR, or the platform's folder for caches."""
    chosen = config.cache_folder()
    if chosen is not None:
        return Path(chosen)
    import platformdirs  # third party, and not needed when the folder is given

    return Path(platformdirs.user_cache_dir("enigma", appauthor=False))


def default_cache() -> DiskCache | None:
    """Return the disk cache in the default folder, or None where ENIGMA_NO_CACHE turns it off."""
    return None if config.no_cache() else DiskCache(default_folder())


def key(*parts: bytes | str) -> str:
    """Return the key of the parts: a digest of each, in order, and of the versions of everything that compiles.

    Part boundaries count, and so does whether a part is text:

    >>> key("ab", "c") == key("a", "bc")
    False
    """
    digest = blake2b(_toolchain(), digest_size=20)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(b"%c%d:" % (b"s" if isinstance(part, str) else b"b", len(data)))
        digest.update(data)
    return digest.hexdigest()


@cache
def _toolchain() -> bytes:
    """Return what identifies the compiler: versions of the dependencies, and the state of each of our own sources.

    The sources count, and not just our version, so that someone who works on the compiler never runs its old output.
    """
    digest = blake2b(_MAGIC, digest_size=20)
    for name in _DEPENDENCIES:
        digest.update(f"{name}={_installation(name)};".encode())
    for line in _states(str(Path(__file__).resolve().parents[1])):
        digest.update(line.encode())
    return digest.digest()


def _states(folder: str) -> Iterator[str]:
    """Yield name, size and time of every file below a folder; on the path of the first launch, so no `Path` per file."""
    with os.scandir(folder) as listing:
        entries = sorted(listing, key=lambda entry: entry.name)
    for entry in entries:
        if entry.is_dir():
            if entry.name != "__pycache__":
                yield f"{entry.name}("
                yield from _states(entry.path)
                yield ")"
        else:
            status = entry.stat()
            yield f"{entry.name}:{status.st_size}:{status.st_mtime_ns};"


def _installation(name: str) -> str:
    """Return what tells one installed version of a package from another, without the cost of importlib.metadata."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        return "absent"
    site = Path(spec.origin).parents[1]
    versions = sorted(item for item in os.listdir(site) if item.startswith(f"{name}-"))
    return f"{versions}@{os.stat(spec.origin).st_mtime_ns}"


def _pack(entry_key: str, items: dict[str, bytes]) -> bytes:
    """Return a file's bytes: magic, checksum of the key and of the rest, then lengths, name and data of each item."""
    parts: list[bytes] = []
    for name, data in items.items():
        label = name.encode()
        parts += [_LENGTHS.pack(len(label), len(data)), label, data]
    payload = b"".join(parts)
    return b"".join([_MAGIC, _checksum(entry_key, payload), payload])


def _unpack(entry_key: str, data: bytes) -> dict[str, bytes] | None:
    """Return the items of a file's bytes, or None when the bytes are not what `_pack` wrote for this key."""
    start = len(_MAGIC) + _DIGEST_BYTES
    payload = data[start:]
    if not data.startswith(_MAGIC) or data[len(_MAGIC) : start] != _checksum(entry_key, payload):
        return None
    items: dict[str, bytes] = {}
    at = 0
    while at < len(payload):
        label_bytes, data_bytes = _LENGTHS.unpack_from(payload, at)
        at += _LENGTHS.size
        label = payload[at : at + label_bytes].decode()
        at += label_bytes
        items[label] = payload[at : at + data_bytes]
        at += data_bytes
    return items


def _checksum(entry_key: str, payload: bytes) -> bytes:
    digest = blake2b(entry_key.encode(), digest_size=_DIGEST_BYTES)
    digest.update(b"\n")
    digest.update(payload)
    return digest.digest()
