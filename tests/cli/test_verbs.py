"""What every verb prints, in every format, and how it ends."""

from __future__ import annotations

import csv
import io
import json
import re

import pandas as pd
import pytest

from infosweep.aggregation.rows import COLUMNS
from infosweep.cli import VERBS
from infosweep.figures import FIGURES


def test_the_verbs_are_listed_in_help(command):
    told = command("--help")
    assert told.code == 0
    commands = told.out.partition("Commands:\n")[2]
    assert [line.split()[0] for line in commands.splitlines() if line[2:3].strip()] == list(VERBS)


def test_an_unknown_verb_is_answered_with_the_nearest(command):
    told = command("findngs")
    assert (told.code, told.out) == (2, "")
    assert "no such command 'findngs'; did you mean 'findings'?" in told.err
    assert "mend: `infosweep --help`" in told.err


def test_an_unknown_option_is_answered_with_the_nearest(command):
    told = command("plan", "x.yaml", "--stroe", "s")
    assert told.code == 2
    assert "--stroe" in told.err
    assert "--store" in told.err
    assert "mend: `infosweep plan --help`" in told.err


def test_json_and_another_format_exclude_each_other(command):
    told = command("query", "select 1", "--json", "-o", "csv")
    assert told.code == 2
    assert "--json is -o json" in told.err


def test_debug_goes_before_and_after_the_verb(tmp_path):
    from infosweep.cli import main
    from infosweep.errors import NotFoundError

    for args in (["--debug", "status"], ["status", "--debug"]):
        with pytest.raises(NotFoundError):
            main([*args, "--store", str(tmp_path / "none")])


# --- plan ---------------------------------------------------------------------------------------------


def test_plan_tells_what_would_be_run_and_writes_nothing(command, finished, tmp_path):
    told = command("plan", finished.study, "--store", tmp_path / "new")
    assert told.code == 0
    assert re.search(r"^trials +48: 0 done, 48 to run$", told.out, re.MULTILINE)
    assert re.search(r"^cells +8 x 6 seeds$", told.out, re.MULTILINE)
    time = r"^time +about \S+ of training on \d+ cores?, plus about 15s to start Ray"
    assert re.search(time, told.out, re.MULTILINE)
    assert not (tmp_path / "new").exists()


def test_plan_as_json_has_the_keys_that_scripts_rely_on(command, finished, tmp_path):
    new = json.loads(command("plan", finished.study, "--store", tmp_path / "new", "--json").out)
    assert (new["cells"], new["trials"], new["done"]) == (8, 48, 0)
    assert new["packs"] > 0
    assert new["seconds"] > new["start_seconds"] > 0
    assert new["bytes"] > 0
    held = json.loads(command("plan", finished.study, "--store", finished.store, "--json").out)
    assert (held["trials"], held["done"], held["packs"], held["seconds"]) == (48, 48, 0, 0)


def test_plan_counts_only_what_a_change_adds(command, finished):
    args = ("plan", finished.study, "--store", finished.store, "--json")
    more = json.loads(command(*args, "--set", "seeds=8").out)
    assert (more["trials"], more["done"], more["to_run"], more["other"]) == (64, 48, 16, 0)
    less = json.loads(command(*args, "--set", "axes.depth=[1]").out)
    assert (less["trials"], less["done"], less["other"]) == (24, 24, 24)


def test_plan_of_a_missing_file_says_so(command, tmp_path):
    told = command("plan", tmp_path / "nowhere.yaml")
    assert told.code in {2, 3}
    assert told.err.startswith("error: ")
    assert "nowhere.yaml" in told.err
    assert "Traceback" not in told.err


# --- run ----------------------------------------------------------------------------------------------


def test_run_again_keeps_everything_and_says_so(command, finished):
    figures = finished.store / "tiny" / "figures"
    before = {path: path.stat().st_mtime_ns for path in figures.iterdir()}
    told = command("run", finished.study, "--store", finished.store)
    assert told.code == 0
    assert "tiny: kept 48, to run 0" in told.err
    assert "supported" in told.out or "undecided" in told.out or "contradicted" in told.out
    assert {path: path.stat().st_mtime_ns for path in figures.iterdir()} == before


def test_run_again_draws_figures_that_are_missing(command, finished):
    figure = finished.store / "tiny" / "figures" / "curves.png"
    figure.unlink()
    told = command("run", finished.study, "--store", finished.store)
    assert told.code == 0
    assert "curves.png" in told.err
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_run_as_json_is_one_document(command, finished):
    told = command("run", finished.study, "--store", finished.store, "--json")
    facts = json.loads(told.out)
    assert (facts["study"], facts["kept"], facts["run"], facts["failed"]) == ("tiny", 48, 0, 0)
    assert facts["findings"]


def test_run_reads_a_store_that_cannot_be_written(command, finished, monkeypatch):
    from infosweep.errors import StoreError
    from infosweep.store.objects import Objects

    def refuse(*_, **__):
        raise StoreError("cannot write: the file system is read-only")

    figure = finished.store / "tiny" / "figures" / "curves.png"
    drawn = figure.read_bytes()
    figure.unlink()
    for name in ("put", "create", "rename", "delete"):
        monkeypatch.setattr(Objects, name, refuse)
    told = command("run", finished.study, "--store", finished.store)
    figure.write_bytes(drawn)
    assert told.code == 0
    assert "warning: figures are not drawn: cannot write" in told.err
    assert "overcompression" in told.out
    told = command("plot", "tiny", "--store", finished.store)
    assert told.code == 6
    assert "--output DIR" in told.err


def test_one_trial_is_told_of_as_one(command, finished, tmp_path):
    told = command(
        "run", finished.study, "--store", tmp_path / "new", "--executor", "inline", "--workers", "1",
        "--set", "seeds=1", "--set", "axes.depth=[1]", "--set", "axes.train_size=[0.04]",
        "--set", "axes.label_noise=[0.0]",
    )  # fmt: skip
    assert told.code == 0
    opening = r"^tiny: kept 0, to run 1; about \S+ of training on 1 core"
    assert re.search(opening, told.err, re.MULTILINE)
    assert re.search(r"^1 trial in ", told.err, re.MULTILINE)
    assert "no finding applies: add values to axes.train_size (overcompression)" in told.err
    told = command("findings", "tiny", "--store", tmp_path / "new", "--json")
    assert (told.code, told.out) == (0, "[]\n")
    assert "no finding applies" in told.err


def test_run_leaves_the_figures_of_the_study(finished):
    drawn = {path.stem for path in (finished.store / "tiny" / "figures").iterdir()}
    assert drawn >= {"information_plane", "curves", "overcompression", "depth_benefit"}
    assert drawn <= set(FIGURES)


def test_run_refuses_more_trials_than_the_limit(command, finished, tmp_path):
    told = command("run", finished.study, "--store", tmp_path / "new", "--set", "limits.trials=10")
    assert told.code == 5
    assert "mend:" in told.err
    assert not (tmp_path / "new" / "tiny" / "trials").exists()


# --- status -------------------------------------------------------------------------------------------


def test_status_of_one_study_is_an_object_and_of_all_a_list(command, finished):
    one = json.loads(command("status", "tiny", "--store", finished.store, "--json").out)
    expected = {"study": "tiny", "trials": 48, "done": 48, "diverged": 0, "failed": 0}
    assert expected.items() <= one.items()
    assert (one["running"], one["lost"]) == (0, 0)
    assert json.loads(command("status", "--store", finished.store, "--json").out) == [one]


def test_status_as_text(command, finished):
    head, _, row = command("status", "--store", finished.store).out.splitlines()
    assert head.split()[:3] == ["study", "trials", "done"]
    assert row.split()[:3] == ["tiny", "48", "48"]


def test_status_of_a_folder_without_a_study_finds_nothing(command, tmp_path):
    told = command("status", "--store", tmp_path)
    assert (told.code, told.out) == (3, "")
    assert "there is no study in" in told.err


@pytest.mark.parametrize("verb", ["status", "findings", "plot"])
def test_a_study_that_is_not_there_is_exit_3_and_names_what_is(verb, command, finished):
    told = command(verb, "tyni", "--store", finished.store)
    assert (told.code, told.out) == (3, "")
    assert "tyni" in told.err
    assert "tiny" in told.err


def test_a_store_that_is_not_there_is_exit_3(command, tmp_path):
    told = command("query", "select 1", "--store", tmp_path / "none")
    assert told.code == 3
    assert "mend:" in told.err
    assert not (tmp_path / "none").exists()


# --- query --------------------------------------------------------------------------------------------

SQL = "select depth, count(*) as n, avg(test_accuracy) as accuracy from trials group by all order by all"


def test_query_prints_every_format(command, finished):
    told = {
        form: command("query", SQL, "--store", finished.store, "-o", form)
        for form in ("table", "csv", "json", "md")
    }
    assert all(one.code == 0 and one.err == "" for one in told.values())
    objects = json.loads(told["json"].out)
    assert [(row["depth"], row["n"]) for row in objects] == [(1, 24), (2, 24)]
    read = list(csv.DictReader(io.StringIO(told["csv"].out)))
    # two queries: DuckDB adds up in whatever order its threads are done
    means = [row["accuracy"] for row in objects]
    assert [float(row["accuracy"]) for row in read] == pytest.approx(means, rel=1e-12)
    assert told["table"].out.splitlines()[0].split() == ["depth", "n", "accuracy"]
    assert told["md"].out.splitlines()[0] == "| depth | n | accuracy |"


def test_query_writes_parquet_into_a_pipe(finished, capfdbinary):
    from infosweep.cli import main

    with pytest.raises(SystemExit) as left:
        main(["query", SQL, "--store", str(finished.store), "-o", "parquet"])
    assert left.value.code == 0
    frame = pd.read_parquet(io.BytesIO(capfdbinary.readouterr().out))
    assert frame["n"].tolist() == [24, 24]


def test_query_without_rows_is_no_error(command, finished):
    args = ("query", "select * from failures", "--store", finished.store)
    assert command(*args, "-o", "json")[:2] == (0, "[]\n")
    assert command(*args, "-o", "csv").out.startswith("trial_id,study,seed,")


@pytest.mark.parametrize(
    "sql", ["selec 1", "drop table trials", "select nothing from trials", "select 1; select 2"]
)
def test_query_refuses_what_is_not_one_good_select(sql, command, finished):
    told = command("query", sql, "--store", finished.store)
    assert (told.code, told.out) == (2, "")
    assert told.err.startswith("error: ")


def test_query_lists_tables_with_units(command, finished):
    told = command("query", "--tables", "--store", finished.store, "--json")
    rows = {(row["table"], row["column"]): row for row in json.loads(told.out)}
    assert rows["information", "i_xt"]["unit"] == "bits"
    assert rows["curves", "loss"]["unit"] == "nats"


def test_query_takes_either_sql_or_tables(command):
    assert command("query").code == 2
    assert command("query", "select 1", "--tables").code == 2


# --- findings, plot, schema ---------------------------------------------------------------------------


def test_findings_as_json_have_the_keys_that_scripts_rely_on(command, finished):
    rows = json.loads(command("findings", "tiny", "--store", finished.store, "-o", "json").out)
    keys = {"finding", "claim", "cell", "verdict", "effect", "low", "high", "p", "n_seeds"}
    assert all(row.keys() >= keys | {"flips_under"} for row in rows)
    assert {row["verdict"] for row in rows} <= {"supported", "contradicted", "undecided"}
    assert all(isinstance(row["flips_under"], list) for row in rows)
    assert {row["finding"] for row in rows if row["cell"] is None} >= {"overcompression"}
    for finding in {row["finding"] for row in rows}:
        own = [row for row in rows if row["finding"] == finding]
        assert all(row.keys() == own[0].keys() for row in own)
        further = own[0].keys() - set(COLUMNS)
        assert [key for key in further if all(row[key] is None for row in own)] == []


def test_findings_as_text_begin_with_the_claim(command, finished):
    lines = command("findings", "tiny", "--store", finished.store).out.splitlines()
    rows = [line for line in lines[2:] if not line.startswith("note: ")]
    first = {}
    for line in rows:
        first.setdefault(line.split()[0], line)
    assert {"overcompression", "depth_benefit", "label_noise_effect"} == set(first)
    assert all("(claim)" in line for line in first.values())
    assert [line for line in lines if line.startswith("note: overcompression: ")]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_findings_go_into_files(form, finished, capfdbinary):
    from infosweep.cli import main

    with pytest.raises(SystemExit) as left:
        main(["findings", "tiny", "--store", str(finished.store), "-o", form])
    assert left.value.code == 0
    data = io.BytesIO(capfdbinary.readouterr().out)
    frame = pd.read_csv(data) if form == "csv" else pd.read_parquet(data)
    assert "overcompression" in set(frame["finding"])


def test_plot_draws_into_a_folder_in_each_format(command, finished, tmp_path):
    told = command(
        "plot", "tiny", "curves", "--store", finished.store, "--format", "svg,pdf",
        "--output", tmp_path / "out",
    )  # fmt: skip
    assert told.code == 0
    assert told.out.split("\n") == [
        str(tmp_path / "out" / "curves.svg"), str(tmp_path / "out" / "curves.pdf"), "",
    ]  # fmt: skip
    assert b"<svg" in (tmp_path / "out" / "curves.svg").read_bytes()
    assert (tmp_path / "out" / "curves.pdf").read_bytes().startswith(b"%PDF")


def test_plot_refuses_unknown_figures_and_formats(command, finished):
    told = command("plot", "tiny", "curvs", "--store", finished.store)
    assert told.code == 3
    assert "did you mean 'curves'?" in told.err
    told = command("plot", "tiny", "--store", finished.store, "--format", "gif")
    assert told.code == 2
    assert "png, svg, pdf" in told.err


def test_plot_help_names_every_figure(command):
    told = command("plot", "--help").out
    assert [name for name in FIGURES if name not in told] == []


def test_schema_is_a_json_schema_that_knows_the_axes(command):
    schema = json.loads(command("schema").out)
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert "label_noise" in json.dumps(schema)
