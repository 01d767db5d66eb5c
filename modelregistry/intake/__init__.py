"""The gate: what a file handed in really is, and whether we take it. Pure."""
