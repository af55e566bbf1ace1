"""The models: one a file."""
