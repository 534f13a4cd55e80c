"""Shared fixtures: tiny studies, their stores, and one Ray for all tests that need it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from infosweep.store import open_store
from infosweep.store.store import StudyStore
from infosweep.study import study_from_mapping
from infosweep.study.settings import StudySettings
from infosweep.tables import RUN_COLUMNS, TABLES, WRITTEN_BY_EVERY_RUN

TINY: dict[str, Any] = {
    "name": "tiny",
    "task": {"kind": "binary12"},
    "model": {"hidden": [5, 3]},
    "training": {"learning_rate": 0.01, "epochs": 12},
    "axes": {"train_size": [0.05, 0.2], "batch_size": [64], "label_noise": [0.0, 1.0]},
    "seeds": 3,
    "record": {"checkpoints": 5, "probe": 256},
}


def make_tiny(**sections: Any) -> StudySettings:
    """A study of twelve networks that trains in well under a second; sections replace its own."""
    return study_from_mapping({**TINY, **sections})


@pytest.fixture(scope="session")
def tiny() -> Callable[..., StudySettings]:
    return make_tiny


@pytest.fixture
def store(tmp_path: Path) -> str:
    return str(tmp_path / "results")


@pytest.fixture
def held(store: str) -> StudyStore:
    """The part of the study `tiny` in an empty store."""
    return open_store(store, create=True).study("tiny")


@pytest.fixture(scope="session")
def ray_session() -> Iterator[None]:
    """Ray with two cores, started once for all tests as a run would start it."""
    from infosweep.sweep.ray_start import ray_running, shared_bytecode

    # What Ray itself leaves open or finds outdated is not ours to mend.
    os.environ["PYTHONWARNINGS"] = "ignore"
    with shared_bytecode(), ray_running(workers=2):
        yield
    del os.environ["PYTHONWARNINGS"]


@pytest.fixture
def results_of() -> Callable[[str], dict[str, pa.Table]]:
    """Reads a store's tables without the columns of the run, sorted: equal for equal results, bit for bit."""

    def read(store: str, study: str = "tiny") -> dict[str, pa.Table]:
        return {table.name: _rows(store, study, table.name) for table in WRITTEN_BY_EVERY_RUN}

    return read


def _rows(store: str, study: str, name: str) -> pa.Table:
    files = sorted((Path(store) / study / name).glob("*.parquet"))
    rows = pa.concat_tables([pq.ParquetFile(file).read() for file in files])
    kept = [column for column in rows.column_names if column not in RUN_COLUMNS]
    order = [(column, "ascending") for column in TABLES[name].sort_by]
    return rows.sort_by(order).select(kept).replace_schema_metadata(None).combine_chunks()
