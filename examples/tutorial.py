"""The tutorial's job in Python: windows of a sine, LSTM 5 and LSTM 20, point by point, and on.

Run ``python examples/tutorial.py``. ``gatecast demo`` does the same with charts.
"""

import numpy as np

from gatecast import LSTM

x = np.arange(-50.0, 50.0)
y = np.sin(x)

model = LSTM.tutorial(epochs=500).fit(y[:95])
predicted = model.predict_point_by_point(y)[-5:]
persistence = y[94:-1]
print("one step ahead, held out   ", np.sqrt(np.mean((predicted - y[95:]) ** 2)).round(4))
print("the last value, repeated   ", np.sqrt(np.mean((persistence - y[95:]) ** 2)).round(4))

future = model.predict(y, h=50)
error = np.sqrt(np.mean((future - np.sin(np.arange(50.0, 100.0))) ** 2))
print("50 steps past the data's end", error.round(4))
