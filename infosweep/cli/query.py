"""`infosweep query`: one SELECT over the tables of a store."""

from __future__ import annotations

import click

from infosweep.cli import complete, output
from infosweep.cli.options import formats, store_option, verb


@verb(
    "query",
    example='infosweep query "select depth, avg(test_accuracy) from trials group by depth"\n'
    'infosweep query --study quickstart "select * from curves limit 5" -o csv\n'
    "infosweep query --tables",
)
@click.argument("sql", required=False)
@click.option(
    "--study",
    metavar="NAME",
    shell_complete=complete.studies,
    help="Only rows of this study.  [all studies]",
)
@click.option("--tables", is_flag=True, help="List tables, columns, types and units instead.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="Give up after this time.",
)
@store_option
@formats("table", "csv", "json", "md", "parquet")
def query(
    sql: str | None,
    study: str | None,
    tables: bool,
    timeout: float,
    store: str,
    output_format: str,
) -> None:
    """Ask the store with SQL (DuckDB's dialect).

    SQL is one SELECT over trials, curves, information, gradients and failures; nothing else is let
    through. `-o json` is one array of objects.
    """
    from infosweep.api import query_table, tables_table

    if tables == (sql is not None):
        raise click.UsageError("give either one SELECT or --tables")
    if sql is None:
        output.write_table(tables_table(store, study), output_format)
    else:
        output.write_table(query_table(sql, store, study=study, timeout=timeout), output_format)
