"""The columns of a table, and rows laid out in them."""
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
# ^ pyarrow has no type information.

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy import int64
from numpy.typing import NDArray

from vectorstores_server.engines.local.index.records import Rows

TEXT, WORDS, VECTOR, REV, PLACE = "text", "words", "vector", "rev", "place"
"""Tables of format 1 have TEXT, which the index analyses; newer ones have WORDS, the terms as `words` makes them."""
PLACES = ("rev", "ordinal", "start", "end", "chunk_start", "chunk_end")
"""The fields of `place`, which is one column, because each column of each row that is read is a read of its own."""


def schema(dimensions: int | None, *, analysed: bool) -> Any:
    """Return the columns of a table; those of an existing table never change."""
    fields = [
        pa.field(REV, pa.int64(), nullable=False),
        pa.field(PLACE, pa.list_(pa.int64(), len(PLACES)), nullable=False),
        pa.field(WORDS if analysed else TEXT, pa.string(), nullable=False),
    ]
    if dimensions is not None:
        fields.append(pa.field(VECTOR, pa.list_(pa.float32(), dimensions), nullable=False))
    return pa.schema(fields)


def batch(rows: Sequence[Rows], columns: Any) -> Any:
    """Lay rows out as Arrow; the numbers of the vectors are copied once."""
    places = np.concatenate([_places(part) for part in rows])
    arrays = [pa.array(places[:, 0]), _lists(places), pa.array([text for part in rows for text in part.texts])]
    if VECTOR in columns.names:
        arrays.append(_lists(np.concatenate([part.vectors for part in rows if part.vectors is not None])))
    return pa.record_batch(arrays, schema=columns)


def matrix(column: Any) -> NDArray[Any]:
    """Return a column of lists of one length as (rows, length)."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return whole.flatten().to_numpy().reshape(len(column), -1)


def _places(part: Rows) -> NDArray[int64]:
    columns = (part.ordinals, part.starts, part.ends, part.chunk_starts, part.chunk_ends)
    revs = np.full(len(part.ordinals), part.rev, int64)
    return np.stack([revs, *(np.asarray(column, int64) for column in columns)], axis=1)


def _lists(numbers: NDArray[Any]) -> Any:
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(numbers).reshape(-1)), numbers.shape[1])
