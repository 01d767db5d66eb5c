"""Who may see and ask a model: the one rule, for the lane and for all else. Pure."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. Whoever is not known has no groups and does not see all."""

    known: bool
    groups: frozenset[int] = frozenset()  # by id
    sees_all: bool = False


ANONYMOUS: Final = Caller(known=False)
OPERATOR: Final = Caller(known=True, sees_all=True)


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom a model is open to: everybody, all that are known, or those in one of its groups."""

    public: bool = False
    groups: frozenset[int] | None = None  # by id; None: all that are known

    def admits(self, caller: Caller) -> bool:
        """Called for each prediction: it makes nothing."""
        if self.public:
            return True
        if self.groups is None:
            return caller.known
        return caller.sees_all or not self.groups.isdisjoint(caller.groups)


PUBLIC: Final = Audience(public=True)
SIGNED_IN: Final = Audience()
