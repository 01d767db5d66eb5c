"""The steps from a file to a version's facts. No database here: services.py writes them."""
