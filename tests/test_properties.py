"""What must not matter does not: the order of rows, the kind of frame, the unit, the future."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatecast import LSTM, ConfigError, DataError
from gatecast.auto import Request, forecast_panel
from gatecast.doctor import check
from gatecast.features import encode, fit_encoding
from gatecast.panel import Columns, Intake, Panel, from_any, indptr_of
from gatecast.panel import _moments as moments

H = 3
TINY: dict[str, Any] = {"hidden_size": 4, "epochs": 2, "context_length": 8, "threads": 1}
NAMED: dict[str, Any] = {
    "past_covariates": ["rain"],
    "future_covariates": ["price", "sale"],
    "static_covariates": ["region", "size"],
}
COLUMNS = Columns(past=("rain",), future=("price", "sale"), static=("region", "size"))

examples = settings(max_examples=12, derandomize=True, deadline=None, database=None)
seeds = st.integers(0, 2**32 - 1)


def many(seed: int, *, ahead: int = H, gaps: bool = True, n_series: int | None = None) -> Any:
    """A frame of series with covariates of every kind, the last ``ahead`` rows without a target."""
    random = np.random.default_rng(seed)
    parts = []
    for k in range(n_series or int(random.integers(1, 7))):
        n = int(random.integers(14, 40)) + ahead
        t = np.arange(n)
        y = random.uniform(5, 500) * (2 + np.sin(t * 2 * np.pi / 7) + random.normal(0, 0.1, n))
        part = pd.DataFrame(
            {
                "unique_id": f"s{k}",
                "ds": pd.date_range("2024-01-01", periods=n),
                "y": y,
                "rain": random.normal(0, 3, n),
                "price": random.uniform(1, 9, n),
                "sale": random.random(n) < 0.2,
                "region": ("north", "south")[k % 2],
                "size": float(k),
            }
        )
        if gaps:
            inner = random.choice(np.arange(1, n - ahead - 1), n // 10, replace=False)
            part.loc[inner[::2], "y"] = np.nan
            part = part.drop(index=inner[1::2])
            part.loc[part.index[random.integers(0, len(part) - ahead)], "rain"] = np.nan
        part.loc[part.index >= n - ahead, "y"] = np.nan
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def in_order(forecast: Any) -> dict[Any, list[float]]:
    """The forecasts of each series, by its name."""
    if not isinstance(forecast, pd.DataFrame):
        forecast = forecast.to_pandas()
    forecast = forecast.sort_values(["unique_id", "ds"])
    columns = [name for name in forecast if name.startswith("LSTM")]
    groups = forecast.groupby("unique_id", sort=True)[columns]
    return {name: group.to_numpy().tolist() for name, group in groups}


@pytest.fixture(scope="module")
def fitted() -> LSTM:
    return LSTM(H, **NAMED, **TINY).fit(many(0, n_series=5))


# Order, files, kinds


@examples
@given(seed=seeds)
def test_in_whatever_order_rows_and_series_are_a_fitted_model_forecasts_the_same_bits(
    fitted: LSTM, seed: int
) -> None:
    df = many(seed)
    shuffled = df.sample(frac=1, random_state=seed % 2**31)
    assert in_order(fitted.predict(shuffled)) == in_order(fitted.predict(df))


@examples
@given(seed=seeds)
def test_in_whatever_order_the_rows_of_a_series_are_a_fit_gives_the_same_bits(seed: int) -> None:
    df = many(seed)
    shuffled = df.sample(frac=1, random_state=seed % 2**31)
    # Which series comes first is the order of training, and that stays.
    firsts = shuffled.drop_duplicates("unique_id").sort_values("unique_id", key=numbers)
    mixed = pd.concat([firsts, shuffled.drop(firsts.index)])
    one, other = (LSTM(H, **NAMED, **TINY).fit(x) for x in (df, mixed))
    np.testing.assert_array_equal(one.fitted.weights, other.fitted.weights)
    assert one.predict()["LSTM"].tolist() == other.predict()["LSTM"].tolist()


def numbers(names: pd.Series[str]) -> pd.Series[int]:
    return names.str.slice(1).astype(int)


@examples
@given(seed=seeds, parts=st.integers(2, 4))
def test_into_however_many_files_a_table_is_split_the_forecast_is_the_same_bits(
    tmp_path_factory: pytest.TempPathFactory, seed: int, parts: int
) -> None:
    df, folder = many(seed), tmp_path_factory.mktemp("parts")
    df.to_csv(folder / "whole.csv", index=False)
    ends = np.sort(np.random.default_rng(seed).integers(1, len(df), parts - 1))
    paths = []
    for k, part in enumerate(np.split(np.arange(len(df)), ends)):
        if len(part):
            paths.append(folder / f"part{k}.csv")
            df.iloc[part].to_csv(paths[-1], index=False)
    one = LSTM(H, **NAMED, **TINY).fit(folder / "whole.csv").predict()
    other = LSTM(H, **NAMED, **TINY).fit(paths).predict()
    pd.testing.assert_frame_equal(one, other, check_exact=True)


@examples
@given(seed=seeds)
def test_whatever_the_kind_of_a_frame_the_forecast_is_of_its_kind_and_the_same_bits(
    seed: int,
) -> None:
    df = many(seed)
    forecasts = []
    for given_one, kind in (
        (df, pd.DataFrame),
        (pl.from_pandas(df), pl.DataFrame),
        (pa.Table.from_pandas(df), pa.Table),
    ):
        forecast = LSTM(H, **NAMED, **TINY).fit(given_one).predict()
        assert isinstance(forecast, kind)
        forecasts.append(forecast)
    first, *others = map(in_order, forecasts)
    assert all(other == first for other in others)


# Units


SCALINGS = ("standard", "meanabs", "level", "first", "series")


@pytest.mark.parametrize("scaling", SCALINGS)
@examples
@given(seed=seeds, power=st.integers(-40, 40), factor=st.sampled_from([3.7, 1e-9, 1e12]))
def test_in_whatever_unit_the_target_is_the_forecast_is_in_the_same(
    scaling: Any, seed: int, power: int, factor: float
) -> None:
    df = many(seed)
    settings = {**NAMED, **TINY, "scaling": scaling}

    def forecast(c: float) -> np.ndarray:
        scaled = df.assign(y=c * df["y"])
        return LSTM(H, **settings).fit(scaled).predict()["LSTM"].to_numpy() / c

    expected = forecast(1.0)
    np.testing.assert_allclose(forecast(2.0**power), expected, rtol=1e-6)
    np.testing.assert_allclose(forecast(factor), expected, rtol=1e-3)


@examples
@given(seed=seeds, c=st.sampled_from([0.25, 1024.0, 1e-6, 3e8]), away=st.sampled_from([0.0, 7.0]))
def test_in_whatever_unit_a_covariate_is_the_forecast_is_nearly_the_same(
    seed: int, c: float, away: float
) -> None:
    df = many(seed)
    moved = df.assign(rain=c * (df["rain"] + away), price=c * (df["price"] + away))
    one, other = (LSTM(H, **NAMED, **TINY).fit(x).predict()["LSTM"] for x in (df, moved))
    np.testing.assert_allclose(one, other, rtol=1e-3)


@examples
@given(seed=seeds)
def test_a_past_covariate_of_noise_breaks_nothing(seed: int) -> None:
    random = np.random.default_rng(seed)
    t = np.arange(120)
    y = 50 + 5 * np.sin(t * 2 * np.pi / 7) + random.normal(0, 0.5, 120)
    df = pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=120), "y": y})
    df["noise"] = random.standard_cauchy(120) * 10 ** random.uniform(-9, 9)
    settings = {**TINY, "hidden_size": 16, "epochs": 30, "context_length": 14, "seed": 1}
    plain = LSTM(7, **settings).fit(df[:113]).predict()["LSTM"].to_numpy()
    noisy = LSTM(7, past_covariates=["noise"], **settings).fit(df[:113]).predict()["LSTM"]
    assert np.isfinite(noisy).all()
    errors = [np.abs(forecast - y[113:]).mean() for forecast in (plain, noisy.to_numpy())]
    assert errors[1] < 3 * max(errors[0], 0.5)  # the noise of the data is 0.5


# The future

CUT = 40  # the first row that is not known
OPTIONS: list[dict[str, Any]] = [
    {},
    {"intake": {"fill": "interpolate"}},
    {"intake": {"fill": "zero"}},
    {"intake": {"freq": "2D", "resample": "mean"}},
    {"intake": {"freq": "2D", "resample": "sum"}},
    {"calendar": True},
    {"calendar": True, "holidays": "DE"},
    *({"scaling": scaling, "anchor": "last" if scaling else None} for scaling in SCALINGS),
    {"scaling": None, "anchor": None},
    {"scaling": "series", "anchor": "season", "season_length": 4},
    {"anchor": "season", "season_length": 7},
    {"anchor": None},
    {"quantiles": [0.1, 0.9]},
    {"recursive": True, "past_covariates": ()},
    {"recursive": True, "past_covariates": (), "calendar": True, "scaling": "series"},
    {"past_covariates": (), "future_covariates": (), "static_covariates": ()},
    {"past_covariates": (), "future_covariates": (), "static_covariates": (), "scaling": "series"},
    {"future_covariates": ()},
    {"past_covariates": ()},
    {"missing_future": "last"},
    {"missing_future": "seasonal"},
]


def columns_of(options: dict[str, Any]) -> Columns:
    named = {**NAMED, **{k: v for k, v in options.items() if k in NAMED}}
    return Columns(
        **{role: tuple(named[f"{role}_covariates"]) for role in ("past", "future", "static")}
    )


def intake_of(options: dict[str, Any]) -> Intake:
    return Intake(columns_of(options), **options.get("intake", {}))


def model_of(options: dict[str, Any]) -> LSTM:
    other = {k: v for k, v in options.items() if k not in ("intake", "missing_future")}
    return LSTM(H, **{**NAMED, **TINY, **other})


def whole() -> pd.DataFrame:
    """Three series whose targets are all known, through the cut and beyond, with gaps before."""
    n, random = CUT + 20, np.random.default_rng(4)
    parts = []
    for k in range(3):
        t = np.arange(n)
        parts.append(
            pd.DataFrame(
                {
                    "unique_id": f"s{k}",
                    "t": t,
                    "ds": pd.date_range("2024-12-01", periods=n),
                    "y": 10**k * (5 + np.sin(t * 2 * np.pi / 7) + random.normal(0, 0.1, n)),
                    "rain": random.normal(0, 3, n),
                    "price": random.uniform(1, 9, n),
                    "sale": (random.random(n) < 0.2).astype(float),
                    "region": ("north", "south")[k % 2],
                    "size": float(k),
                }
            )
        )
    df = pd.concat(parts, ignore_index=True)
    df.loc[df["t"].isin((9, 10, 25)), "y"] = np.nan
    return df[~df["t"].isin((17, 18))]


def known(df: pd.DataFrame, steps: int, reach: int = H) -> pd.DataFrame:
    """What is known at the cut: targets and past covariates before it, future ones ``reach`` on."""
    ahead = df["t"] >= CUT
    df = df[df["t"] < CUT + reach * steps].copy()
    df.loc[ahead, ["y", "rain"]] = np.nan
    return df


POISONS: dict[str, Callable[[pd.Series[float], Any], Any]] = {
    "1e6": lambda x, _: 1e6,
    "shuffled": lambda x, random: random.permutation(x.to_numpy()),
    "-1e300": lambda x, _: -1e300,
}


def poisoned(df: pd.DataFrame, steps: int, poison: str, reach: int = H) -> pd.DataFrame:
    """All that is not known at the cut made wrong: later rows, covariates beyond the horizon."""
    random, df = np.random.default_rng(9), df.copy()
    later = df["t"] >= CUT
    for name in ("y", "rain"):
        df.loc[later, name] = POISONS[poison](df.loc[later, name], random)
    beyond = df["t"] >= CUT + reach * steps
    for name in ("price", "sale"):
        df.loc[beyond, name] = POISONS[poison](df.loc[beyond, name], random)
    return df


def steps_of(options: dict[str, Any]) -> int:
    return 2 if "intake" in options and "freq" in options["intake"] else 1


def reach_of(options: dict[str, Any]) -> int:
    return 1 if "missing_future" in options else H


def forecast(options: dict[str, Any], panel: Panel) -> np.ndarray:
    """A network is trained on a panel, and forecasts past its end."""
    model = model_of(options).fit_panel(panel)
    return model.predict_panel(panel, H, options.get("missing_future", "error")).outputs


def require_no_leak(options: dict[str, Any], poison: str) -> None:
    """What is wrong after the cut changes no bit of a forecast made at it."""
    df, steps, reach = whole(), steps_of(options), reach_of(options)
    intake = intake_of(options)
    honest = from_any(known(df, steps, reach), intake)
    expected = forecast(options, honest)

    # Rows ahead: wrong where a column is not known ahead, and beyond the horizon.
    wrong = poisoned(df, steps, poison, reach)
    ahead = wrong.assign(y=wrong["y"].where(wrong["t"] < CUT))
    if reach < H:  # what is not known of the horizon is not there
        for name in ("price", "sale"):
            ahead[name] = ahead[name].where(ahead["t"] < CUT + reach * steps)
    np.testing.assert_array_equal(forecast(options, from_any(ahead, intake)), expected)

    # Rows held back of a panel that has all, as ``gatecast forecast`` holds them back.
    full = from_any(wrong, intake)
    short, truth = full.drop_last((len(df["t"].unique()) + 2 - CUT) // steps)
    assert truth.shape[0] == 3
    np.testing.assert_array_equal(short.values, honest.values)
    np.testing.assert_array_equal(short.spread, honest.spread)
    if reach < H:
        short = blinded(short, reach)
    if honest.covariates is not None:
        for name in ("past", "location", "spread", "static"):
            one, other = (getattr(x.covariates, name) for x in (short, honest))
            assert np.array_equal(one, other) if name == "static" else same(one, other)
        one, other = (encoded(options, x) for x in (short, honest))
        for name in ("past", "static"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    np.testing.assert_array_equal(forecast(options, short), expected)


def same(one: np.ndarray, other: np.ndarray) -> bool:
    return np.array_equal(one, other, equal_nan=True)


def encoded(options: dict[str, Any], panel: Panel) -> Any:
    encoding = fit_encoding(panel, calendar=options.get("calendar", False))
    how = options.get("missing_future", "error")
    return encode(encoding, panel, H if how == "error" else 0)


def blinded(panel: Panel, reach: int) -> Panel:
    """A panel that knows its future covariates ``reach`` steps ahead only."""
    covariates = panel.covariates
    if covariates is None or not panel.columns.future:
        return panel
    begin, lengths = covariates.future_indptr[:-1], panel.lengths + reach
    rows = np.concatenate([np.arange(b, b + n) for b, n in zip(begin, lengths, strict=True)])
    cut = replace(covariates, future=covariates.future[rows], future_indptr=indptr_of(lengths))
    return replace(panel, covariates=cut)


@pytest.mark.parametrize("poison", POISONS)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_whatever_comes_after_the_cut_changes_no_bit_of_a_forecast_made_at_it(
    options: dict[str, Any], poison: str
) -> None:
    require_no_leak(options, poison)


def test_a_description_that_looks_ahead_would_be_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above fails for a panel whose mean and spread are those of all of its rows."""
    honest = Panel._described

    def described(panel: Panel) -> Panel:
        panel = honest(panel)
        covariates = panel.covariates
        if covariates is None:
            return panel
        n_past = covariates.past.shape[1]
        location, spread = covariates.location.copy(), covariates.spread.copy()
        for j in range(covariates.future.shape[1]):
            ahead_too = moments(covariates.future[:, j], covariates.future_indptr)
            location[:, n_past + j], spread[:, n_past + j] = ahead_too
        return replace(panel, covariates=replace(covariates, location=location, spread=spread))

    require_no_leak({}, "1e6")
    monkeypatch.setattr(Panel, "_described", described)
    with pytest.raises(AssertionError):
        require_no_leak({}, "1e6")


def test_a_past_covariate_that_is_read_ahead_would_be_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The test above fails where rows that are held back stay in the mean of a past covariate."""
    honest = Panel.drop_last

    def drop_last(panel: Panel, h: int) -> tuple[Panel, np.ndarray]:
        shorter, held_back = honest(panel, h)
        assert shorter.covariates is not None
        assert panel.covariates is not None
        kept = replace(
            shorter.covariates,
            location=panel.covariates.location,
            spread=panel.covariates.spread,
        )
        return replace(shorter, covariates=kept), held_back

    monkeypatch.setattr(Panel, "drop_last", drop_last)
    with pytest.raises(AssertionError):
        require_no_leak({}, "1e6")


@pytest.mark.parametrize("fill", [None, "zero", "interpolate"])
@pytest.mark.parametrize("named", [True, False], ids=["covariates", "alone"])
def test_the_forecast_that_is_scored_knows_nothing_of_what_it_is_scored_on(
    fill: Any, named: bool
) -> None:
    df = whole()
    columns = COLUMNS if named else Columns()
    last = df["t"].max() + 1 - H

    def scored(value: float) -> dict[str, np.ndarray]:
        wrong = df.assign(**{x: df[x].where(df["t"] < last, value) for x in ("y", "rain")})
        more = pd.concat([wrong, ahead_of(df)])  # for the forecast that is not scored
        panel = from_any(more, Intake(columns, fill=fill))
        return held_out(panel)

    honest, wrong = scored(5.0), scored(1e6)
    assert {"LSTM", "HoltWinters", "Theta"} <= set(honest) & set(wrong)
    for name in set(honest) & set(wrong):  # whether there is a blend hangs on the scores
        np.testing.assert_array_equal(honest[name], wrong[name], err_msg=name)


def held_out(panel: Panel) -> dict[str, np.ndarray]:
    """Forecasts of the newest window, by model."""
    settings = {"epochs": 2, "context_length": 8, "hidden_size": 4}
    result = forecast_panel(panel, Request(h=H, settings=settings, threads=1))
    assert result.tested is not None
    return {name: result.tested.point(name)[-1] for name in result.tested.outputs}


def ahead_of(df: pd.DataFrame) -> pd.DataFrame:
    rows = df[df["t"] < H].assign(y=np.nan)
    first = df["ds"].max() + pd.Timedelta(days=1)
    return rows.assign(ds=first + pd.to_timedelta(rows["t"], unit="D"), t=rows["t"] + 1000)


@pytest.mark.parametrize("fill", [None, "zero", "interpolate"])
def test_a_hole_that_reaches_over_the_cut_lets_nothing_through(fill: Any) -> None:
    """A straight line into the future would tell where the future is."""
    n, y = 60, 10 + np.sin(np.arange(60) * 2 * np.pi / 7)
    y[n - H - 2 : n - H + 1] = np.nan

    def scored(value: float) -> np.ndarray:
        df = pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=n), "y": y})
        df.loc[n - H + 1 :, "y"] = value
        panel = from_any(df, Intake(fill=fill))
        return held_out(panel)["LSTM"]

    np.testing.assert_array_equal(scored(10.0), scored(1e6))


# Everything at once


def some_rows(df: pd.DataFrame, random: np.random.Generator, share: float) -> np.ndarray:
    return random.random(len(df)) < share


def with_missing(name: str, share: float) -> Callable[..., pd.DataFrame]:
    return lambda df, random: df.assign(**{name: df[name].mask(some_rows(df, random, share))})


def first_series(df: pd.DataFrame) -> pd.Series[bool]:
    return df["unique_id"] == "s0"


TROUBLES: tuple[Callable[..., pd.DataFrame], ...] = (
    lambda df, random: df.sample(frac=1, random_state=1),
    lambda df, random: pd.concat([df, df.sample(min(3, len(df)), random_state=1)]),
    lambda df, random: df.assign(y=df["y"].mask(first_series(df))),
    lambda df, random: df[~first_series(df) | (df["ds"] < "2024-01-08")],
    lambda df, random: df.assign(y=df["y"] * random.choice([1e-300, 1e299, -1e-9, 1e12, 0])),
    lambda df, random: df.assign(rain=random.choice([0.0, np.nan, 1e299])),
    lambda df, random: df.assign(price=random.choice([0.0, np.nan, 1e299])),
    with_missing("y", 0.5),
    with_missing("price", 0.3),
    lambda df, random: df.assign(ds=df["ds"].dt.tz_localize(None).dt.tz_localize("Europe/Berlin")),
    lambda df, random: df.assign(
        ds=df["ds"] + pd.to_timedelta(random.integers(0, 20, len(df)), unit="h")
    ),
    lambda df, random: df.assign(region=random.choice(["north", "south"], len(df))),
    lambda df, random: df.assign(region=df["region"].mask(first_series(df))),
    lambda df, random: df.assign(y=df["y"].mask(some_rows(df, random, 0.1), np.inf)),
    lambda df, random: df.assign(y=df["y"].mask(some_rows(df, random, 0.9), 0)),
    lambda df, random: df.assign(y=df["y"].mask(df["y"].notna(), 3)),
    lambda df, random: df.drop(columns="size", errors="ignore"),
    with_missing("ds", 0.02),
    lambda df, random: df.groupby("unique_id").head(int(random.integers(1, 9))),
    lambda df, random: df.assign(size=random.choice(["x", "7"])),
)


@pytest.mark.filterwarnings("ignore:The data do not go through any cycle of the calendar")
@pytest.mark.parametrize("seed", range(150))
def test_however_troubles_come_together_numbers_come_out_or_an_error_that_is_meant(
    seed: int,
) -> None:
    random = np.random.default_rng(seed)
    df = many(seed, ahead=int(random.choice([0, 1, H, H, 5])), gaps=bool(random.integers(2)))
    for k in random.integers(0, len(TROUBLES), random.choice([0, 1, 1, 2, 3])):
        df = TROUBLES[k](df, random).reset_index(drop=True)

    def one_of(*choices: Any) -> Any:
        return choices[random.integers(len(choices))]

    named = {k: v for k, v in NAMED.items() if random.integers(2)}
    settings = {
        **TINY,
        "context_length": one_of(1, 3, 8, 8, 20),
        "scaling": one_of("standard", "meanabs", "level", "first", "series", None),
        "anchor": one_of("last", "last", "season", None),
        "season_length": one_of(None, 2, 7),
        "calendar": one_of(True, False, False),
        "recursive": one_of(True, False, False) and "past_covariates" not in named,
        **named,
    }
    intake = one_of(
        *({}, {}, {"fill": "interpolate"}, {"fill": "zero"}, {"duplicates": "mean"}),
        *({"duplicates": "last"}, {"freq": "2D", "resample": "sum"}),
    )
    how = {"missing_future": one_of("error", "last", "seasonal")}
    data = one_of(lambda x: x, pl.from_pandas, pa.Table.from_pandas)(df)
    report = check(data, h=H, **named, **intake, **how)
    assert str(report)
    try:
        model = LSTM(H, **settings).fit(data, **intake)
        forecasts = in_order(model.predict(**how))
    except (ConfigError, DataError):
        return
    assert all(np.isfinite(forecast).all() for forecast in forecasts.values())
    assert in_order(model.predict(data, **how)) == forecasts
    assert {finding.code for finding in report.findings if finding.severity == "error"} <= {"short"}
