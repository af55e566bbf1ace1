"""The gates made visible: what a network did while it read a series.

``inspect`` fills a ``Trace`` from a fitted network; ``summary`` says what its gates amount to.
"""
