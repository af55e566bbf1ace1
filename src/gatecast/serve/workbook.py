"""A forecast as an Excel file, in which text stays text."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["workbook"]

_LONGEST_CELL = 32_767  # characters, of Excel


def workbook(frame: pd.DataFrame) -> bytes:
    """Write a frame as one sheet.

    Parameters
    ----------
    frame : pandas.DataFrame
        Stamps, text and numbers. Text that begins like a formula is text, and stays so.

    Returns
    -------
    bytes
        Of an ``.xlsx`` file.
    """
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell

    book = Workbook(write_only=True)
    sheet = book.create_sheet("forecast")

    def cell(value: Any) -> Any:
        if isinstance(value, str):
            # openpyxl takes what begins with "=" for a formula, unless it is told what it is.
            made = WriteOnlyCell(sheet, value=_visible(value))
            made.data_type = "s"
            return made
        return None if isinstance(value, float) and not math.isfinite(value) else value

    sheet.append([cell(str(name)) for name in frame.columns])
    columns = [_plain(frame[name]) for name in frame.columns]
    for row in zip(*columns, strict=True):
        sheet.append([cell(value) for value in row])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _plain(column: pd.Series[Any]) -> list[Any]:
    """Values that a sheet can hold; stamps without their time zone, which it cannot."""
    if getattr(column.dtype, "kind", "") != "M":
        return column.tolist()
    if getattr(column.dt, "tz", None) is not None:
        column = column.dt.tz_localize(None)
    # A sheet's dates begin with 1900.
    if (column.dt.year < 1900).any():
        return column.astype(str).tolist()
    return [stamp.to_pydatetime(warn=False) for stamp in column]


def _visible(text: str) -> str:
    """Text without what XML cannot hold."""
    kept = (c if c in "\t\n\r" or c >= " " else " " for c in text[:_LONGEST_CELL])
    return "".join(c for c in kept if not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff")
