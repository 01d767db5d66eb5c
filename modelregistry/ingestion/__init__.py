"""The steps from a file to a version's facts. No database here: the services write them."""
