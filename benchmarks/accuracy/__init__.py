"""How accurate models are on published benchmarks: ``python -m benchmarks.accuracy TASK``."""
