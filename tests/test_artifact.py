"""Models to files and back, and files that are not what they seem."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import gatecast
from gatecast import LSTM, ArtifactError, ConfigError, DataError

FAST = {"hidden_size": (8, 5), "epochs": 3, "context_length": 12}


FITTED = {
    "context_length": 12, "season_length": 12, "batch_size": 16, "best_epoch": 1, "n_windows": 1,
    "n_validation_windows": 0, "seconds": 0.1,
}  # fmt: skip


@pytest.fixture
def saved(tmp_path: Path, several: pd.DataFrame) -> Path:
    path = tmp_path / "model.safetensors"
    LSTM(4, quantiles=[0.1, 0.9], **FAST).fit(several).save(path)
    return path


def edited(path: Path, change: dict[str, object]) -> Path:
    """Change the JSON metadata of a model file."""
    raw = path.read_bytes()
    size = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8 : 8 + size])
    described = json.loads(header["__metadata__"]["gatecast"])
    header["__metadata__"]["gatecast"] = json.dumps(described | change)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + raw[8 + size :])
    return path


def test_a_new_process_forecasts_the_same_bits(tmp_path: Path, several: pd.DataFrame) -> None:
    path, out = tmp_path / "model.safetensors", tmp_path / "forecast.parquet"
    model = LSTM(4, quantiles=[0.1, 0.9], **FAST).fit(several)
    model.save(path)
    code = (
        "import sys, gatecast\n"
        "frame = gatecast.load(sys.argv[1]).predict()\n"
        "frame.to_parquet(sys.argv[2])"
    )
    subprocess.run([sys.executable, "-c", code, path, out], check=True)
    pd.testing.assert_frame_equal(pd.read_parquet(out), model.predict(), check_exact=True)


@pytest.mark.parametrize("settings", [{}, {"recursive": True}, {"anchor": None, "scaling": None}])
def test_everything_about_the_model_survives(tmp_path: Path, settings: dict[str, object]) -> None:
    y = np.sin(np.arange(60.0))
    model = LSTM(4, seed=3, **FAST, **settings).fit(y)  # type: ignore[arg-type]
    model.save(tmp_path / "m.safetensors")
    loaded = gatecast.load(tmp_path / "m.safetensors")
    assert loaded.config == model.config
    assert loaded.history_ == model.history_
    assert (loaded.best_epoch_, loaded.context_length_) == (model.best_epoch_, 12)
    np.testing.assert_array_equal(loaded.predict(), model.predict())
    np.testing.assert_array_equal(loaded.predict(y[:40]), model.predict(y[:40]))
    for name, weight in model.parameters_.items():
        np.testing.assert_array_equal(weight, loaded.parameters_[name])


def test_a_file_of_the_first_format_is_read() -> None:
    path = Path(__file__).parent / "golden" / "format1.safetensors"
    forecast = gatecast.load(path).predict()
    assert list(forecast.columns) == ["shop", "day", "LSTM"]
    expected = [10.615187514515851, 10.617328316249287, 10.614991422960582]
    np.testing.assert_allclose(forecast.LSTM[:3], expected, rtol=1e-5)  # by any instruction set


@pytest.fixture
def described(several: pd.DataFrame) -> pd.DataFrame:
    """Series with covariates of every kind, and the newest target missing."""
    t = np.arange(len(several))
    frame = several.assign(price=t % 7, rain=np.sin(t), sort=several["unique_id"].str.upper())
    newest = frame.groupby("unique_id").cumcount(ascending=False) < 4
    return frame.assign(y=frame["y"].mask(newest))


def test_when_it_reads_covariates_they_survive(tmp_path: Path, described: pd.DataFrame) -> None:
    model = LSTM(
        4,
        past_covariates=["rain"],
        future_covariates=["price"],
        static_covariates=["sort"],
        calendar=True,
        **FAST,
    ).fit(described)
    model.save(tmp_path / "m.safetensors")
    loaded = gatecast.load(tmp_path / "m.safetensors")
    assert loaded.encoding_ == model.encoding_
    pd.testing.assert_frame_equal(loaded.predict(), model.predict(), check_exact=True)
    pd.testing.assert_frame_equal(loaded.predict(described), model.predict(), check_exact=True)


def test_when_values_were_masked_the_file_says_so(tmp_path: Path) -> None:
    y = np.sin(np.arange(60.0))
    y[[20, 33]] = np.nan
    model = LSTM(4, **FAST).fit(y)
    model.save(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(
        gatecast.load(tmp_path / "m.safetensors").predict(), model.predict()
    )


def test_when_saved_without_context_it_forecasts_only_new_series(
    tmp_path: Path, several: pd.DataFrame
) -> None:
    renamed = several.rename(columns={"y": "sold", "ds": "month"})
    model = LSTM(4, **FAST).fit(renamed, time_col="month", target_col="sold")
    model.save(tmp_path / "m.safetensors", context=False)
    assert b"panel." not in (tmp_path / "m.safetensors").read_bytes()
    loaded = gatecast.load(tmp_path / "m.safetensors")
    with pytest.raises(ConfigError, match="without the ends of its series"):
        loaded.predict()
    pd.testing.assert_frame_equal(loaded.predict(renamed), model.predict(renamed))
    with pytest.raises(DataError, match="month"):
        loaded.predict(several)


def test_when_the_frequency_is_another_it_is_refused(saved: Path) -> None:
    daily = pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=30), "y": np.arange(30.0)})
    with pytest.raises(DataError, match=r"frequency MS; these have another\. Got: D"):
        gatecast.load(saved).predict(daily)


def test_nothing_in_the_file_is_a_pickle(saved: Path) -> None:
    from safetensors import safe_open

    with safe_open(saved, framework="numpy") as file:
        assert set(file.metadata()) == {"gatecast"}
        described = json.loads(file.metadata()["gatecast"])
        names = set(file.keys())
    assert described["format_version"] == 4
    assert described["library_version"] == gatecast.__version__
    assert {"config", "fitted", "intake", "frequency", "history", "mask", "panel"} <= set(described)
    assert "lstm.0.weight_ih" in names


@pytest.mark.parametrize("keep", [0, 1, 7, 8, 9, 100, 0.5, 0.999])
def test_when_truncated_it_is_refused(saved: Path, keep: float) -> None:
    raw = saved.read_bytes()
    saved.write_bytes(raw[: keep if isinstance(keep, int) else int(len(raw) * keep)])
    with pytest.raises(ArtifactError, match="not a whole gatecast model"):
        gatecast.load(saved)


def test_when_any_byte_is_damaged_there_is_an_error_or_a_finite_forecast(saved: Path) -> None:
    raw = saved.read_bytes()
    rng = np.random.default_rng(5)
    for _ in range(150):
        damaged = bytearray(raw)
        for _ in range(rng.integers(1, 4)):
            # Mostly in the header, where the structure is.
            end = len(raw) if rng.random() < 0.2 else 4000
            damaged[rng.integers(0, end)] = rng.integers(0, 256)
        saved.write_bytes(damaged)
        try:
            frame = gatecast.load(saved).predict()
        except gatecast.GatecastError:
            continue
        assert np.isfinite(frame["LSTM"].to_numpy()).all()


def test_when_foreign_it_is_refused(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"x": np.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(ArtifactError, match="not a gatecast model"):
        gatecast.load(tmp_path / "other.safetensors")
    (tmp_path / "text.csv").write_text("ds,y\n2024-01-01,1\n")
    with pytest.raises(ArtifactError, match="not a whole gatecast model"):
        gatecast.load(tmp_path / "text.csv")
    with pytest.raises(FileNotFoundError):
        gatecast.load(tmp_path / "missing.safetensors")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format_version": 5, "library_version": "9.0.0"}, "format 5; this gatecast reads up to"),
        ({"format_version": "1"}, "does not say which format"),
        ({"model": "Oracle"}, "unknown model"),
        ({"model": "ESLSTM"}, "damaged"),
        ({"config": {"h": 4, "surprise": 1}}, "damaged"),
        ({"config": {"h": 0}}, "damaged"),
        ({"config": {"h": 4, "hidden_size": [9, 5]}}, "damaged"),
        ({"intake": {"columns": {"id_col": "a"}}}, None),
        ({"intake": {"columns": {}, "fill": "guess"}}, "damaged"),
        ({"intake": {"columns": {"future": ["price"]}}}, "damaged"),
        ({"mask": 1}, "damaged"),
        ({"mask": True}, "damaged"),
        ({"encoding": {}}, "damaged"),
        ({"frequency": {"alias": "fortnightly"}}, "damaged"),
        ({"fitted": {}}, "damaged"),
        ({"fitted": {**FITTED, "context_length": 12.0}}, "damaged"),
        ({"fitted": {**FITTED, "season_length": True}}, "damaged"),
        ({"fitted": {**FITTED, "context_length": 10**12}}, "damaged"),
        ({"fitted": FITTED}, None),
        ({"history": {"loss": ["x"]}}, "damaged"),
        ({"panel": {}}, "damaged"),
    ],
)
def test_when_the_metadata_make_no_sense_it_is_refused(
    saved: Path, change: dict[str, object], message: str | None
) -> None:
    edited(saved, change)
    if message is None:
        gatecast.load(saved)
        return
    with pytest.raises(ArtifactError, match=message):
        gatecast.load(saved)


def test_when_the_folder_is_missing_nothing_is_left_behind(tmp_path: Path) -> None:
    model = LSTM(2, **FAST).fit(np.arange(40.0))
    with pytest.raises(FileNotFoundError):
        model.save(tmp_path / "missing" / "m.safetensors")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        model.save(tmp_path / "folder")
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


def test_saving_replaces_a_file_and_keeps_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.safetensors", tmp_path / "link.safetensors"
    real.write_text("old")
    link.symlink_to(real)
    LSTM(2, **FAST).fit(np.arange(40.0)).save(link)
    assert link.is_symlink()
    assert gatecast.load(real).config.h == 2
    assert len(list(tmp_path.iterdir())) == 2
