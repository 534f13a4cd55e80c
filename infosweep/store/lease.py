"""Who is at work: the lease on a study, the claims on its packs, and the heartbeats of both.

Correctness never rests on these, only on commits. A lease keeps two runs from doing the same work; a claim
tells `status` what is running and what is lost. Nothing is stored as "running": that is derived from the
age of the last heartbeat, and on the same host from the process itself.
"""

from __future__ import annotations

import contextlib
import os
import platform
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from infosweep.errors import LockedError, StoreError
from infosweep.store.objects import Objects, to_json
from infosweep.units import format_duration

LOST_AFTER = 60.0  # seconds without a heartbeat
BEAT_EVERY = 10.0  # seconds


def now() -> str:
    """Return the present moment as it stands in `_meta`: ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def age_of(moment: str) -> float:
    """Return the seconds since a moment written by `now`; infinite where it cannot be read."""
    try:
        return (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds()
    except (TypeError, ValueError):
        return float("inf")


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def process_started(pid: int) -> int | None:
    """Return when a process started, in clock ticks since boot; None where there is no such process.

    A pid alone does not name a process: the kernel hands it out again.
    """
    stat = _read(f"/proc/{pid}/stat")
    if not stat:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


@lru_cache(maxsize=1)
def _machine() -> str:
    """Name this boot and this process namespace: pids can be looked up within it only."""
    boot = _read("/proc/sys/kernel/random/boot_id") or ""
    try:
        namespace = Path("/proc/self/ns/pid").readlink().name
    except OSError:
        namespace = ""
    return f"{boot}/{namespace}"


def this_process() -> dict[str, Any]:
    """Return what identifies the calling process, for a lease or a claim."""
    pid = os.getpid()
    return {
        "host": platform.node(),
        "machine": _machine(),
        "pid": pid,
        "pid_started": process_started(pid),
    }


def _process_state(holder: dict[str, Any]) -> Literal["alive", "gone", "unknown"]:
    """Look a process up; unknown where it lives elsewhere."""
    machine = str(holder.get("machine", "/"))
    if holder.get("host") != platform.node() or not machine.strip("/"):
        return "unknown"
    if machine != _machine():
        # The same host booted anew took its processes along; another namespace cannot be looked into.
        return "gone" if machine.partition("/")[0] != _machine().partition("/")[0] else "unknown"
    started = process_started(int(holder.get("pid", 0)))
    return "alive" if started is not None and started == holder.get("pid_started") else "gone"


def is_alive(holder: dict[str, Any]) -> bool:
    """Say whether the holder of a lease is at work: its process lives, or its heartbeat is recent."""
    state = _process_state(holder)
    if state == "unknown":
        return age_of(holder.get("heartbeat", "")) < LOST_AFTER
    return state == "alive"


class Beat:
    """A daemon thread that calls `beat` every few seconds until stopped."""

    def __init__(self, beat: Callable[[], None], name: str, every: float | None = None) -> None:
        self._beat = beat
        self._every = BEAT_EVERY if every is None else every
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            try:
                self._beat()
            except StoreError:
                # A store that is away for a moment costs a heartbeat, not the run; writing results says more.
                continue

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._stop.set()
        if self._thread is not threading.current_thread():
            self._thread.join()


class Lease:
    """A study's lease, held from `__enter__` to `__exit__` with a heartbeat in the background.

    Attributes:
        run_id: names the run that holds it.
        lost: another run has taken it over (this one was suspended for long); commits stay safe.
    """

    def __init__(
        self, objects: Objects, study: str, run_id: str, every: float | None = None
    ) -> None:
        self._objects = objects
        self._study = study
        self._path = f"{study}/_meta/lease.json"
        self._every = every
        self._beat: Beat | None = None
        self._lock = threading.Lock()
        self.run_id = run_id
        self.lost = False
        self._record = {"run": run_id, **this_process(), "started": now()}

    @property
    def trouble(self) -> LockedError | None:
        """An error that names the run that has taken the lease over; None while it is held."""
        if not self.lost:
            return None
        holder = self._read() or {}
        return LockedError(
            f"study '{self._study}' was taken over by process {holder.get('pid', '?')} on "
            f"{holder.get('host', '?')} while this run slept for more than {LOST_AFTER:.0f} s",
            "leave it to that run: what this one committed is kept; or wait until it has finished, and run again",
        )

    def __enter__(self) -> Lease:
        """Take the lease.

        Raises:
            LockedError: a live run holds it.
        """
        for _ in range(50):
            if self._objects.create(self._path, self._payload()):
                break
            holder = self._read()
            if holder is not None and is_alive(holder):
                raise self._locked(holder)
            if holder is not None and self._take_over(holder):
                break
            time.sleep(0.02)  # another run is taking over; then it is the holder
        else:
            raise self._locked(self._read() or {})
        self._beat = Beat(self._renew, f"lease of {self._study}", self._every)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._beat is not None:
            self._beat.stop()
        # Where the run failed, that is what the user is to be told; a lease left behind is taken over.
        with self._lock, contextlib.suppress(*(() if kind is None else (StoreError,))):
            if not self.lost and (self._read() or {}).get("run") == self.run_id:
                self._objects.delete([self._path])

    def _payload(self) -> bytes:
        return to_json({**self._record, "heartbeat": now()})

    def _read(self) -> dict[str, Any] | None:
        try:
            return self._objects.get_json(self._path)
        except StoreError:
            return {}  # an unreadable lease has no live holder

    def _renew(self) -> None:
        with self._lock:
            if self.lost:
                return
            if (self._read() or {}).get("run") != self.run_id:
                self.lost = True
                return
            self._objects.put(self._path, self._payload())

    def _take_over(self, dead: dict[str, Any]) -> bool:
        """Replace a dead holder's lease; one run at a time, so that a fresh lease is never replaced."""
        marker = f"{self._study}/_meta/tmp/takeover.{dead.get('run')}.json"
        if not self._objects.create(marker, self._payload()):
            other = self._objects.get_json(marker)
            if other is not None and not is_alive(other):
                self._objects.delete([marker])
            return False
        try:
            current = self._read()
            if current is None or current.get("run") != dead.get("run"):
                return False
            self._objects.put(self._path, self._payload())
            return True
        finally:
            self._objects.delete([marker])

    def _locked(self, holder: dict[str, Any]) -> LockedError:
        pid, host = holder.get("pid", "?"), holder.get("host", "?")
        since = age_of(holder.get("started", ""))
        ago = f", for {format_duration(since)}" if since != float("inf") else ""
        here = host == platform.node()
        stop = f"stop it with `kill {pid}`" if here else f"stop process {pid} on {host}"
        return LockedError(
            f"study '{self._study}' is being run by process {pid} on {host} "
            f"since {holder.get('started', '?')}{ago}",
            f"wait until it has finished, or {stop}; then run again"
            + ("" if here else f" (a run that died is taken over after {LOST_AFTER:.0f} s)"),
        )


@dataclass(frozen=True, slots=True)
class Claim:
    """A pack that an attempt works on, or worked on until it was lost.

    Attributes:
        state: `running`, or `lost` where its process is gone or has not been heard of for 60 s.
        is_gone: the process is known to be gone, so that nothing more comes of it.
        info: what the attempt said of itself: n_trials, and what else it reports.
    """

    pack_id: str
    attempt: str
    host: str
    pid: int
    started: str
    heartbeat: str
    n_trials: int
    state: Literal["running", "lost"]
    is_gone: bool
    info: dict[str, Any]

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Claim:
        """Read a claim as it stands in `_meta/claims`."""
        gone = _process_state(record) == "gone"
        running = not gone and age_of(record.get("heartbeat", "")) < LOST_AFTER
        return cls(
            pack_id=str(record.get("pack_id", "")),
            attempt=str(record.get("attempt", "")),
            host=str(record.get("host", "")),
            pid=int(record.get("pid", 0)),
            started=str(record.get("started", "")),
            heartbeat=str(record.get("heartbeat", "")),
            n_trials=int(record.get("info", {}).get("n_trials", 0)),
            state="running" if running else "lost",
            is_gone=gone,
            info=dict(record.get("info", {})),
        )


class HeldClaim:
    """A claim of this process; as a context manager it beats in the background and is released at the end."""

    def __init__(
        self, objects: Objects, path: str, record: dict[str, Any], every: float | None = None
    ) -> None:
        self._objects = objects
        self._path = path
        self._record = {**record, **this_process(), "started": now()}
        self._every = every
        self._beat: Beat | None = None
        self._lock = threading.Lock()
        self._released = False
        self.heartbeat()

    def heartbeat(self, **info: Any) -> None:
        """Say that the attempt is alive, with what it has to report (JSON values)."""
        with self._lock:
            if self._released:
                return
            self._record["info"] = {**self._record.get("info", {}), **info}
            self._objects.put_json(self._path, {**self._record, "heartbeat": now()})

    def release(self) -> None:
        """Stop the heartbeat and delete the claim."""
        with self._lock:
            self._released = True
        if self._beat is not None:
            self._beat.stop()
        self._objects.delete([self._path])

    def __enter__(self) -> HeldClaim:
        self._beat = Beat(self.heartbeat, f"claim {self._path}", self._every)
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
