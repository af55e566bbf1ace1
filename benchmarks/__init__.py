"""How fast the engine is, beside its peers and beside what the machine can do."""
