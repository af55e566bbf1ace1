"""What is served where: one module a kind of thing."""
