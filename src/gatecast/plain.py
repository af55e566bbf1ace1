"""Results as they leave: JSON-safe values, rows of a frame, bytes of a CSV file."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["csv_bytes", "json_text", "plain", "records", "written"]


def plain(value: Any) -> Any:
    """Return what JSON can hold; a number that is not finite becomes None.

    Examples
    --------
    >>> plain({"a": (1.0, float("nan"))})
    {'a': [1.0, None]}
    """
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def json_text(report: Any, indent: int | None = None) -> str:
    """Write a result as JSON."""
    return json.dumps(plain(report), ensure_ascii=False, allow_nan=False, indent=indent)


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a frame's rows for JSON, stamps as the CSV file has them."""
    for name in {"ds", "cutoff"} & set(frame.columns):
        frame = frame.assign(**{name: written(frame[name])})
    return [
        {str(key): plain(value) for key, value in row.items()}
        for row in frame.to_dict(orient="records")
    ]


def written(stamps: Any) -> list[Any]:
    """Return stamps as the CSV file has them: numbers, or text.

    Examples
    --------
    >>> import numpy as np
    >>> written(np.array(["2024-01-01", "2024-02-01"], "M8[us]"))
    ['2024-01-01', '2024-02-01']
    """
    import pandas as pd

    column = pd.DataFrame({"ds": stamps})
    if column["ds"].dtype.kind in "iu":
        return list(column["ds"].tolist())
    return column.to_csv(index=False, header=False).splitlines()


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """Write a frame as CSV in UTF-8."""
    return frame.to_csv(index=False, lineterminator="\n").encode()
