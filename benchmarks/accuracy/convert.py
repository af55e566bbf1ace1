"""From the public originals to the layout of ``GATECAST_DATA``: ``... convert m4 DIR OUT``."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.accuracy.tasks import LongTask, find
from gatecast.errors import ConfigError, MissingExtraError

__all__ = ["KINDS", "convert"]

_M4 = ("Hourly", "Daily", "Weekly", "Monthly", "Quarterly", "Yearly")
_M3 = {"M3Year": "Yearly", "M3Quart": "Quarterly", "M3Month": "Monthly", "M3Other": "Other"}
_LONG = {
    "ETTh1.csv": "etth1",
    "ETTh2.csv": "etth2",
    "ETTm1.csv": "ettm1",
    "ETTm2.csv": "ettm2",
    "exchange_rate.csv": "exchange",
    "weather.csv": "weather",
}


def convert(kind: str, source: Path, out: Path) -> list[Path]:
    """Write the folders of a collection, and return them.

    Parameters
    ----------
    kind : {"m4", "m3", "long"}
        ``m4``: ``Hourly-train.csv``, ``Hourly-test.csv``, ... and ``M4-info.csv`` of the repository
        Mcompetitions/M4-methods, wherever they are below ``source``. ``m3``: ``M3C.xls``.
        ``long``: ``ETTh1.csv``, ..., ``exchange_rate.csv``, ``weather.csv``, each with a column
        ``date`` and one for each variable.
    source, out : Path
    """
    if not source.exists():
        raise ConfigError("The originals are not there.", value=str(source))
    made = KINDS[kind](source, out)
    if not made:
        raise ConfigError(
            "None of the originals is there.", value=str(source), fix="docs/accuracy.md names them."
        )
    return made


def _m4(source: Path, out: Path) -> list[Path]:
    made = []
    for frequency in _M4:
        files = [_below(source, f"{frequency}-{part}.csv") for part in ("train", "test")]
        if None in files:
            continue
        folder = out / f"m4_{frequency.lower()}"
        for part, file in zip(("train", "test"), files, strict=True):
            assert file is not None
            wide = pd.read_csv(file)
            _write(_long_of(wide.iloc[:, 0].astype(str), wide.iloc[:, 1:]), folder / part)
        made.append(folder)
    if made and (file := _below(source, "M4-info.csv")) is not None:
        info = pd.read_csv(file).rename(columns={"M4id": "unique_id"})
        folder = out / "m4_info"
        _write(info[["unique_id", "category"]], folder / "info")
        made.append(folder)
    return made


def _m3(source: Path, out: Path) -> list[Path]:
    file = source if source.is_file() else _below(source, "M3C.xls") or _below(source, "M3C.xlsx")
    if file is None:
        return []
    trains, tests, infos = [], [], []
    for sheet, period in _M3.items():
        wide = _excel(file, sheet)
        # Six columns describe a series (its number, length, horizon, kind, start), then values.
        ids = pd.Series([_m3_id(name) for name in wide.iloc[:, 0]])
        n, h = (wide[name].to_numpy(int) for name in ("N", "NF"))
        y = _long_of(ids, wide.iloc[:, 6:])
        y = y[y["ds"] <= y["unique_id"].map(dict(zip(ids, n, strict=True)))]
        cut = y["unique_id"].map(dict(zip(ids, n - h, strict=True)))
        trains.append(y[y["ds"] <= cut])
        after = y[y["ds"] > cut]
        tests.append(after.assign(ds=after["ds"] - cut[y["ds"] > cut]))
        kind = wide["Category"].astype(str).str.strip()
        infos.append(pd.DataFrame({"unique_id": ids, "period": period, "type": kind, "horizon": h}))
    folder = out / "m3"
    for name, parts in (("train", trains), ("test", tests), ("info", infos)):
        _write(pd.concat(parts, ignore_index=True), folder / name)
    return [folder]


def _long(source: Path, out: Path) -> list[Path]:
    made = []
    for name, task_name in _LONG.items():
        file = _below(source, name)
        if file is None:
            continue
        task = find(task_name)
        assert isinstance(task, LongTask)
        wide = pd.read_csv(file, parse_dates=["date"])
        n_train, n_validation, n_test = task.split
        cuts = np.cumsum([0, n_train + n_validation, n_test, len(wide)])
        folder = out / task.folder
        for part, begin, end in zip(("train", "test", "rest"), cuts[:-1], cuts[1:], strict=True):
            rows = wide.iloc[begin:end]
            if len(rows):
                long = rows.melt("date", var_name="unique_id", value_name="y")
                _write(long.rename(columns={"date": "ds"})[["unique_id", "ds", "y"]], folder / part)
        made.append(folder)
    return made


KINDS: dict[str, Callable[[Path, Path], list[Path]]] = {"m4": _m4, "m3": _m3, "long": _long}


def _below(source: Path, name: str) -> Path | None:
    return next(iter(sorted(source.rglob(name))), None)


def _m3_id(name: object) -> str:
    """``"N   1"`` and 1 are N0001."""
    return f"N{int(re.sub('[^0-9]', '', str(name))):04d}"


def _long_of(ids: pd.Series, values: pd.DataFrame) -> pd.DataFrame:
    """From one row a series, empty behind its end, to one row a value."""
    y = values.to_numpy(np.float64)
    series, step = np.nonzero(~np.isnan(y))
    return pd.DataFrame({"unique_id": ids.to_numpy()[series], "ds": step + 1, "y": y[series, step]})


def _excel(file: Path, sheet: str) -> pd.DataFrame:
    try:
        return pd.read_excel(file, sheet_name=sheet)
    except ImportError as error:  # xlrd for .xls
        raise ConfigError(
            "Reading M3C.xls needs another package.",
            value=str(error),
            fix="pip install xlrd, or save it as .xlsx (pip install 'gatecast[excel]').",
        ) from error


def _write(frame: pd.DataFrame, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        frame.to_parquet(path.with_suffix(".parquet"), index=False)
    except ImportError as error:
        raise MissingExtraError("Writing parquet files", extra="parquet") from error
