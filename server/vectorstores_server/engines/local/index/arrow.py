"""The columns of a table, and rows laid out in them."""
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
# ^ pyarrow has no type information.

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
from numpy import float32, int64

from vectorstores_server.engines.local.index.records import Rows

TEXT, VECTOR, REV = "text", "vector", "rev"
PLACE = ("rev", "ordinal", "start", "end", "chunk_start", "chunk_end")


def schema(dimensions: int | None) -> Any:
    """Return the columns of a table; those of an existing table never change."""
    fields = [pa.field(REV, pa.int64(), nullable=False)]
    fields += [pa.field(name, pa.int32(), nullable=False) for name in PLACE[1:]]
    fields.append(pa.field(TEXT, pa.string(), nullable=False))
    if dimensions is not None:
        fields.append(pa.field(VECTOR, pa.list_(pa.float32(), dimensions), nullable=False))
    return pa.schema(fields)


def batch(rows: Sequence[Rows], columns: Any) -> Any:
    """Lay rows out as Arrow; the numbers of the vectors are copied once."""
    lengths = [len(r.ordinals) for r in rows]
    places = [[getattr(r, f"{name}s") for r in rows] for name in PLACE[1:]]
    arrays = [
        pa.array(np.repeat(np.array([r.rev for r in rows], int64), lengths)),
        *(pa.array(list(chain.from_iterable(column)), pa.int32()) for column in places),
        pa.array([text for r in rows for text in r.texts], pa.string()),
    ]
    if VECTOR in columns.names:
        vectors = np.concatenate([r.vectors for r in rows if r.vectors is not None])
        flat = pa.array(np.ascontiguousarray(vectors, float32).reshape(-1))
        arrays.append(pa.FixedSizeListArray.from_arrays(flat, columns.field(VECTOR).type.list_size))
    return pa.record_batch(arrays, schema=columns)
