"""Pure: two versions of a model side by side on the same rows. Neither is the one that is right."""
