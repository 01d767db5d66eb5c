"""The three models a fresh installation starts with, registered as a user would register them."""
