"""Model files that are damaged, cut short or made up: a model or an error that is meant, always.

``GATECAST_FUZZ_CASES`` sets how many; a run of many is a process of its own, so that a crash in
native code would be seen: ``GATECAST_FUZZ_CASES=40000 pytest tests/test_fuzz_artifact.py``.
"""

from __future__ import annotations

import copy
import json
import math
import os
import random
import resource
import struct
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

import gatecast
from gatecast import ESLSTM, LSTM, ArtifactError, ConfigError, DataError

from .time_limit import limited

CASES = int(os.environ.get("GATECAST_FUZZ_CASES", "400"))
SECONDS = 30  # for one file, however busy the machine is
MEMORY = 2 << 30  # bytes that no file may take

SMALL: dict[str, Any] = {"hidden_size": 3, "epochs": 1, "context_length": 6}

# What a value may become: other types, numbers that are far too large, names that mean something.
HOSTILE: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 7, 255, 65_536, 99_999, 100_000, 100_001, 2**31, 2**53),
    *(2**63 - 1, 2**63, -(2**63), 10**30, 10**400, 0.0, -0.0, 0.5, 1e-300, 1e300, -1e300),
    *(float("nan"), float("inf"), float("-inf"), "", " ", "0", "1", "nan", "y", "ds", "unique_id"),
    *(
        "\0",
        "../../x",
        "/etc/passwd",
        "a" * 10_000,
        "\ud800",
        "年",
        "__class__",
        "__import__('os')",
    ),
    *("D", "MS", "h", "1000000000h", "-1D", "W-SUN", "B", "99999999999999999999D", "int", "date"),
    *("datetime[ns]", "datetime[x]", "period[M]", "period[", "pandas", "polars", "pyarrow"),
    *("array-1d", "array-2d", "Europe/Berlin", "Mars/Olympus", "UTC", "last", "season", "series"),
    *("standard", "bfloat16", "day of year", "DE", "DE-XX", "LSTM", "interpolate", "sum"),
    *([], {}, [None], [[]], [1, 2], [[1.0]], ["a", "a"], {"a": 1}, {"": {}}, [2**40], [0.5, 0.5]),
)
DTYPES = ("F64", "F32", "F16", "BF16", "I64", "I32", "I8", "U8", "U64", "BOOL", "F8_E4M3", "X", "")
NUMBERS = (
    *(np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 1e300, -1e300, 1e-300, 1e30, 5e-324),
    *(2.0**62, -(2.0**62), 2.0**31, 127.0, 1e12),
)


def described() -> pd.DataFrame:
    """Series with covariates of every kind, gaps, rows ahead, and one without history."""
    random = np.random.default_rng(5)
    parts = []
    for name, n in (("a", 30), ("b", 24), ("cold", 4)):
        t = np.arange(n)
        y = 10 + np.sin(t / 2) + random.normal(0, 0.1, n)
        frame = pd.DataFrame(
            {
                "unique_id": name,
                "ds": pd.date_range("2024-03-01", periods=n, tz="Europe/Berlin"),
                "y": y,
                "rain": random.normal(size=n),
                "price": random.normal(5, 1, n),
                "sale": t % 7 == 0,
                "region": "north" if name != "b" else "south",
                "size": float(n),
            }
        )
        frame.loc[(t >= n - 4) | np.isin(t, (7, 8)), "y"] = np.nan
        frame.loc[t == 3, "rain"] = np.nan
        parts.append(frame)
    return pd.concat(parts, ignore_index=True)


def seeds(folder: Path) -> list[bytes]:
    """Files that can be read."""
    y = 10 + np.sin(np.arange(40) / 2)
    months = pd.DataFrame({"ds": pd.date_range("2020-01-01", periods=40, freq="MS"), "y": y})
    two = pd.concat([months.assign(unique_id=name) for name in (1, 2.5)])
    known = {"future_covariates": ["price", "sale"], "static_covariates": ["region", "size"]}
    models = [
        LSTM(3, **SMALL).fit(y),
        LSTM(3, quantiles=[0.1, 0.9], **SMALL).fit(months),
        LSTM(3, scaling="series", anchor=None, **SMALL).fit(two),
        LSTM(3, **SMALL).fit(np.where(np.arange(40) == 35, np.nan, y)[None, :]),
        LSTM(2, anchor="season", calendar=True, **SMALL | {"context_length": 14}).fit(
            pl.from_pandas(months.assign(ds=pd.date_range("2024-01-01", periods=40)))
        ),
        LSTM(4, past_covariates=["rain"], **known, **SMALL).fit(described()),
        LSTM(4, recursive=True, calendar=True, **known, **SMALL).fit(described()),
        LSTM(2, static_covariates=["region"], **SMALL | {"hidden_size": (3, 2)}).fit(described()),
        ESLSTM(3, season_length=(4, 12), **SMALL).fit(y - 10),
        ESLSTM(2, quantiles=[0.1, 0.9], dilations=[[1, 3]], **SMALL).fit(two),
        ESLSTM(4, static_covariates=["region", "size"], calendar=True, **SMALL).fit(
            described().query("unique_id != 'cold'")
        ),
    ]
    files = []
    for context in (True, False):
        for model in models[:: 1 if context else 4]:
            model.save(folder / "seed", context=context)
            files.append((folder / "seed").read_bytes())
    files.append((Path(__file__).parent / "golden" / "format1.safetensors").read_bytes())
    return files


# A file in parts: a header in JSON, in its metadata JSON again, and bytes


def opened(raw: bytes) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    size = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8 : 8 + size])
    return header, json.loads(header["__metadata__"]["gatecast"]), raw[8 + size :]


def closed(header: dict[str, Any], metadata: Any, data: bytes) -> bytes:
    header["__metadata__"]["gatecast"] = json.dumps(metadata)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """All places in JSON: a container, and a key or index of it."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in list(items):
        yield tree, key
        if isinstance(value, dict | list):
            yield from places(value)


def near(value: Any, source: random.Random) -> Any:
    """A value that is like another, and might be taken for a right one."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        whole = abs(value) > 2**53 or source.randrange(2)
        return value + source.choice((-1, 1, 2, 1000)) if whole else float(value)
    if isinstance(value, float):
        return value * source.choice((-1, 0, 2, 1e300))
    if isinstance(value, str):
        return source.choice((value.upper(), value + " ", value[:-1], [value]))
    if isinstance(value, list):
        return source.choice((value[::-1], value * 2, value[:-1], value * 1000, [value], {}))
    return source.choice(({}, [], list(value.items()) if isinstance(value, dict) else [value]))


def mutated_json(tree: Any, source: random.Random) -> None:
    container, key = source.choice(list(places(tree)))
    match source.randrange(8):
        case 0:
            del container[key]
        case 1:
            other, its = source.choice(list(places(tree)))
            container[key] = json.loads(json.dumps(other[its]))
        case 2 if isinstance(container, dict):
            container[str(source.choice(HOSTILE))] = container.pop(key)
        case 3 if isinstance(container, list):
            container.insert(key, copy.deepcopy(source.choice(HOSTILE)))
        case 4 | 5:
            container[key] = near(container[key], source)
        case _:
            container[key] = copy.deepcopy(source.choice(HOSTILE))


def mutated_header(header: dict[str, Any], size: int, source: random.Random) -> bool:
    """Change what is said of an array: its type, its shape, where it is, its name.

    Returns whether the header still says such things.
    """
    names = [name for name in header if name != "__metadata__"]
    name = source.choice(names)
    tensor = header[name]
    match source.randrange(8):
        case 0:
            tensor["dtype"] = source.choice(DTYPES)
        case 1:
            tensor["shape"] = source.choice(
                ([], [0], [2**62, 4], [1] * 40, tensor["shape"][::-1], [*tensor["shape"], 1], [-1])
            )
        case 2:
            tensor["shape"] = [math.prod(tensor["shape"])]
        case 3:
            tensor["data_offsets"] = source.choice(
                ([0, 0], [0, size], [size, 0], [-1, 4], [0, 2**63], [size, size + 8], [0])
            )
        case 4:
            header[str(source.choice(HOSTILE))] = header.pop(name)
        case 5:
            other = source.choice(names)
            header[name], header[other] = header[other], header[name]
        case 6:
            del header[name]
        case 7:
            mutated_json(header, source)
            return False
    return len(header) > 1


def mutated_numbers(header: dict[str, Any], data: bytes, source: random.Random) -> bytes:
    """Change a few numbers of an array, and leave all else whole."""
    kinds = {"F64": np.float64, "F32": np.float32, "I64": np.int64, "BOOL": np.uint8}
    tensor = header[source.choice([x for x in header if x != "__metadata__"])]
    begin, end = tensor["data_offsets"]
    array = np.frombuffer(data[begin:end], kinds[tensor["dtype"]]).copy()
    for _ in range(source.choice((1, 1, 2, 100))):
        if len(array):
            at = source.randrange(len(array))
            number = source.choice(NUMBERS)
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                near = array[at] + array.dtype.type(source.choice((1, 2, 0)))
                array[at] = source.choice((np.array(number).astype(array.dtype), near))
    return data[:begin] + array.tobytes() + data[end:]


def mutated_bytes(raw: bytes, source: random.Random) -> bytes:
    data = bytearray(raw)
    for _ in range(source.choice((1, 1, 2, 8, 30))):
        # Most of what matters stands in the header.
        end = len(data) + 1 if source.randrange(2) else min(len(data) + 1, 4000)
        at, size = source.randrange(end), source.choice((1, 1, 2, 8, 64))
        match source.randrange(6):
            case 0 | 1:
                data[at : at + 1] = bytes([source.randrange(256)])
            case 2:
                del data[at : at + size]
            case 3:
                data[at:at] = data[at : at + size] * source.choice((1, 2, 50))
            case 4:
                if at < len(data):
                    data[at] ^= 1 << source.randrange(8)
            case 5:
                if source.randrange(3) == 0:
                    del data[at:]
                else:
                    data[at : at + size] = source.randbytes(size)
    return bytes(data)


def case(files: list[bytes], number: int) -> bytes:
    source = random.Random(number)
    raw = source.choice(files)
    way = source.randrange(10)
    if way < 2:
        return mutated_bytes(raw, source)
    header, metadata, data = opened(raw)
    for _ in range(source.choice((1, 1, 1, 2, 5))):
        if way < 6:
            mutated_json(metadata, source)
        elif way < 8:
            data = mutated_numbers(header, data, source)
        elif not mutated_header(header, len(data), source):
            break
    if "__metadata__" not in header or not isinstance(header["__metadata__"], dict):
        text = json.dumps(header).encode()
        return struct.pack("<Q", len(text)) + text + data
    return closed(header, metadata, data)


def look(path: Path) -> str:
    """Load and use a file; anything but numbers or an error that is meant gets out."""
    with limited(SECONDS), warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "The newest")  # what predict says of gaps
        try:
            model = gatecast.load(path)
        except (ArtifactError, OSError) as error:
            return type(error).__name__
        uses: tuple[dict[str, Any], ...] = (
            {},
            {"missing_future": "last", "h": 1},
            {"new": pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=9), "y": range(9)})},
            {"new": np.arange(9.0)},
        )
        outcome, *_ = [used(model, arguments) for arguments in uses]
        return outcome


def used(model: Any, arguments: dict[str, Any]) -> str:
    try:
        forecast = model.predict(**arguments)
    except (ConfigError, DataError):
        return "refused"
    require_finite(forecast)
    return "forecast"


def require_finite(forecast: Any) -> None:
    if hasattr(forecast, "columns"):
        headings = getattr(forecast, "column_names", forecast.columns)
        columns = [name for name in headings if str(name).startswith(("LSTM", "ESLSTM"))]
        forecast = np.column_stack([forecast[name].to_numpy() for name in columns])
    assert forecast.size
    assert np.isfinite(forecast.astype(np.float64)).all()


def run(folder: Path, first: int, last: int) -> dict[str, int]:
    files, outcomes = seeds(folder), {}
    for raw in files:
        (folder / "case").write_bytes(raw)
        look(folder / "case")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    for number in range(first, last):
        (folder / "number").write_text(str(number))
        path = folder / "case"
        path.write_bytes(case(files, number))
        try:
            outcome = look(path)
            taken = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10) - peak
            assert taken < MEMORY, f"{taken >> 20} MiB"
        except BaseException as error:
            raise AssertionError(f"case {number}, kept as {path}") from error
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    return outcomes


def test_whatever_a_model_file_holds_it_is_a_model_or_an_error_that_is_meant(
    tmp_path: Path,
) -> None:
    if CASES <= 1000:
        outcomes = run(tmp_path, 0, CASES)
    else:
        command = [sys.executable, __file__, str(tmp_path), "0", str(CASES)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        number = (tmp_path / "number").read_text()
        assert done.returncode == 0, f"case {number}: {done.returncode}\n{done.stderr[-4000:]}"
        outcomes = json.loads(done.stdout)
    assert outcomes["ArtifactError"] > 0.3 * CASES
    assert outcomes["forecast"] > 0.1 * CASES  # not all is lost


def test_the_seeds_are_files_that_can_be_read(tmp_path: Path) -> None:
    for raw in seeds(tmp_path):
        assert closed(*opened(raw))[-100:] == raw[-100:]
        (tmp_path / "seed").write_bytes(raw)
        assert look(tmp_path / "seed") in ("forecast", "refused")


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (12 << 30, 12 << 30))
    begin = perf_counter()
    print(json.dumps(run(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"{perf_counter() - begin:.0f} s, at most {peak} MiB", file=sys.stderr)
