"""Same study, same rows, bit for bit: whatever runs it, on however many workers, in packs of whatever size."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pytest

from infosweep.study.settings import StudySettings
from infosweep.sweep import run_study

Tiny = Callable[..., StudySettings]
ResultsOf = Callable[[str], dict[str, pa.Table]]


@pytest.fixture(scope="module")
def baseline(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The store of a run on one thread."""
    store = str(tmp_path_factory.mktemp("baseline"))
    summary = run_study(tiny(), store, executor="inline", workers=1, progress=False)
    assert (summary.run, summary.failed, summary.exit_code) == (12, 0, 0)
    return store


def assert_equal(found: dict[str, pa.Table], expected: dict[str, pa.Table]) -> None:
    for name, table in expected.items():
        assert table.num_rows > 0
        for column in table.column_names:
            assert found[name].column(column).equals(table.column(column)), f"{name}.{column}"
        assert found[name].equals(table), name


def test_two_threads(tiny: Tiny, store: str, baseline: str, results_of: ResultsOf):
    run_study(tiny(), store, executor="inline", workers=2, progress=False)
    assert_equal(results_of(store), results_of(baseline))


@pytest.mark.parametrize("size", [1, 2, 5])
def test_another_size_of_packs(
    tiny: Tiny, store: str, baseline: str, results_of: ResultsOf, size: int
):
    study = tiny(resources={"pack": size})
    run_study(study, store, executor="inline", workers=2, progress=False)
    assert_equal(results_of(store), results_of(baseline))


def test_in_two_parts(tiny: Tiny, store: str, baseline: str, results_of: ResultsOf):
    run_study(tiny(seeds=[2]), store, executor="inline", workers=1, progress=False)
    summary = run_study(tiny(), store, executor="inline", workers=1, progress=False)
    assert (summary.kept, summary.run) == (4, 8)
    assert_equal(results_of(store), results_of(baseline))


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.usefixtures("ray_session")
@pytest.mark.parametrize("workers", [1, 2])
def test_ray(tiny: Tiny, store: str, baseline: str, results_of: ResultsOf, workers: int):
    study = tiny(resources={"pack": 2})
    summary = run_study(study, store, workers=workers, progress=False)
    assert (summary.run, summary.failed, summary.exit_code) == (12, 0, 0)
    assert_equal(results_of(store), results_of(baseline))


def test_equality_can_fail(tiny: Tiny, store: str, baseline: str, results_of: ResultsOf):
    study = tiny(training={"learning_rate": 0.011, "epochs": 12})
    run_study(study, store, executor="inline", workers=1, progress=False)
    with pytest.raises(AssertionError):
        assert_equal(results_of(store), results_of(baseline))
