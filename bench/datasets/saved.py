"""Data sets saved in the format of Hugging Face's `datasets` (save_to_disk): Arrow files with a description.

Read by pyarrow alone. A numeric column of one of the usual names holds the inputs, or one of images; else all numeric
columns do, as in a table.
"""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from bench.datasets.pictures import alike, open_image

STATE, INFO = "state.json", "dataset_info.json"


def is_saved(folder: Path) -> bool:
    """Whether a folder is a saved data set, or a split of one."""
    return (folder / STATE).is_file() and (folder / INFO).is_file()


def saved_content(folder: Path) -> Any:
    """Column -> array where one holds the inputs of a sample, else a table; classes by their names.

    Raises ImportError without pyarrow, OSError, ValueError and KeyError for what is not such a data set.
    """
    try:
        import pyarrow as pa
    except ImportError as error:
        raise ImportError("a saved data set needs pyarrow: pip install pyarrow") from error
    state = json.loads((folder / STATE).read_text(encoding="utf-8"))
    features = json.loads((folder / INFO).read_text(encoding="utf-8")).get("features") or {}
    if state.get("_indices_data_files"):
        raise ValueError("it is a selection of another's rows: save it once more, dataset.flatten_indices() first")
    parts = []
    for each in state["_data_files"]:
        with pa.memory_map(str(folder / Path(each["filename"]).name)) as file:
            parts.append(pa.ipc.open_stream(file).read_all())
    table = pa.concat_tables(parts)
    columns = {name: _array(name, table.column(name)) for name in table.column_names}
    for name, feature in features.items():
        if name in columns and isinstance(feature, dict) and feature.get("_type") == "ClassLabel":
            words = np.array([*feature["names"], None], dtype=object)  # -1, no class, is the last
            columns[name] = words[np.maximum(np.nan_to_num(columns[name], nan=-1), -1).astype(int)]
    if any(column.ndim > 1 for column in columns.values()):
        return columns
    import pandas as pd

    return pd.DataFrame(columns)


def _array(name: str, column: Any) -> np.ndarray:
    """A column as an array (N, ...): of numbers, lists of them of one length, images, or words."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_struct(column.type) and column.type.get_field_index("bytes") >= 0:
        return _images(name, column)
    array, shape = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type), [len(column)]
    while pa.types.is_list(array.type) or pa.types.is_large_list(array.type) or pa.types.is_fixed_size_list(array.type):
        if len(set(pc.unique(pc.list_value_length(array)).to_pylist())) > 1 or array.null_count:
            raise ValueError(f"the rows of its column '{name}' have unlike lengths")
        array = array.flatten()
        shape.append(len(array) // max(1, math.prod(shape)))
    values: np.ndarray = array.to_numpy(zero_copy_only=False)
    return np.require(values, requirements="W").reshape(shape)


def _images(name: str, column: Any) -> np.ndarray:
    """The images of a column as bytes, (N, H, W) or (N, 3, H, W)."""
    pictures = []
    for i, each in enumerate(column.to_pylist()):
        if not (each and each["bytes"]):
            raise ValueError(f"it holds no image at row {i} of '{name}', only where one was: save it with its images")
        pictures.append(open_image(io.BytesIO(each["bytes"]), f"{name} of row {i}"))
    return alike(pictures, [f"{name} of row {i}" for i in range(len(pictures))])
