"""Keras on TensorFlow: ``Sequential``, ``fit`` and ``predict_on_batch``."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from benchmarks.peers import Precision
from benchmarks.workloads import Workload


def versions() -> dict[str, str]:
    return {"keras": keras.__version__, "tensorflow": tf.__version__}


class Job:
    def __init__(self, w: Workload, threads: int, precision: Precision) -> None:
        if precision != "float32":
            raise ImportError("Keras is timed in float32 only")
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
        keras.utils.set_random_seed(0)
        last = len(w.hidden_size) - 1
        self._model = keras.Sequential(
            [
                keras.Input((w.context_length, 1)),
                *(
                    keras.layers.LSTM(u, return_sequences=i < last)
                    for i, u in enumerate(w.hidden_size)
                ),
                keras.layers.Dense(w.h),
            ]
        )
        self._model.compile(keras.optimizers.Adam(1e-3, global_clipnorm=1.0), loss="mse")
        self._batch_size = w.batch_size
        self._x, self._y, *new = w.windows()
        self._validation = tuple(new) if len(new[0]) else None
        self._x_all = np.concatenate([self._x, new[0]])

    def train(self, epochs: int) -> None:
        self._model.fit(
            self._x,
            self._y,
            batch_size=self._batch_size,
            epochs=epochs,
            validation_data=self._validation,
            verbose=0,
        )

    def forecast(self) -> object:
        # predict() would set up a data pipeline each time: 40 ms for a single series.
        return self._model.predict_on_batch(self._x_all)
