"""PyTorch: ``nn.LSTM`` and a plain training loop. The tuned allocator is the environment's part."""

from __future__ import annotations

import torch
from torch import nn

from benchmarks.peers import Precision
from benchmarks.workloads import Workload


def versions() -> dict[str, str]:
    return {"torch": torch.__version__}


class Network(nn.Module):
    def __init__(self, hidden_size: tuple[int, ...], h: int) -> None:
        super().__init__()
        first, n = hidden_size[0], len(hidden_size)
        if hidden_size == (first,) * n:
            layers = [nn.LSTM(1, first, n, batch_first=True)]
        else:
            sizes = zip((1, *hidden_size), hidden_size, strict=False)
            layers = [nn.LSTM(i, u, batch_first=True) for i, u in sizes]
        self.layers = nn.ModuleList(layers)
        self.head = nn.Linear(hidden_size[-1], h)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = layer(x)[0]
        return self.head(x[:, -1])


class Job:
    def __init__(self, w: Workload, threads: int, precision: Precision) -> None:
        torch.set_num_threads(threads)
        torch.manual_seed(0)
        self._network, self._loss = Network(w.hidden_size, w.h), nn.MSELoss()
        self._optimizer = torch.optim.Adam(self._network.parameters(), 1e-3)
        self._batch_size, self._bfloat16 = w.batch_size, precision == "bfloat16"
        self._x, self._y, self._x_new, self._y_new = map(torch.from_numpy, w.windows())
        self._x_all = torch.cat([self._x, self._x_new])

    def _forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self._bfloat16:
            return self._network(x)
        with torch.autocast("cpu", torch.bfloat16):
            return self._network(x).float()

    def train(self, epochs: int) -> None:
        for _ in range(epochs):
            self._epoch()

    def _epoch(self) -> tuple[float, float]:
        """Losses are asked for as ours are, of training and of validation."""
        total = 0.0
        order = torch.randperm(len(self._x))
        for first in range(0, len(order), self._batch_size):
            rows = order[first : first + self._batch_size]
            self._optimizer.zero_grad(set_to_none=True)
            loss = self._loss(self._forward(self._x[rows]), self._y[rows])
            loss.backward()
            nn.utils.clip_grad_norm_(self._network.parameters(), 1.0)
            self._optimizer.step()
            total += loss.item()
        if not len(self._x_new):
            return total, 0.0
        with torch.inference_mode():
            return total, self._loss(self._forward(self._x_new), self._y_new).item()

    def forecast(self) -> object:
        with torch.inference_mode():
            return self._forward(self._x_all).numpy()
