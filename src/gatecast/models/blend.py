"""Several models as one: the mean of what they forecast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from gatecast.errors import ConfigError
from gatecast.models.forecaster import Fitted, Forecaster, Settings
from gatecast.models.inputs import Prediction
from gatecast.panel import MissingFuture

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gatecast.panel import Intake, Panel

__all__ = ["Blend"]


class Blend(Forecaster):
    """The mean of the point forecasts of several models.

    Models that err in different ways err less together, and hardly ever badly. Equal weights are
    hard to beat: weights that are estimated on a few windows cost more than they gain (Stock &
    Watson, 2004; Smith & Wallis, 2009).

    Parameters
    ----------
    models : sequence of Forecaster
        Not fitted yet, all with the same horizon.

    Raises
    ------
    ConfigError
        When there are none, or their horizons differ.

    Examples
    --------
    >>> import numpy as np
    >>> import gatecast
    >>> y = 10 + np.tile([1.0, 2.0, 3.0, 4.0], 6)
    >>> both = [gatecast.Naive(2), gatecast.SeasonalNaive(2, season_length=4)]
    >>> gatecast.Blend(both).fit(y).predict()
    array([12.5, 13. ])
    """

    def __init__(self, models: Sequence[Forecaster]) -> None:
        horizons = {model.config.h for model in models}
        if len(horizons) != 1:
            raise ConfigError(
                "A blend needs models of one horizon.",
                value=", ".join(f"{model.name}({model.config.h})" for model in models) or "none",
                fix="Use Blend([LSTM(12), HoltWinters(12)]).",
            )
        self.config = Settings(h=horizons.pop())
        self._members = tuple(models)

    @classmethod
    def of_members(cls, members: list[Forecaster], settings: dict[str, Any]) -> Self:
        """Return an unfitted blend, as it was saved."""
        return cls(members)

    @property
    def members(self) -> tuple[Forecaster, ...]:
        """The models that are averaged."""
        return self._members

    def with_horizon(self, h: int) -> Self:
        """Return an unfitted copy for another horizon."""
        return type(self)([model.with_horizon(h) for model in self._members])

    @property
    def threads(self) -> int | None:
        """How many threads to use; None for the default."""
        return self._members[0].threads

    @threads.setter
    def threads(self, threads: int | None) -> None:
        for model in self._members:
            model.threads = threads

    def covariates(self) -> dict[str, tuple[str, ...]]:
        """The columns that any of the models reads beside the target."""
        read = [model.covariates() for model in self._members]
        return {
            role: tuple(dict.fromkeys(x for one in read for x in one[role])) for role in read[0]
        }

    def context_size(self) -> int | None:
        """How many of a series' last values a forecast needs; None for all of them."""
        sizes = [model.context_size() for model in self._members]
        known = [size for size in sizes if size is not None]
        return max(known) if len(known) == len(sizes) else None

    def fit_panel(self, panel: Panel, intake: Intake | None = None) -> Self:
        """Fit each model."""
        for model in self._members:
            model.fit_panel(panel, intake)
        return self.adopt(panel, intake)

    def adopt(self, panel: Panel, intake: Intake | None = None) -> Self:
        """Become fitted, where all the models are."""
        self._fitted: Fitted = self.remember(panel, intake, self.context_size())
        return self

    def predict_panel(
        self, panel: Panel, h: int, missing_future: MissingFuture = "error"
    ) -> Prediction:
        """Forecast with each model and average."""
        made = [model.predict_panel(panel, h, missing_future) for model in self._members]
        points: NDArray[np.float64] = np.mean([one.point for one in made], axis=0)
        said = max(made, key=lambda one: one.missing_future != "error")
        notes = tuple(dict.fromkeys(note for one in made for note in one.notes))
        return replace(said, outputs=points[:, :, None], middle=0, notes=notes)
