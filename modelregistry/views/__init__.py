"""Models, versions and aliases in REST."""
