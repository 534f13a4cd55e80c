"""Whether a place can hold a store: what the commit protocol stands on is done once, for real.

Write, exclusive create (also by many at once), rename over an older object, list, delete; and how far the
clock of the place is from ours. Everything happens below a name of its own, which is gone afterwards.
"""

from __future__ import annotations

import tempfile
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from infosweep.errors import StoreError
from infosweep.store.objects import Objects, open_objects

_WRITERS = 8


@dataclass(frozen=True, slots=True)
class Probe:
    """What was found.

    Attributes:
        where: the store, or the folder in which it would be made.
        exists: whether the store is there.
        write_seconds: the time that one small object takes.
        skew_seconds: how far the clock of the place is ahead of ours.
        free_bytes: space that is left; None for a bucket.
    """

    where: str
    exists: bool
    write_seconds: float
    skew_seconds: float
    free_bytes: int | None


def probe(url: str | Path) -> Probe:
    """Try what a store needs, in it or, where it is not there yet, in the folder that would hold it.

    Raises:
        StoreError: it cannot be written, or lacks what exactly-once commits stand on.
        UsageError: a scheme that no store has.
    """
    place, exists = _place(url)
    with _workspace(place) as (objects, prefix):
        seconds = _write(objects, prefix)
        skew = _clock(objects, prefix)
        _create_once(objects, prefix)
        _rename(objects, prefix)
    return Probe(place, exists, seconds, skew, free_bytes(place))


def free_bytes(url: str | Path) -> int | None:
    """Return the space that is left for a store; None for a bucket."""
    import shutil

    place, _ = _place(url)
    return None if "://" in place else shutil.disk_usage(place).free


def _place(url: str | Path) -> tuple[str, bool]:
    """Return the store, or the folder above it that is there; and whether the store is."""
    text = str(url)
    if "://" in text and not text.startswith("file://"):
        return text, True
    folder = Path(text.removeprefix("file://")).expanduser().absolute()
    found = folder
    while not found.exists() and found != found.parent:
        found = found.parent
    if not found.is_dir():
        raise StoreError(f"'{found}' is not a store: it is a file", "give a folder with --store")
    return str(found), found == folder


@contextmanager
def _workspace(place: str) -> Iterator[tuple[Objects, str]]:
    name = f".infosweep-doctor-{uuid.uuid4().hex[:8]}"
    if "://" in place:
        objects = open_objects(place, create=False)
        try:
            yield objects, name
        finally:
            objects.delete([entry.path for entry in objects.entries(name)])
        return
    try:
        folder = tempfile.TemporaryDirectory(prefix=f"{name}-", dir=place)
    except OSError as error:
        raise StoreError(
            f"cannot write in {place}: {(error.strerror or str(error)).lower()}",
            "check who owns it and whether it is full, or choose another folder with --store",
        ) from error
    with folder as path:
        yield open_objects(path, create=False), "probe"


def _write(objects: Objects, prefix: str) -> float:
    fastest = float("inf")
    for i in range(3):
        data = bytes([i]) * 4096
        started = time.perf_counter()
        objects.put(f"{prefix}/written", data)
        fastest = min(fastest, time.perf_counter() - started)
        if objects.get(f"{prefix}/written") != data:
            raise StoreError(f"{objects.url} does not give back what was written to it")
    return fastest


def _clock(objects: Objects, prefix: str) -> float:
    before = datetime.now(UTC)
    objects.put(f"{prefix}/clock", b"?")
    after = datetime.now(UTC)
    (entry,) = (e for e in objects.entries(prefix) if e.name == "clock")
    if before <= entry.modified <= after:
        return 0.0
    return min((entry.modified - t).total_seconds() for t in (before, after))


def _create_once(objects: Objects, prefix: str) -> None:
    """Have several writers create one name: exactly one may win."""

    def create(writer: int) -> bool:
        return objects.create(f"{prefix}/created", str(writer).encode())

    with ThreadPoolExecutor(_WRITERS) as pool:
        won = [writer for writer, first in enumerate(pool.map(create, range(_WRITERS))) if first]
    if len(won) != 1 or objects.get(f"{prefix}/created") != str(won[0]).encode():
        raise StoreError(
            f"in {objects.url} {len(won)} of {_WRITERS} writers could create one name",
            "choose another place with --store: commits need that exactly one can",
        )


def _rename(objects: Objects, prefix: str) -> None:
    objects.put(f"{prefix}/staged", b"new")
    objects.put(f"{prefix}/table/published", b"old")
    moved = objects.rename(f"{prefix}/staged", f"{prefix}/table/published")
    stands = objects.get(f"{prefix}/table/published")
    if not moved or stands != b"new" or objects.exists(f"{prefix}/staged"):
        raise StoreError(
            f"{objects.url} cannot rename over an older object", "choose another with --store"
        )
