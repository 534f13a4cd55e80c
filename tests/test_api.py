"""Study and Results as Python users hold them."""

from __future__ import annotations

import pandas as pd
import pytest

import infosweep


@pytest.fixture(scope="module")
def study():
    return infosweep.Study(
        name="tiny",
        task={"kind": "binary12"},
        training={"learning_rate": 0.001, "epochs": 30},
        axes={"train_size": [0.04], "depth": [1, 2], "label_noise": [0.0, 1.0]},
        record={"checkpoints": 12},
        seeds=6,
    )


@pytest.fixture(scope="module")
def results(study, tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    return study.run(store, executor="inline", workers=2, progress=False)


def test_every_public_name_is_there_and_listed():
    for name in infosweep.__all__:
        assert getattr(infosweep, name) is not None
        assert name in dir(infosweep)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        infosweep.nothing  # noqa: B018 - the access is what is tested


def test_the_version_is_that_of_the_package():
    from importlib.metadata import version

    assert version("infosweep") == infosweep.__version__


def test_a_study_is_the_same_from_keywords_and_from_its_file(study, tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(study.to_yaml(), encoding="utf-8")
    assert infosweep.Study.load(path) == study
    assert infosweep.Study.load(path, ["seeds=7"]) == study.replace(seeds=7)


def test_replace_changes_sections_key_by_key_and_leaves_the_study(study):
    changed = study.replace(training={"epochs": 5}, axes={"depth": [3]}, seeds=[4, 7])
    assert changed.settings.training.epochs == 5
    assert changed.settings.training.learning_rate == 0.001
    assert changed.settings.axes["depth"] == (3,)
    assert changed.settings.axes["label_noise"] == (0.0, 1.0)
    assert changed.settings.seeds == (4, 7)
    assert study.settings.training.epochs == 30


def test_replace_takes_steps_in_place_of_epochs(study):
    steps = study.replace(training={"steps": 50})
    assert (steps.settings.training.steps, steps.settings.training.n_epochs) == (50, None)
    assert steps.replace(training={"epochs": 30}) == study


def test_a_wrong_study_is_refused_with_all_its_faults(study):
    with pytest.raises(infosweep.StudyError) as told:
        study.replace(training={"epochs": -1, "optimiser": "adam"})
    assert "epochs" in str(told.value)
    assert "optimizer" in str(told.value)


def test_a_plan_leaves_out_what_the_store_holds(study, results, tmp_path):
    assert (study.plan(tmp_path / "none").done, len(study.plan(tmp_path / "none").trials)) == (
        0,
        24,
    )
    assert study.plan(results.store).packs == ()
    assert study.replace(seeds=8).plan(results.store).done == 24


def test_results_hold_every_table_as_pandas(results):
    assert len(results.trials) == 24
    assert set(results.trials["status"]) == {"done"}
    assert {"i_xt", "i_ty", "saturated"} <= set(results.information.columns)
    assert {"i_rank", "i_decision"} <= set(results.curves.columns)
    assert {"snr"} <= set(results.gradients.columns)
    assert len(results.failures) == 0
    with pytest.raises(infosweep.NotFoundError, match="trails"):
        results.table("trails")


def test_sql_sees_the_study(results):
    frame = results.sql("select depth, count(*) as n from trials group by all order by all")
    assert frame.to_dict("list") == {"depth": [1, 2], "n": [12, 12]}
    whole = infosweep.sql("select count(*) as n from trials", results.store)
    assert whole["n"].tolist() == [24]
    with pytest.raises(infosweep.QueryError):
        results.sql("drop table trials")


def test_findings_are_tables(results):
    one = results.finding("overcompression")
    assert isinstance(one, pd.DataFrame)
    assert one["cell"].isna().sum() == 1
    every = results.verdicts()
    assert set(every["finding"]) == set(results.study.settings.findings)
    with pytest.raises(infosweep.NotFoundError, match="did you mean 'overcompression'"):
        results.finding("overcompresion")


def test_findings_leave_out_trials_that_the_study_no_longer_asks_for(study, tmp_path):
    study.replace(seeds=7).run(tmp_path, executor="inline", progress=False)
    fewer = study.run(tmp_path, executor="inline", progress=False)
    assert fewer.summary.run == 0
    assert fewer.status["other"] == 4
    assert fewer.finding("overcompression")["n_seeds"].max() == 6


def test_plot_gives_a_figure_and_save_figures_files(results, tmp_path):
    from matplotlib.figure import Figure

    assert isinstance(results.plot("curves"), Figure)
    written = results.save_figures(["curves"], formats=["svg"], folder=tmp_path)
    assert written == [str(tmp_path / "curves.svg")]
    kept = results.save_figures(["curves"])
    assert len(kept) == 1
    assert results.save_figures(["curves"], keep_fresh=True) == []


def test_status_and_summary_tell_how_far_it_is(results):
    assert results.status["done"] == results.status["trials"] == 24
    assert (results.summary.run, results.summary.exit_code) == (24, 0)


def test_open_finds_a_study_and_says_what_there_is(results, study):
    opened = infosweep.open(results.store)
    assert opened.name == "tiny"
    assert opened.study == study
    with pytest.raises(infosweep.NotFoundError, match="other"):
        infosweep.open(results.store, "other")
    study.replace(name="second", seeds=[0]).run(results.store, executor="inline", progress=False)
    with pytest.raises(infosweep.UsageError, match="2 studies"):
        infosweep.open(results.store)


def test_arrays_of_ones_own_can_be_measured():
    task = infosweep.load_task("binary12")
    told = (2.0 * task.labels - 1)[:, None] * 0.9
    plane = infosweep.information_plane([told], task.labels, bins=30)
    h_y = infosweep.mutual_information(task.labels, task.labels)
    assert plane["i_ty"].tolist() == pytest.approx([h_y])
