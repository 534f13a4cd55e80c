"""What SQL may be run: one SELECT over the study's tables, known from its syntax tree and by default refused.

DuckDB types `WITH x AS (COPY … TO 'f') SELECT …` as a SELECT and writes (also INSERT, UPDATE, DELETE), so the
kind of the statement says nothing. The tree that `json_serialize_sql` gives is walked instead, and a node that
is not listed here is refused. It is the first of two barriers: the connection itself (query.py) can reach
nothing but a read-only view of the tables' files.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from infosweep.errors import QueryError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_QUERIES = {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"}
_TABLES = {
    "BASE_TABLE",
    "SUBQUERY",
    "JOIN",
    "TABLE_FUNCTION",
    "EXPRESSION_LIST",
    "PIVOT",
    "EMPTY",
}
_MODIFIERS = {
    "ORDER_MODIFIER",
    "LIMIT_MODIFIER",
    "LIMIT_PERCENT_MODIFIER",
    "DISTINCT_MODIFIER",
    "ORDER_DEFAULT",
    "ASCENDING",
    "DESCENDING",
}
_ALLOWED = _QUERIES | _TABLES | _MODIFIERS
_EXPRESSIONS = {
    "BETWEEN",
    "CASE",
    "CAST",
    "COLLATE",
    "COLUMN_REF",
    "COMPARISON",
    "CONJUNCTION",
    "CONSTANT",
    "FUNCTION",
    "LAMBDA",
    "LAMBDA_REF",
    "OPERATOR",
    "POSITIONAL_REFERENCE",
    "STAR",
    "SUBQUERY",
    "TYPE",
    "WINDOW",
}
_TABLE_FUNCTIONS = {"unnest", "range", "generate_series"}
# What looks at or changes something other than the rows: environment, settings, sequences, files, time.
_REFUSED_FUNCTIONS = re.compile(
    r"getenv|current_setting|getvariable|setseed|nextval|currval|setval|write_log|txid_current"
    r"|\w*sleep\w*|which_secret|json_(execute|serialize|deserialize)\w*|query|query_table|glob|sniff_\w+|read_\w+|parquet_\w+"
    r"|(__internal|duckdb|pragma|pg|has|inet)_\w+",
    re.IGNORECASE,
)

_LONGEST, _DEEPEST = 100_000, 200  # characters, brackets

_WIDEST = 300  # characters of a message
TOO_DEEP = "the query is too long or nested too deeply"
ONE_SELECT = "query takes one SELECT and nothing else"


def nearest(word: str, words: Iterable[str]) -> str:
    """Return ``; did you mean '…'?`` where a known word is near, else nothing."""
    found = difflib.get_close_matches(word.lower(), list(words), n=1) if len(word) <= 100 else []
    return f"; did you mean '{found[0]}'?" if found else ""


def shortened(text: str) -> str:
    """Return one line of bounded length: a message quotes what stands in the query, which may be long."""
    text = " ".join(text.split())
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 3]}..."


def check(connection: DuckDBPyConnection, sql: str, tables: Iterable[str]) -> set[str]:
    """Refuse what is not one SELECT over known tables; return the tables that it reads.

    Args:
        connection: any DuckDB connection; it only parses.
        sql: the query.
        tables: names of the tables there are.

    Raises:
        QueryError: it is refused; the message says why, in one line.
    """
    tree = _parse(connection, sql)
    found = list(_nodes(tree["statements"]))
    for node, _ in found:
        _check_node(node)
    return set(_tables_read(found, set(tables)))


def _depth(sql: str) -> int:
    """Return how deeply brackets are nested, brackets in texts included."""
    deepest = depth = 0
    for character in sql:
        depth += (character in "([{") - (character in ")]}")
        deepest = max(deepest, depth)
    return deepest


def _parse(connection: DuckDBPyConnection, sql: str) -> dict[str, Any]:
    try:
        sql.encode()
    except UnicodeEncodeError:
        raise QueryError("the query is not text in UTF-8") from None
    # DuckDB's parser needs seconds for a thousand brackets, and cannot be interrupted.
    if len(sql) > _LONGEST or _depth(sql) > _DEEPEST:
        raise QueryError(TOO_DEEP)
    row = connection.execute("select json_serialize_sql(?::varchar)", [sql]).fetchone()
    assert row is not None
    try:
        tree = json.loads(row[0])
    except RecursionError:
        raise QueryError(TOO_DEEP) from None
    if tree["error"]:
        raise _refusal(connection, sql, tree)
    n_statements = len(tree["statements"])
    if n_statements != 1:
        raise _several(n_statements)
    return tree


def _refusal(connection: DuckDBPyConnection, sql: str, tree: dict[str, Any]) -> QueryError:
    if tree["error_type"] == "not implemented":
        n_statements = len(connection.extract_statements(sql))
        word = re.match(r"(?:\s|--[^\n]*\n|/\*.*?\*/|\()*(\w+)", sql, re.DOTALL)
        if re.search(r"\bpivot\b", sql, re.IGNORECASE):
            return QueryError(
                "a PIVOT must name its values",
                "write FROM trials PIVOT (count(*) FOR depth IN (1, 5)), or use GROUP BY",
            )
        if n_statements > 1:
            return _several(n_statements)
        found = f"; this is {word[1].upper()}" if word else ""
        return QueryError(f"{ONE_SELECT}{found}", "results are changed by runs alone")
    message = str(tree["error_message"]).partition("\n")[0]
    if "max_expression_depth" in message:
        return QueryError(TOO_DEEP)
    where = f" (at character {int(tree['position']) + 1})" if tree.get("position") else ""
    return QueryError(f"SQL that cannot be read: {shortened(message)}{where}")


def _several(n_statements: int) -> QueryError:
    found = f"there are {n_statements} statements" if n_statements else "there is none"
    return QueryError(f"{ONE_SELECT}; {found}", "give one SELECT, without `;` inside")


def _nodes(tree: object) -> Iterator[tuple[dict[str, Any], frozenset[str]]]:
    """Yield every object of a tree with the names that WITH gives around it.

    Without recursion, since a query may be nested deeply.
    """
    stack: list[tuple[object, frozenset[str]]] = [(tree, frozenset())]
    while stack:
        value, local = stack.pop()
        if isinstance(value, dict):
            entries = (value.get("cte_map") or {}).get("map", [])
            if entries:
                local |= {str(entry["key"]).lower() for entry in entries}
            yield value, local
            stack.extend((below, local) for below in value.values())
        elif isinstance(value, list):
            stack.extend((below, local) for below in value)


def _check_node(node: dict[str, Any]) -> None:
    kind = node.get("type")
    if "class" in node:
        if node["class"] == "PARAMETER":
            raise QueryError("the query has a parameter ($1 or ?)", "write the value in its place")
        if node["class"] not in _EXPRESSIONS:
            raise _refused(str(node["class"]))
        name = str(node.get("function_name") or "")
        if node["class"] in ("FUNCTION", "WINDOW") and _REFUSED_FUNCTIONS.fullmatch(name):
            raise QueryError(f"the function {name} is not allowed in a query", _READS)
    elif isinstance(kind, str) and kind not in _ALLOWED:
        raise _refused(kind)
    if kind == "TABLE_FUNCTION":
        name = str((node.get("function") or {}).get("function_name") or "")
        if name.lower() not in _TABLE_FUNCTIONS:
            raise QueryError(f"the function {name} is not allowed in a query", _READS)


_READS = "a query reads the study's tables; `infosweep query --tables` lists them"


def _refused(kind: str) -> QueryError:
    what = kind.removesuffix("_QUERY_NODE").removesuffix("_NODE").removesuffix("_REF")
    return QueryError(f"{ONE_SELECT}; it has {what} in it", _READS)


def _tables_read(
    nodes: Iterable[tuple[dict[str, Any], frozenset[str]]], tables: set[str]
) -> Iterator[str]:
    for node, local in nodes:
        if node.get("type") != "BASE_TABLE" or "class" in node:
            continue
        path = [str(part) for part in (node.get("qualified_name") or {}).get("path", [])]
        name = str(node.get("table_name") or path[-1])
        qualified = len(path) > 1 or node.get("schema_name") or node.get("catalog_name")
        if not qualified and name.lower() in tables:
            yield name.lower()
        elif qualified or name.lower() not in local:
            written = shortened(".".join(path) or name)
            raise QueryError(
                f"there is no table '{written}'{nearest(written, sorted(tables))}",
                f"tables: {', '.join(sorted(tables))}",
            )
