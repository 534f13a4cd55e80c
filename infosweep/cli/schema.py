"""`infosweep schema`: the JSON Schema of the study file, for editors."""

from __future__ import annotations

from infosweep.cli import output
from infosweep.cli.options import verb


@verb("schema", example="infosweep schema > sweeps/study.schema.json")
def schema() -> None:
    """Print the JSON Schema of the study file.

    Editors with a YAML language server then complete keys and mark faults while one types: the shipped
    studies name `study.schema.json` beside them.
    """
    from infosweep.study import json_schema

    output.write_json(json_schema())
