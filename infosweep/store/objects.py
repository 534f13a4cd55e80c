"""Named bytes in a folder or a bucket: the few operations that the commit protocol stands on.

Everything goes through obstore, so a folder, S3, Google Cloud Storage and Azure share one code path. What is
relied on (measured): `put(mode="create")` has exactly one winner, a put is seen whole or not at all, and a
rename is atomic in a folder and a copy followed by a delete in a bucket.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotSupportedError
from obstore.store import LocalStore, MemoryStore, from_url

from infosweep.errors import NotFoundError, StoreError, UsageError

if TYPE_CHECKING:
    from obstore.store import ObjectStore

BUCKET_SCHEMES = ("s3", "s3a", "gs", "az", "azure", "abfs", "abfss", "adl")

# A memory store lives as long as its process, under the name in its URL.
_memory: dict[str, MemoryStore] = {}


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored object: its path within the store, its size in bytes, when it was last written (UTC)."""

    path: str
    size: int
    modified: datetime

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]


def _reason(error: Exception) -> str:
    """Give the first line of obstore's message, without its prefix and the path that we name ourselves."""
    line = str(error).partition("\n")[0]
    return re.sub(r"^(Generic \w+ error|Object at location .*?(not found)?): ", "", line)


# What the system's error numbers and the services' words mean: (marks, what is wrong, mend).
_MENDS = (
    (
        ("os error 28", "os error 122", "QuotaExceeded"),
        "the disk is full",
        "free some space, then run again; what is committed is kept",
    ),
    (
        ("os error 30",),
        "the file system is read-only",
        "choose another folder with --store",
    ),
    (
        ("os error 13", "os error 1)", "AccessDenied", "PermissionDenied"),
        "permission denied",
        "check who owns the store, or choose another with --store",
    ),
    (
        ("os error 20", "os error 17"),
        "a file stands where a folder is needed",
        "move it away, or choose another store with --store",
    ),
    (
        ("NoSuchBucket",),
        "there is no such bucket",
        "make it first, or choose another store with --store",
    ),
    (
        ("os error 24",),
        "too many open files",
        "raise the limit with `ulimit -n 4096`",
    ),
)


@contextmanager
def _mapped(action: str, where: str, *, absent: bool = False) -> Iterator[None]:
    """Turn what obstore raises into a StoreError of one line.

    An object that is there already stays AlreadyExistsError; with `absent`, a missing one FileNotFoundError.
    """
    try:
        yield
    except AlreadyExistsError:
        raise
    except (BaseError, OSError, ValueError) as error:
        text = str(error)
        if absent and isinstance(error, FileNotFoundError) and "NoSuchBucket" not in text:
            raise
        for marks, what, mend in _MENDS:
            if any(mark in text for mark in marks):
                raise StoreError(f"cannot {action} {where}: {what}", mend) from error
        raise StoreError(f"cannot {action} {where}: {_reason(error)}") from error


class Objects:
    """The objects below one URL; a path names an object, with `/` between its parts."""

    def __init__(self, url: str, store: ObjectStore) -> None:
        self.url = url
        self.store = store

    def locate(self, path: str) -> str:
        """Name an object as a user would."""
        return f"{self.url.rstrip('/')}/{path}"

    @property
    def folder(self) -> Path | None:
        """The folder that the objects are files of; None where they are in a bucket or in memory."""
        return Path(self.url) if isinstance(self.store, LocalStore) else None

    @property
    def is_near(self) -> bool:
        """Whether an object is had faster than a thread starts: not so in a bucket."""
        return isinstance(self.store, LocalStore | MemoryStore)

    def damaged(self, path: str, reason: str) -> StoreError:
        """Return the error that names a damaged file of a study and the command that sets it aside."""
        return StoreError(f"{self.locate(path)} is damaged ({reason})", self.repair_hint(path))

    def repair_hint(self, path: str) -> str:
        """Say how what is wrong with a file of a study is mended."""
        at = (
            ""
            if self.url == str(Path("results").absolute())
            else f" --store {shlex.quote(self.url)}"
        )
        command = f"infosweep doctor --repair {path.partition('/')[0]}{at}"
        return f"`{command}` sets aside what is damaged; run again to make it anew"

    def get(self, path: str) -> bytes | None:
        """Return an object's bytes, or None where there is none."""
        try:
            with _mapped("read", self.locate(path), absent=True):
                return obstore.get(self.store, path).bytes().to_bytes()
        except FileNotFoundError:
            return None

    def get_json(self, path: str) -> dict[str, Any] | None:
        """Return an object's JSON, or None where there is none.

        Raises:
            StoreError: it is not a JSON object.
        """
        data = self.get(path)
        if data is None:
            return None
        try:
            value = json.loads(data)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise self.damaged(path, f"{len(data)} bytes that are no JSON object")
        return value

    def get_many_json(self, paths: Sequence[str]) -> list[dict[str, Any] | None]:
        """Return the JSON of several objects, None for those that are gone.

        A folder answers faster than a thread starts; of a bucket many are asked for at once.
        """
        if len(paths) < 8 or self.is_near:
            return [self.get_json(path) for path in paths]
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(min(32, len(paths))) as pool:
            return list(pool.map(self.get_json, paths))

    def exists(self, path: str) -> bool:
        """Say whether there is an object of this name."""
        try:
            with _mapped("read", self.locate(path), absent=True):
                obstore.head(self.store, path)
        except FileNotFoundError:
            return False
        return True

    def put(self, path: str, data: bytes) -> None:
        """Write an object; it replaces one of the same name at once."""
        with _mapped("write", self.locate(path)):
            obstore.put(self.store, path, data)

    def put_json(self, path: str, value: dict[str, Any]) -> None:
        """Write a JSON object."""
        self.put(path, to_json(value))

    def create(self, path: str, data: bytes) -> bool:
        """Write an object that must be new; False, and nothing written, where the name is taken."""
        try:
            with _mapped("write", self.locate(path)):
                obstore.put(self.store, path, data, mode="create")
        except AlreadyExistsError:
            return False
        except NotSupportedError as error:  # pragma: no cover - no supported service is without it
            raise StoreError(f"{self.url} cannot create objects exclusively") from error
        return True

    def rename(self, source: str, target: str) -> bool:
        """Move an object, over an older one too; False where the source is gone."""
        try:
            with _mapped("rename", self.locate(source), absent=True):
                obstore.rename(self.store, source, target)
        except FileNotFoundError:
            return False
        return True

    def delete(self, paths: Sequence[str]) -> None:
        """Delete objects; those that are gone already are passed over."""
        for path in paths:
            try:
                with _mapped("delete", self.locate(path), absent=True):
                    obstore.delete(self.store, path)
            except FileNotFoundError:
                continue

    def delete_many(self, paths: Sequence[str]) -> None:
        """Delete objects that are there, many at a time: a bucket takes a thousand a request."""
        if paths:
            with _mapped("delete", self.locate(paths[0])):
                obstore.delete(self.store, paths)

    def remove_empty_folder(self, path: str) -> None:
        """Remove a folder if it is empty; a bucket has none."""
        if self.folder is not None:
            with suppress(OSError):
                (self.folder / path).rmdir()

    def remove_empty_folders(self, prefix: str) -> None:
        """Remove the empty folders directly below a prefix."""
        if self.folder is None or not (self.folder / prefix).is_dir():
            return
        for path in (self.folder / prefix).iterdir():
            if path.is_dir() and not path.is_symlink():
                self.remove_empty_folder(f"{prefix}/{path.name}")

    def entries(self, prefix: str) -> list[Entry]:
        """Return all objects below a prefix, at any depth."""
        with _mapped("list", self.locate(prefix)):
            found = obstore.list(self.store, prefix).collect()
        return [Entry(o["path"], o["size"], o["last_modified"]) for o in found]

    def children(self, prefix: str = "") -> tuple[list[str], list[Entry]]:
        """Return the names of the folders and the objects directly below a prefix."""
        with _mapped("list", self.locate(prefix)):
            found = obstore.list_with_delimiter(self.store, prefix or None)
        folders = sorted(p.rstrip("/").rpartition("/")[2] for p in found["common_prefixes"])
        return folders, [Entry(o["path"], o["size"], o["last_modified"]) for o in found["objects"]]


def to_json(value: dict[str, Any]) -> bytes:
    """Write JSON as it stands in `_meta`: sorted keys, one final newline."""
    return (json.dumps(value, sort_keys=True, ensure_ascii=False, indent=1) + "\n").encode()


def open_objects(url: str | Path, *, create: bool) -> Objects:
    """Open a folder (made if `create`) or a bucket's prefix.

    Raises:
        NotFoundError: the folder is not there and `create` is false.
        StoreError: it is not a folder, or cannot be made or reached.
        UsageError: a scheme that no store has.
    """
    text = str(url)
    scheme, separator, rest = text.partition("://")
    if separator and scheme == "memory":
        return Objects(text, _memory.setdefault(rest, MemoryStore()))
    if separator and scheme in BUCKET_SCHEMES:
        with _mapped("open", text):
            return Objects(text, from_url(text))
    if separator and scheme != "file":
        raise UsageError(
            f"'{text}' is not a store: unknown scheme '{scheme}'",
            "give a folder, or s3://bucket/prefix, gs://… or az://…",
        )
    folder = Path(rest if separator else text).expanduser().absolute()
    if folder.exists() and not folder.is_dir():
        raise StoreError(f"'{folder}' is not a store: it is a file", "give a folder with --store")
    if not create and not folder.is_dir():
        raise NotFoundError(
            f"there is no store at '{text}'", "run a study first, or give its store with --store"
        )
    with _mapped("open", str(folder)):
        return Objects(str(folder), LocalStore(folder, mkdir=create))
