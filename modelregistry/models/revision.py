"""The one row that tells followers of the registry that something has changed."""

import uuid
from functools import partial
from typing import Final

from django.db import models, transaction

from jobs.nudging import nudge

REGISTRY: Final = "registry"  # what nudges are about


class RevisionManager(models.Manager["Revision"]):
    def bump(self) -> None:
        """Something that serving follows has changed; call it in the same transaction.

        Followers poll, and hear of it at once where the broker answers.
        """
        token = uuid.uuid4()
        if not self.filter(pk=1).update(token=token):
            self.bulk_create([Revision(pk=1, token=token)], ignore_conflicts=True)
            self.filter(pk=1).update(token=token)  # another process may have made the row
        transaction.on_commit(partial(nudge, REGISTRY), robust=True)

    def current(self) -> str:
        """A value that is another one after every change; one tiny query."""
        return str(self.filter(pk=1).values_list("token", flat=True).first())


class Revision(models.Model):
    """One row that every change of the registry rewrites, so that followers poll only this.

    Writers queue for the row, so no change can commit behind a follower's back, as it could
    with the newest id or time of a table.
    """

    token = models.UUIDField()

    objects = RevisionManager()

    def __str__(self) -> str:
        return str(self.token)
