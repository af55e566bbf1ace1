"""The mean of the point forecasts of several models, which the automatic path may choose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

from gatecast.models.ensemble import Ensemble

if TYPE_CHECKING:
    from gatecast.models.forecaster import Forecaster

__all__ = ["Blend"]


class Blend(Ensemble):
    """The mean of the point forecasts of several models.

    Models that err in different ways err less together, and hardly ever badly. Equal weights are
    hard to beat: weights that are estimated on a few windows cost more than they gain (Stock &
    Watson, 2004; Smith & Wallis, 2009). :class:`gatecast.Ensemble` has medians and quantiles too.

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
        super().__init__(models, how="mean")

    @classmethod
    def of_members(cls, members: list[Forecaster], settings: dict[str, Any]) -> Self:
        """Return an unfitted blend, as it was saved."""
        return cls(members)

    @property
    def trained_quantiles(self) -> tuple[float, ...]:
        """None: the errors of a blend's points make its intervals."""
        return ()
