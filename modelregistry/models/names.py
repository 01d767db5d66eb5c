"""How names and digests are spelt, in Python and in the database's own checks."""

NAME = r"^[a-z0-9][a-z0-9._-]{0,63}\Z"
SHA256 = r"^([0-9a-f]{64})?\Z"
CHAMPION = "champion"
