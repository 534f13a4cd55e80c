"""What is kept: exactly-once writer, reader, query guard, over folders and buckets alike.

store.py       a store and the `_meta` side of a study in it (loads neither numpy nor pyarrow)
objects.py     named bytes through obstore
commit.py      staging, the exclusive commit, publication and its completion
lease.py       who runs a study; claims on packs; heartbeats
provenance.py  what a run was made with
schemas.py     tables.py -> Arrow schemas and tables; Parquet with footers
later_axes.py  gives older files the columns of axes that were added later
reader.py      tables -> pandas; visible files; later axes
query.py       guarded SQL
damage.py      what is wrong with a study's files
repair.py      sets aside what is damaged; the next run makes it again
clean.py       deletes a study, or its failures
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infosweep.store.store import Store


def open_store(url: str | Path, *, create: bool) -> Store:
    """Open the store at a folder, `s3://`, `gs://` or `az://` URL.

    Raises:
        NotFoundError: there is none and `create` is false.
        StoreError: it cannot be opened.

    >>> open_store("memory://example", create=True).studies()
    []
    """
    from infosweep.store.store import Store

    return Store.open(url, create=create)
