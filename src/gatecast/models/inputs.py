"""What a network reads beside the scaled values, and what comes out for many series."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gatecast import _core
from gatecast.models.config import LSTMConfig
from gatecast.panel import MissingFuture, require_word

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from gatecast.features import Encoding
    from gatecast.panel import Panel

__all__ = ["NO_CALENDAR", "Inputs", "Prediction"]

NO_CALENDAR = (
    "The data do not go through any cycle of the calendar once, so none of it is read: "
    "calendar=True changes nothing."
)


@dataclass(frozen=True)
class Inputs:
    """What a network reads at each step beside the scaled values.

    Parameters
    ----------
    config : LSTMConfig
    mask : bool
        Whether each value was observed.
    encoding : Encoding or None
        Covariates; with them goes how wide the window is beside its series.
    """

    config: LSTMConfig
    mask: bool
    encoding: Encoding | None

    @property
    def size(self) -> int:
        """How many numbers that is, the values of the patch included."""
        encoding, patch = self.encoding, self.config.patch_size
        n = patch * (1 + self.mask)
        if encoding is not None:
            n += patch * (encoding.n_past + encoding.n_future) + encoding.n_static
            n += self.config.scaling not in (None, "series")
        return n

    def network(self, horizon: int, precision: str) -> _core.Network:
        """Return the network that reads this and puts out ``horizon`` steps."""
        config = self.config
        # Where the network reads on, whole patches come out, and what is beyond the horizon is cut.
        patches = math.ceil(horizon / config.patch_size)
        steps = patches * config.patch_size if config.reads_on else horizon
        return _core.Network(
            self.size,
            config.hidden_size,
            steps * max(1, len(config.trained_quantiles)),
            config.dropout,
            precision,
            patches if config.reads_on else 1,
        )

    def windowing(self, horizon: int, context_length: int, season_length: int) -> _core.Windowing:
        """Return how the network's windows are cut."""
        return _core.Windowing(
            context_length=context_length,
            horizon=horizon,
            scaling=self.config.scaling or "none",
            anchor=self.config.anchor or "none",
            season_length=season_length,
            mask=self.mask,
            reads_on=self.config.reads_on,
            patch_size=self.config.patch_size,
        )

    def read(
        self,
        panel: Panel,
        h: int = 0,
        missing_future: MissingFuture = "error",
        season_length: int = 1,
    ) -> tuple[_core.Covariates | None, NDArray[np.bool_]]:
        """Return a panel's covariates, ``h`` steps ahead, and where ``missing_future`` was used."""
        n = panel.n_series
        require_word("missing_future", missing_future, MissingFuture)
        if self.encoding is None and self.config.scaling != "series":
            return None, np.zeros((n, h), bool)
        from gatecast.features import Encoding, encode  # most models need none of it

        encoded = encode(
            self.encoding or Encoding(),
            panel,
            h,
            missing_future=missing_future,
            season_length=season_length,
        )
        covariates = _core.Covariates(
            past=encoded.past,
            future=encoded.future,
            future_begin=encoded.future_begin,
            constant=encoded.static,
            spread=panel.spread,
        )
        return covariates, encoded.assumed


@dataclass(frozen=True, eq=False)
class Prediction:
    """Forecasts of many series, those without history last.

    Parameters
    ----------
    panel : Panel
        What was forecast.
    outputs : ndarray
        ``[n_series, h, quantiles or 1]``.
    assumed : ndarray
        bool ``[n_series, h]``: where ``missing_future`` stood in for future covariates.
    missing_future : str
        What stood in.
    middle : int
        The place of the point forecast among the outputs of a step.
    notes : tuple of str
        What to know about the result.
    spread : ndarray, optional
        float64 ``[n_series]``: how much each series changes, where calibrated intervals need it.
    """

    panel: Panel
    outputs: NDArray[np.float64]
    assumed: NDArray[np.bool_]
    missing_future: str = "error"
    middle: int = 0
    notes: tuple[str, ...] = ()
    spread: NDArray[np.float64] | None = None

    @property
    def point(self) -> NDArray[np.float64]:
        """The point forecasts ``[n_series, h]``."""
        return self.outputs[:, :, self.middle]

    def select(self, keep: ArrayLike) -> Prediction:
        """Return only the series where ``keep``, bool ``[n_series]``, is true."""
        kept = np.flatnonzero(keep)
        panel = self.panel.select(keep)
        spread = None if self.spread is None else self.spread[kept]
        outputs, assumed = self.outputs[kept], self.assumed[kept]
        return replace(self, panel=panel, outputs=outputs, assumed=assumed, spread=spread)

    def frame(self, columns: dict[str, NDArray[np.float64]]) -> Any:
        """Put ``[n_series, h]`` by column into a frame, and what was assumed beside them."""
        cells: dict[str, NDArray[Any]] = dict(columns)
        if self.missing_future != "error":
            cells["future_covariates"] = np.where(self.assumed, self.missing_future, "given")
        return self.panel.forecast_frame(self.outputs.shape[1], cells)
