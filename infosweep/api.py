"""What Python users hold: `Study` and `Results`, thin, over everything below; the command line calls only this."""

from __future__ import annotations

import difflib
import os
import re
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from infosweep.errors import NotFoundError, StoreError, UsageError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from matplotlib.figure import Figure

    from infosweep.aggregation.frames import Frames
    from infosweep.plan import Plan
    from infosweep.store.clean import Contents
    from infosweep.store.store import Store, StudyStore
    from infosweep.study.settings import StudySettings
    from infosweep.sweep import RunSummary
    from infosweep.sweep.doctor import Check

Location = str | Path
DEFAULT_STORE = "results"


class Study:
    """A study: what is varied, trained and measured. Immutable; `replace` makes a changed one.

    >>> study = Study(name="tiny", task={"kind": "binary12"}, axes={"depth": [1, 3]}, seeds=6)
    >>> study
    Study('tiny': 2 cells x 6 seeds)
    >>> study.replace(seeds=8, training={"epochs": 100}).settings.training.epochs
    100
    """

    def __init__(self, **fields: Any) -> None:
        """Make a study of the fields of a study file, as in `Study(name=…, task={…}, axes={…})`.

        Raises:
            StudyError: with every fault that was found.
        """
        from infosweep.study import study_from_mapping
        from infosweep.sweep.look import LookHere

        self.settings: StudySettings = study_from_mapping(fields, look=LookHere("."))

    @classmethod
    def load(cls, path: Location, overrides: Sequence[str] = ()) -> Study:
        """Read a study file; `overrides` change fields of it, as in `["axes.depth=[1,2]", "seeds=4"]`.

        Raises:
            NotFoundError: there is no such file.
            StudyError: with every fault that was found, each with its place and how to mend it.
        """
        from infosweep.study import load_study
        from infosweep.sweep.look import LookHere

        return cls._of(load_study(path, tuple(overrides), LookHere(Path(path).parent)))

    @classmethod
    def _of(cls, settings: StudySettings) -> Study:
        study = cls.__new__(cls)
        study.settings = settings
        return study

    @property
    def name(self) -> str:
        """Name of the study, and of its folder in a store."""
        return self.settings.name

    def replace(self, **changes: Any) -> Study:
        """Return a changed study. Sections (`training`, `axes`, …) change key by key, other fields as a whole.

        Raises:
            StudyError: the changed study is not valid.
        """
        from infosweep.study import study_from_mapping, study_to_mapping
        from infosweep.study.overrides import without_other_length
        from infosweep.sweep.look import LookHere

        fields = dict(study_to_mapping(self.settings))
        for key, value in changes.items():
            before = fields.get(key)
            if isinstance(before, Mapping) and isinstance(value, Mapping):
                if value.get("kind", before.get("kind")) != before.get("kind"):
                    before = {name: each for name, each in before.items() if name != "found"}
                if key == "training":
                    before = without_other_length(before, value)
                fields[key] = {**before, **value}
            else:
                fields[key] = value
        folders = [
            getattr(part, "folder", "") for part in (self.settings.task, self.settings.model)
        ]
        look = LookHere(next(filter(None, folders), "."))
        return type(self)._of(study_from_mapping(fields, look=look))

    def to_yaml(self) -> str:
        """Return the study as a file that `load` reads."""
        from infosweep.study import dump_yaml

        return dump_yaml(self.settings)

    def plan(self, store: Location = DEFAULT_STORE, *, workers: int | None = None) -> Plan:
        """Return what a run would do: cells, trials, packs, estimates of time, memory and bytes. Runs nothing.

        Args:
            store: what it holds already is not planned again; it need not exist.
            workers: how many work at once; by default one a usable core.

        Raises:
            LimitError: the study asks for more trials than its limits allow.
            UsageError: `workers` is less than 1.
        """
        from infosweep.plan import make_plan

        workers = usable_cores() if workers is None else workers
        held = _find_study(store, self.name)
        if held is None:
            return make_plan(self.settings, workers=workers)
        return make_plan(
            self.settings,
            done=held.done_ids(),
            failed=held.failed_ids(),
            fixed=held.fixed_packs(uncommitted=True).values(),
            committed=held.commits().keys(),
            workers=workers,
        )

    def run(
        self,
        store: Location = DEFAULT_STORE,
        *,
        executor: Literal["ray", "inline"] = "ray",
        workers: int | None = None,
        address: str | None = None,
        failed_only: bool = False,
        progress: bool = True,
    ) -> Results:
        """Run what the store lacks, and return all results; what is done is kept.

        Args:
            store: folder, or prefix such as `s3://bucket/path`; made if need be.
            executor: `ray`, or `inline` for threads in this process.
            workers: how many work at once; by default one a usable core.
            address: of a running Ray cluster; without it one is started on this machine.
            failed_only: run only what failed before.
            progress: tell on stderr how far it is.

        Raises:
            UsageError: there is no such executor, or `workers` is less than 1.
            LockedError: another run is at work on this study.
            LimitError: the study asks for more trials than its limits allow.
            ClusterError: Ray does not start or answer.
            StoreError: the store cannot be written.
        """
        from infosweep.sweep import run_study
        from infosweep.sweep.look import look_again

        look_again(self.settings)
        summary = run_study(
            self.settings,
            str(store),
            executor=executor,
            workers=workers,
            address=address,
            failed_only=failed_only,
            progress=progress,
        )
        results = Results(store, self.name, summary=summary)
        results.study = self  # also where a store that can only be read keeps an older one
        return results

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Study) and self.settings == other.settings

    __hash__ = None  # type: ignore[assignment] # its axes are a dict

    def __repr__(self) -> str:
        from infosweep.plan.cells import cells_of
        from infosweep.units import count

        n_cells, n_seeds = len(cells_of(self.settings)), len(self.settings.seeds)
        return f"Study({self.name!r}: {count(n_cells, 'cell')} x {count(n_seeds, 'seed')})"


class Results:
    """The results of one study in a store, read when they are asked for.

    Attributes:
        store: where they are.
        name: name of the study.
        summary: what the run did that made this object; None where results were opened.
    """

    def __init__(self, store: Location, name: str, *, summary: RunSummary | None = None) -> None:
        self.store = str(store)
        self.name = name
        self.summary = summary

    @cached_property
    def _held(self) -> StudyStore:
        return _study_in(self.store, self.name)

    @cached_property
    def study(self) -> Study:
        """The study as it was run last.

        Raises:
            StoreError: the store lacks it.
        """
        return Study._of(_stored_settings(self._held))

    def table(self, name: str) -> pd.DataFrame:
        """Return a table of the study, a row as in `infosweep.tables`; see `infosweep query --tables`.

        Raises:
            NotFoundError: there is no table of this name.
        """
        from infosweep.store.reader import read_table

        return read_table(self._held, name)

    @cached_property
    def trials(self) -> pd.DataFrame:
        """One row per trial: its settings and how it ended."""
        return self.table("trials")

    @cached_property
    def curves(self) -> pd.DataFrame:
        """One row per trial, checkpoint and split: losses in nats, accuracies, invariant information in bits."""
        return self.table("curves")

    @cached_property
    def information(self) -> pd.DataFrame:
        """One row per trial, checkpoint, layer, sample and estimator: information in bits."""
        return self.table("information")

    @cached_property
    def gradients(self) -> pd.DataFrame:
        """One row per trial, checkpoint and layer: minibatch gradients of the frozen network."""
        return self.table("gradients")

    @cached_property
    def failures(self) -> pd.DataFrame:
        """One row per failed attempt of a trial."""
        return self.table("failures")

    def sql(self, query: str, *, timeout: float = 30.0) -> pd.DataFrame:
        """Return what one SELECT over the study's tables gives (DuckDB's dialect).

        Raises:
            QueryError: the SQL is wrong, not a SELECT, or past a limit.
        """
        return sql(query, self.store, study=self.name, timeout=timeout)

    def finding(self, name: str) -> pd.DataFrame:
        """Return a finding: a row for the claim (`cell` null) and one per cell, with interval and verdict.

        Raises:
            NotFoundError: there is no finding of this name.
        """
        from infosweep.aggregation import FINDINGS, finding

        _known(name, FINDINGS, "finding")
        return finding(name, self._frames, self.study.settings)

    def verdicts(self) -> pd.DataFrame:
        """Return all findings that the study asks for, one below the other."""
        from infosweep.aggregation import findings_table

        return findings_table(self._frames, self.study.settings)

    def plot(self, name: str) -> Figure:
        """Draw a figure.

        Raises:
            NotFoundError: there is no figure of this name, or nothing to draw.
        """
        from infosweep.figures import FIGURES, figure

        _known(name, FIGURES, "figure")
        return figure(name, self._frames, self.study.settings)

    def save_figures(
        self,
        names: Sequence[str] = (),
        *,
        formats: Sequence[str] = ("png",),
        folder: Location | None = None,
        keep_fresh: bool = False,
    ) -> list[str]:
        """Draw figures into files, and return where they are.

        Args:
            names: figures; by default all that the study has data for.
            formats: of png, svg, pdf.
            folder: where to; by default the study's `figures/` in the store.
            keep_fresh: leave files alone that are newer than the newest result; they are not returned.
        """
        from infosweep.figures import FIGURES, figures_for, save

        for name in names:
            _known(name, FIGURES, "figure")
        fresh = self._fresh_figures() if keep_fresh and folder is None else set()
        written = []
        for name in names or figures_for(self.study.settings):
            lacking = [each for each in formats if f"{name}.{each}" not in fresh]
            if not lacking:
                continue
            with tempfile.TemporaryDirectory() as scratch:
                place = Path(scratch if folder is None else folder)
                files = save(self.plot(name), place / name, lacking)
                written += files if folder is not None else [self._put_figure(f) for f in files]
        return [str(path) for path in written]

    def _put_figure(self, file: Path) -> str:
        objects = self._held.objects
        path = f"{self.name}/figures/{file.name}"
        try:
            objects.put(path, file.read_bytes())
        except StoreError as error:
            mend = (
                f"draw them elsewhere: infosweep plot {self.name} --store {self.store} --output DIR"
            )
            raise StoreError(error.message, mend) from error
        return objects.locate(path)

    def _fresh_figures(self) -> set[str]:
        """Names of the figures' files that are newer than the newest result."""
        objects = self._held.objects
        commits = objects.children(f"{self.name}/_meta/commits")[1]
        newest = max((entry.modified for entry in commits), default=None)
        drawn = objects.children(f"{self.name}/figures")[1]
        return {entry.name for entry in drawn if newest is None or entry.modified > newest}

    @property
    def foreign_files(self) -> list[str]:
        """Files in the tables' folders that no run put there, as paths in the store; nothing here reads them."""
        return self._held.foreign_files()

    @property
    def status(self) -> dict[str, Any]:
        """How far the study is: trials done, diverged, failed, running, lost, other; see `study_status`."""
        from infosweep.sweep import study_status

        return study_status(self.store, self.name)

    def logs(self, which: str | None = None) -> list[dict[str, Any]]:
        """Return why trials failed, a dict per cause, the newest first; see `infosweep.sweep.logs.study_logs`.

        Args:
            which: a trial or a pack, by its id or the beginning of it; all if None.

        Raises:
            NotFoundError: the study has no such trial or pack.
        """
        from infosweep.sweep.logs import study_logs

        return study_logs(self.store, self.name, which)

    def contents(self, *, failures_only: bool = False) -> Contents:
        """Return what `clean` would delete: files, bytes, trials."""
        from infosweep.store.clean import contents

        return contents(self._held, failures_only=failures_only)

    def clean(self, *, failures_only: bool = False) -> Contents:
        """Delete the study from the store, or its failures only, without asking; return what was deleted.

        Raises:
            LockedError: a run is at work on the study.
            StoreError: something cannot be deleted.
        """
        from infosweep.store.clean import clean

        return clean(self._held, failures_only=failures_only)

    @cached_property
    def _frames(self) -> Frames:
        """The tables, each read when a finding or a figure needs it."""
        from infosweep.aggregation.frames import Frames

        return Frames(
            trials=lambda: self.trials,
            curves=lambda: self.curves,
            information=lambda: self.information,
            gradients=lambda: self.gradients,
        )

    def __repr__(self) -> str:
        return f"Results({self.store!r}, {self.name!r})"


def open(store: Location, name: str | None = None) -> Results:  # as in `infosweep.open`
    """Open the results of a study; without `name` of the only one that the store holds.

    Raises:
        NotFoundError: there is no such store or study.
        UsageError: the store holds several studies and `name` is not given.
    """
    if name is None:
        studies = _open_store(store).studies()
        if not studies:
            raise NotFoundError(f"the store '{store}' holds no study", "run one first")
        if len(studies) > 1:
            raise UsageError(
                f"the store '{store}' holds {len(studies)} studies",
                f"name one of: {', '.join(studies)}",
            )
        name = studies[0]
    _study_in(store, name)
    return Results(store, name)


def sql(
    query: str, store: Location = DEFAULT_STORE, *, study: str | None = None, timeout: float = 30.0
) -> pd.DataFrame:
    """Return what one SELECT gives over the tables of all studies of a store, or of one.

    Raises:
        QueryError: the SQL is wrong, not a SELECT, or past a limit.
        NotFoundError: there is no such store or study.
    """
    return query_table(query, store, study=study, timeout=timeout).to_pandas()


def query_table(
    query: str, store: Location = DEFAULT_STORE, *, study: str | None = None, timeout: float = 30.0
) -> pa.Table:
    """Return the same as `sql` as an Arrow table, which takes no pandas."""
    from infosweep.store.query import QueryLimits
    from infosweep.store.query import query as run_query

    return run_query(_open_store(store), query, study, QueryLimits(seconds=timeout))


def tables_table(store: Location = DEFAULT_STORE, study: str | None = None) -> pa.Table:
    """Return every table's columns with type, unit and meaning, a row each; further axes of `study` included.

    Raises:
        NotFoundError: there is no such study.
    """
    import pyarrow as pa

    from infosweep.store.reader import describe_tables

    held = None if study is None else _study_in(store, study)
    return pa.Table.from_pylist(describe_tables(held))


def statuses(store: Location = DEFAULT_STORE, name: str | None = None) -> list[dict[str, Any]]:
    """Return how far one study is, or every study of a store.

    Raises:
        NotFoundError: there is no such store or study.
    """
    names = _open_store(store).studies() if name is None else [name]
    if not names:
        raise NotFoundError(f"there is no study in '{store}'", "run one first, or give --store")
    return [open(store, one).status for one in names]


def study_names(store: Location = DEFAULT_STORE) -> list[str]:
    """Return the names of the studies that a store holds.

    Raises:
        NotFoundError: there is no such store.
    """
    return _open_store(store).studies()


def doctor(
    store: Location = DEFAULT_STORE,
    study: Location | None = None,
    *,
    ray: bool = False,
    repair: bool = False,
) -> Iterator[Check]:
    """Look at this machine and a store, one check after the other; see `infosweep.sweep.doctor`.

    Args:
        store: folder or URL; it need not exist.
        study: a study file or the name of a study in the store: only its files are looked at, and there
            must be space for its plan.
        ray: start Ray for real, and stop it; 10 s and more.
        repair: set damaged and foreign files aside, so that the next run makes their packs again.

    Raises:
        NotFoundError: there is no such study.
        StudyError: the study file is wrong.
    """
    from infosweep.sweep.doctor import diagnose

    if study is None:
        return diagnose(store, start_ray=ray, repair=repair)
    if re.fullmatch(r"[a-z0-9-]+", str(study)) and not Path(study).is_file():
        found = open(store, name := str(study))
        plan = lambda: found.study.plan(store)  # noqa: E731 - called after a repair
    else:
        loaded = Study.load(study)
        name, plan = loaded.name, lambda: loaded.plan(store)
    return diagnose(store, [name], plan=plan, start_ray=ray, repair=repair)


def kernels_compiled() -> bool:
    """Say whether numba's cache has the engine's kernels; True where that can't be seen cheaply."""
    folder, elsewhere = Path(__file__).parent / "training", os.environ.get("NUMBA_CACHE_DIR")
    if elsewhere:
        return any(Path(elsewhere).glob("*/fused_kernels*.nbi"))
    return not os.access(folder, os.W_OK) or any(folder.glob("__pycache__/fused_kernels*.nbi"))


def usable_cores() -> int:
    """Return the number of cores that this process may run on."""
    from infosweep.store.provenance import usable_cores as count

    return count()


def _open_store(store: Location) -> Store:
    from infosweep.store import open_store

    return open_store(store, create=False)


def _find_study(store: Location, name: str) -> StudyStore | None:
    """The part of a study in a store; None where there is no store or no such study in it yet."""
    try:
        held = _open_store(store).study(name)
    except NotFoundError:
        return None
    return held if held.exists() else None


def _study_in(store: Location, name: str) -> StudyStore:
    """The part of a study in a store.

    Raises:
        NotFoundError: there is none; its mend names those that are there.
    """
    from infosweep.store.store import study_of

    return study_of(_open_store(store), name)


def _stored_settings(held: StudyStore) -> StudySettings:
    from infosweep.sweep.status import stored_study

    return stored_study(held)


def _known(name: str, names: Collection[str], kind: str) -> None:
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise NotFoundError(f"there is no {kind} '{name}'{hint}", f"there are: {', '.join(names)}")
