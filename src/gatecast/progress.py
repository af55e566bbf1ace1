"""One progress bar on the terminal, silent anywhere else."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from gatecast.models.lstm import Epoch

__all__ = ["StageBar"]


class StageBar:
    """A bar on standard error that the stages of a training share.

    Examples
    --------
    >>> with StageBar() as bar:
    ...     ended = bar.stage("Training", 100)  # what a model's ``progress`` may be
    """

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("epoch {task.completed:.0f}/{task.total:.0f}{task.fields[loss]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=1, loss="", visible=False)

    def stage(self, description: str, epochs: int) -> Callable[[Epoch], None]:
        """Begin a stage of at most so many epochs; returns what is told of each."""
        self._bar.update(
            self._task,
            description=description,
            total=epochs,
            completed=0,
            loss="",
            visible=True,
        )

        def ended(epoch: Epoch) -> None:
            loss = f"  loss {epoch.loss:.4g}"
            if not math.isnan(epoch.val_loss):
                loss += f", validation {epoch.val_loss:.4g}"
            self._bar.update(self._task, completed=epoch.number, loss=loss)

        return ended

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.stop()
