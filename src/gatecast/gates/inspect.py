"""From a fitted network and one series to what the network does with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gatecast import _core
from gatecast.errors import ConfigError, DataError
from gatecast.gates.trace import Trace
from gatecast.models.es_lstm import ESLSTM
from gatecast.models.lstm import LSTM
from gatecast.models.transform import Units
from gatecast.panel import place_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gatecast.models.forecaster import Forecaster
    from gatecast.panel import MissingFuture, Panel

    Doubles = NDArray[np.float64]
    # Where a sequence begins, what is read, and what each layer does with it.
    Read = tuple[int, NDArray[np.float32], list[dict[str, NDArray[np.float32]]]]

__all__ = ["first_network", "inspect_panel", "network_of", "one_series"]


def network_of(model: Forecaster) -> LSTM | ESLSTM:
    """Return the network that a model is, or the first that it is made of.

    Raises
    ------
    ConfigError
        When there is none.
    """
    found = first_network(model)
    if found is None:
        raise ConfigError(
            "This model has no gates to look at: there is no LSTM in it.",
            value=" + ".join(one.name for one in model.members) or model.name,
            fix="Inspect a gatecast.LSTM or a gatecast.ESLSTM.",
        )
    return found


def first_network(model: Forecaster) -> LSTM | ESLSTM | None:
    """Return the first network that a model is made of, itself perhaps; None without any."""
    if isinstance(model, LSTM | ESLSTM):
        return model
    found = (first_network(member) for member in model.members)
    return next((network for network in found if network is not None), None)


def one_series(panel: Panel, unique_id: Any = None) -> Panel:
    """Return a panel's series of that name alone, or its first.

    Raises
    ------
    DataError
        When there is none of that name.
    """
    if panel.cold is not None and str(unique_id) in map(str, panel.cold.ids):
        raise DataError(
            "A series without history has no values that a network could read.",
            value=repr(unique_id),
        )
    place = place_of(unique_id, [str(name) for name in panel.ids])
    return panel.select(np.arange(panel.n_series) == place)


def inspect_panel(
    model: LSTM | ESLSTM,
    panel: Panel,
    h: int,
    *,
    context_length: int | None = None,
    missing_future: MissingFuture = "error",
) -> Trace:
    """Trace a network over the end of a panel's only series.

    Parameters
    ----------
    model : LSTM or ESLSTM
        Fitted.
    panel : Panel
        One series.
    h : int
        How many steps of its forecast to look at.
    context_length : int, optional
        How many of the newest values an LSTM reads; the model's own by default.
    missing_future : {"error", "last", "seasonal"}
        As for :meth:`gatecast.LSTM.predict`.
    """
    if isinstance(model, LSTM):
        return _inspect_lstm(model, panel, h, context_length, missing_future)
    if context_length is not None:
        raise ConfigError(
            "ESLSTM goes through a whole series: it has no context_length to choose.",
            value=context_length,
            fix="Leave it out.",
        )
    return _inspect_hybrid(model, panel, h)


def _inspect_lstm(
    model: LSTM, panel: Panel, h: int, context_length: int | None, missing_future: MissingFuture
) -> Trace:
    fitted, config = model.fitted, model.config
    size = context_length or fitted.context_length
    if config.anchor == "season" and size < fitted.season_length:
        raise ConfigError(
            "context_length must hold a season: the forecast is anchored on the last one.",
            value=size,
            fix=f"Use context_length={fitted.season_length} or more.",
        )
    if not panel.tail(size).observed.any():
        raise DataError(
            f"The newest {size} values of the series are missing, all that the network reads.",
            value=str(panel.ids[0]),
        )
    if not config.future_covariates:
        missing_future = "error"  # there are none to miss
    units = Units.of(panel) if config.transform else None
    modelled = units.model(panel) if units else panel
    covariates, _ = model.network_inputs.read(
        modelled, h, missing_future, season_length=fitted.season_length
    )
    network = _Network(*model.network_for(h, size, "float32"), model, covariates)
    (start, x, layers), outputs, slopes, by_spread = (
        network.fed_back(modelled.values, h)
        if config.recursive
        else network.run(modelled.values, h)
    )
    slopes += by_spread[:, None] * _spread_slopes(modelled)[-slopes.shape[1] :]
    n, patch = slopes.shape[1], config.patch_size
    if units:
        outputs, slopes = _undone(units, panel, outputs, slopes)
    patches = -(-size // patch)  # steps of the context
    # Where the values of each step end, from the first of the context; the last patch of what the
    # network reads on may reach beyond the horizon.
    ends = np.arange(start + 1, len(x) + 1) * patch - (patches * patch - n)
    ends = np.minimum(ends, n + h)
    read = ends[ends <= n]
    attribution = np.zeros((h, len(ends)))
    attribution[:, : len(read)] = np.add.reduceat(slopes, np.append(0, read[:-1]), axis=1)
    known = np.append(panel.values[-n:], np.full(h, np.nan))
    return Trace(
        **_named(model, panel, h, fitted.season_length),
        patch_size=patch,
        ds=_joined(panel.stamps(0)[-n:], panel.future_stamps(0, h))[ends - 1],
        y=known[ends - 1],
        forecast=outputs,
        inputs=x[start:],
        **_parts(layers, start),
        dilations=(1,) * len(layers),
        attribution=attribution,
    )


def _inspect_hybrid(model: ESLSTM, panel: Panel, h: int) -> Trace:
    def read(wanted: list[int]) -> Any:
        return model.trace_panel(panel, wanted)

    scale, (_, _, _, outputs, _, _) = read([])
    wanted, point = _middle_outputs(outputs, h, model.config.trained_quantiles)
    _, (start, x, layers, _, slopes, _) = read(wanted)
    forecast = scale.back(point[None])[0]
    steepness = scale.units.steepness
    with np.errstate(divide="ignore"):
        there = np.where(np.isnan(panel.values), 0.0, 1 / steepness(panel.values))
    n = len(x) - start  # positions, of which the last is the newest value's
    return Trace(
        **_named(model, panel, h, min(model.fitted.seasons, default=1)),
        ds=panel.stamps(0)[-n:],
        y=panel.values[-n:],
        forecast=forecast,
        inputs=x[start:],
        **_parts(layers, start),
        dilations=tuple(d for block in model.fitted.dilations for d in block),
        attribution=(steepness(forecast)[:, None] * slopes * there)[:, -n:],
    )


def _named(model: LSTM | ESLSTM, panel: Panel, h: int, season_length: int) -> dict[str, Any]:
    return {
        "unique_id": str(panel.ids[0]),
        "model": model.name,
        "frequency": panel.frequency,
        "season_length": season_length,
        "future_ds": panel.future_stamps(0, h),
    }


def _parts(layers: list[dict[str, NDArray[np.float32]]], start: int) -> dict[str, Any]:
    return {name: [layer[name][start:] for layer in layers] for name in layers[0]}


def _middle_outputs(
    outputs: Doubles, steps: int, quantiles: tuple[float, ...]
) -> tuple[list[int], Doubles]:
    """Which outputs ``[h, Q]`` are the point forecasts ``[steps]``, and these.

    Quantiles are sorted, so the middle one may come from another output.
    """
    middle = quantiles.index(0.5) if quantiles else 0
    place = np.argsort(outputs, axis=1, kind="stable")[:steps, middle]
    wanted = [step * outputs.shape[1] + int(q) for step, q in enumerate(place)]
    return wanted, outputs[np.arange(steps), place]


def _undone(
    units: Units, panel: Panel, outputs: Doubles, slopes: Doubles
) -> tuple[Doubles, Doubles]:
    """Return forecasts ``[h]`` and slopes ``[h, k]`` by the newest values in the series' units.

    What the series is divided by, the mean of its absolute values, depends on each of them, too.
    """
    y = panel.values[-slopes.shape[1] :]
    there = ~np.isnan(y)
    forecast = units.undone(outputs[None])[0]
    with np.errstate(divide="ignore"):
        inner = np.where(there, 1 / units.steepness(y), 0.0)
    direct = units.steepness(forecast)[:, None] * slopes * inner
    by_size = (forecast - direct @ np.nan_to_num(y)) / units.size[0]
    return forecast, direct + by_size[:, None] * np.sign(np.nan_to_num(y)) / panel.observed.sum()


class _Network:
    """A fitted network, and how windows are cut for it."""

    def __init__(
        self,
        network: _core.Network,
        windowing: _core.Windowing,
        model: LSTM,
        covariates: _core.Covariates | None,
    ) -> None:
        self.network, self.windowing, self.covariates = network, windowing, covariates
        self.weights, self.quantiles = model.fitted.weights, model.config.trained_quantiles

    def run(self, values: Doubles, steps: int) -> tuple[Read, Doubles, Doubles, Doubles]:
        """Return what is done, the point forecasts ``[steps]``, and their slopes.

        These are by the newest values, ``[steps, k]``, and by the spread of all, ``[steps]``.
        """
        wanted = list(range(steps))
        if self.quantiles:
            *_, outputs, _, _ = self._trace(values, [])
            wanted, _ = _middle_outputs(outputs, steps, self.quantiles)
        *read, outputs, slopes, by_spread = self._trace(values, wanted)
        return tuple(read), outputs.ravel()[wanted], slopes, by_spread

    def fed_back(self, values: Doubles, steps: int) -> tuple[Read, Doubles, Doubles, Doubles]:
        """The same of a network whose forecasts become its newest values."""
        n = len(values)
        extended = np.append(values, np.zeros(steps))
        total = np.zeros((steps, n + steps))  # by values, forecasts among them
        by_spread = np.zeros(steps)
        reads, first = [], n
        for k in range(steps):
            read, (extended[n + k],), (slopes,), (own,) = self.run(extended[: n + k], 1)
            reads.append(read)
            total[k, n + k - len(slopes) : n + k] = slopes
            first = min(first, n + k - len(slopes))
            through = total[k, n : n + k].copy()
            total[k, :n] += through @ total[:k, :n]
            by_spread[k] = own + through @ by_spread[:k]
        return reads[0], extended[n:], total[:, first:n], by_spread

    def _trace(self, values: Doubles, wanted: list[int]) -> Any:
        return _core.trace(
            self.network,
            self.weights,
            self.windowing,
            values,
            wanted=wanted,
            covariates=self.covariates,
        )


def _spread_slopes(panel: Panel) -> Doubles:
    """By how much the spread of a panel's only series changes with each of its values.

    Where only the end of a series is kept, its spread is taken as it is.
    """
    y, spread = panel.values, float(panel.spread[0])
    if panel.whole_spread is not None or spread == 0:
        return np.zeros(len(y))
    return np.asarray(np.nan_to_num(y - np.nanmean(y)) / (panel.observed.sum() * spread))


def _joined(past: Any, future: Any) -> Any:
    if isinstance(past, np.ndarray):
        return np.concatenate([past, future])
    return past.append(future)
