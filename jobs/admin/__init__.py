"""The admin's pages of jobs: a list and a page that keep themselves up to date."""

from jobs.admin.jobs import JobAdmin

__all__ = ["JobAdmin"]
