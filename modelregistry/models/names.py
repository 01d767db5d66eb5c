"""How names and digests are spelt, here and in the database's own checks; how long texts are."""

NAME = r"^[a-z0-9][a-z0-9._-]{0,63}\Z"
SHA256 = r"^([0-9a-f]{64})?\Z"
CHAMPION = "champion"
LONGEST_TEXT = 10_000  # characters of what people write beside them
