"""The leaderboard: a pandas frame that draws itself."""

from __future__ import annotations

import os
from typing import Any, ClassVar

import pandas as pd

from gatecast.language import Lang

__all__ = ["Leaderboard"]


class Leaderboard(pd.DataFrame):
    """Models side by side, the best first; whatever is made of it is a plain pandas frame.

    pandas draws it as it draws any: ``pd.DataFrame(board).plot.bar(x="model", y="mase")``.
    """

    _metadata: ClassVar[list[str]] = ["chosen"]
    chosen: str
    """The model whose forecast it is."""

    @property
    def _constructor(self) -> Any:
        return pd.DataFrame

    def plot(  # type: ignore[override]
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        lang: Lang = "en",
    ) -> Any:
        """Draw the models by their MASE, the chosen one marked, beside the one to beat.

        That is seasonal naive, or without a season naive. pandas' own ``plot`` is that of a plain
        frame: ``pd.DataFrame(board).plot``.

        Parameters
        ----------
        path : path-like, optional
            Write a PNG there, too, with the extra ``plot``.
        lang : {"en", "zh"}
            The language of its words.

        Returns
        -------
        plotly.graph_objects.Figure
        """
        from gatecast.report.scores import leaderboard_figure, rank
        from gatecast.report.words import Words

        words = Words(lang)
        rows: list[Any] = self.to_dict(orient="records")
        ranking = rank(rows, self.chosen, words)
        if path is not None:
            from gatecast.report.picture import write_ranking_png

            write_ranking_png(path, ranking, words)
        return leaderboard_figure(ranking, words)
