"""Who is told of a training's progress: nobody, a bar on the terminal, or a callable."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from gatecast.errors import ConfigError

__all__ = ["Epoch", "Progress", "StageBar", "epoch_callback"]


@dataclass(frozen=True)
class Epoch:
    """What a ``progress`` callable is told after each epoch.

    Parameters
    ----------
    number, total : int
        The epoch just finished, from 1, and how many there are at most.
    loss, val_loss : float
        Mean training and validation loss; ``val_loss`` is NaN without validation.
    best : int
        The epoch whose weights would be kept if training stopped now.
    """

    number: int
    total: int
    loss: float
    val_loss: float
    best: int


Progress = bool | Callable[[Epoch], bool | None] | None


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
            TextColumn("{task.completed:.0f}/{task.total:.0f}{task.fields[loss]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=1, loss="", visible=False)

    def stage(self, description: str, total: int) -> Callable[[Epoch | int], None]:
        """Begin a stage; returns what is told of each epoch, or of how many parts are done."""
        self._bar.update(
            self._task,
            description=description,
            total=total,
            completed=0,
            loss="",
            visible=True,
        )

        def ended(epoch: Epoch | int) -> None:
            if isinstance(epoch, int):
                self._bar.update(self._task, completed=epoch)
                return
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


@contextmanager
def epoch_callback(progress: Progress, epochs: int) -> Iterator[Any]:
    """Yield what the engine calls after each epoch, or None."""
    if progress is False or progress is None:
        yield None
        return
    if progress is not True and not callable(progress):
        raise ConfigError("progress must be True, False or a callable.", value=repr(progress))
    with ExitStack() as stack:
        if progress is True:
            tell: Callable[[Epoch], bool | None] = stack.enter_context(StageBar()).stage(
                "Training", epochs
            )
        else:
            tell = progress
        yield lambda number, loss, val_loss, best: tell(Epoch(number, epochs, loss, val_loss, best))
