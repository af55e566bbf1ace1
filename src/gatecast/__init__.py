"""Forecast time series with LSTM networks: honest, fast on any CPU, nothing heavy to install."""
