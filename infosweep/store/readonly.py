"""A file system for DuckDB in which a few Parquet files of a store can be read, and nothing else done.

DuckDB reads Parquet through it with its own reader (only the columns and row groups that a query needs),
alike from folders and buckets. With external access off it is all that a query can reach, and it has no way
to write, list or open anything that was not put into it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import obstore
from fsspec.spec import AbstractFileSystem

from infosweep.errors import StoreError
from infosweep.store.damage import why_damaged
from infosweep.store.objects import Entry, Objects

PROTOCOL = "infosweep-store"


class ReadOnlyFiles(AbstractFileSystem):
    """The files of a store that one query may read, under `infosweep-store://<path>`."""

    protocol = PROTOCOL
    cachable = False  # fsspec would hand out an older instance, with other files

    def __init__(self, objects: Objects) -> None:
        super().__init__()
        self._objects = objects
        self._entries: dict[str, tuple[int, datetime]] = {}
        self._digests: dict[str, tuple[str, ...]] = {}  # by path

    def expect(self, path: str, digests: tuple[str, ...]) -> None:
        """Say what digests a file may have, where that is known."""
        if digests:
            self._digests[path] = digests

    def allow(self, entries: Iterable[Entry]) -> list[str]:
        """Make files readable; return their URLs."""
        urls = []
        for entry in entries:
            url = f"{PROTOCOL}://{entry.path}"
            self._entries[url] = (entry.size, entry.modified)
            urls.append(url)
        return urls

    def locate(self, url: str) -> str:
        """Name a file as a user would."""
        return self._objects.locate(url.removeprefix(f"{PROTOCOL}://"))

    def first_damaged(self) -> StoreError | None:
        """Look at every file that may be read, and tell of the first that is damaged."""
        for url in self._entries:
            path = url.removeprefix(f"{PROTOCOL}://")
            reason = why_damaged(self._objects, path, self._digests.get(path, ()))
            if reason:
                return self._objects.damaged(path, reason)
        return None

    def check_digests(self) -> None:
        """Look whether the files are those that were committed; noise in values is no error to a reader.

        Raises:
            StoreError: one is not.
        """
        for path, digests in self._digests.items():
            reason = why_damaged(self._objects, path, digests)
            if reason:
                raise self._objects.damaged(path, reason)

    def _find(self, path: str) -> tuple[int, datetime]:
        if path not in self._entries:
            raise PermissionError(f"{path} is not a file of the tables")
        return self._entries[path]

    def open(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, path: str, mode: str = "rb", **_: Any
    ) -> RangeReader:
        """Open a file for reading."""
        if mode != "rb":
            raise PermissionError(f"{path} can only be read")
        size, _modified = self._find(path)
        return RangeReader(self._objects, path.removeprefix(f"{PROTOCOL}://"), size)

    def exists(self, path: str, **_: Any) -> bool:
        """Say whether a file may be read."""
        return path in self._entries

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Return a file's name, type and size."""
        return {"name": path, "type": "file", "size": self._find(path)[0]}

    def isfile(self, path: str) -> bool:
        """Say whether a file may be read."""
        return path in self._entries

    def modified(self, path: str) -> datetime:
        """Return when a file was written."""
        return self._find(path)[1]

    def glob(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, path: str, **_: Any
    ) -> list[str]:
        """Return the file of exactly this name."""
        return [path] if path in self._entries else []

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:  # noqa: ARG002 - fsspec's name
        """Refuse to list."""
        raise PermissionError(f"{path} cannot be listed")


class RangeReader:
    """A stored file, read by ranges.

    Every thread has a position of its own: DuckDB seeks and reads in two calls, between which another of its
    threads may do the same.
    """

    def __init__(self, objects: Objects, path: str, size: int) -> None:
        self._objects = objects
        self._path = path
        self._position = threading.local()
        self.size = size

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move this thread's position."""
        base = (0, self.tell(), self.size)[whence]
        self._position.at = base + offset
        return self._position.at

    def tell(self) -> int:
        """Return this thread's position."""
        return getattr(self._position, "at", 0)

    def read(self, length: int = -1) -> bytes:
        """Read on from this thread's position."""
        start = self.tell()
        end = self.size if length < 0 else min(start + length, self.size)
        if start >= end:
            return b""
        data = obstore.get_range(self._objects.store, self._path, start=start, end=end).to_bytes()
        self._position.at = start + len(data)
        return data

    def seekable(self) -> bool:
        """Return True."""
        return True

    def close(self) -> None:
        """Do nothing: ranges are read one by one."""
