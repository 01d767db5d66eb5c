"""What predictions add to a model's page in the admin: a load test, and a form to try it."""

from predictions.admin import load_testing, trying

__all__ = ["load_testing", "trying"]
