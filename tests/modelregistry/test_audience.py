"""Who may see and ask a model: one rule, and the same as a query of the registry."""

import pytest
from django.contrib.auth.models import AnonymousUser, Group, Permission, User

from modelregistry.access import caller_of, may_ask
from modelregistry.audience import ANONYMOUS, OPERATOR, PUBLIC, SIGNED_IN, Audience, Caller
from modelregistry.models import RegisteredModel

BOTANY, CHEMISTRY = 1, 2
SOMEBODY = Caller(known=True)
BOTANIST = Caller(known=True, groups=frozenset({BOTANY}))
FOR_BOTANY = Audience(groups=frozenset({BOTANY}))
FOR_BOTH = Audience(groups=frozenset({BOTANY, CHEMISTRY}))
FOR_CHEMISTRY = Audience(groups=frozenset({CHEMISTRY}))
FOR_NOBODY = Audience(groups=frozenset())


@pytest.mark.parametrize(
    ("audience", "admitted"),
    [
        (PUBLIC, {ANONYMOUS, SOMEBODY, BOTANIST, OPERATOR}),
        (SIGNED_IN, {SOMEBODY, BOTANIST, OPERATOR}),
        (FOR_BOTANY, {BOTANIST, OPERATOR}),
        (FOR_BOTH, {BOTANIST, OPERATOR}),
        (FOR_CHEMISTRY, {OPERATOR}),
        (FOR_NOBODY, {OPERATOR}),
    ],
)
def test_a_model_is_open_to_those_it_is_for(audience: Audience, admitted: set[Caller]) -> None:
    everybody = (ANONYMOUS, SOMEBODY, BOTANIST, OPERATOR)
    assert {caller for caller in everybody if audience.admits(caller)} == admitted


@pytest.mark.django_db
@pytest.mark.database
def test_the_registry_finds_those_that_the_rule_admits() -> None:
    botany, chemistry = (Group.objects.create(name=name) for name in ("botany", "chemistry"))
    seers = Group.objects.create(name="seers")
    seers.permissions.add(Permission.objects.get(codename="view_all_models"))
    for name, visibility, groups in (
        ("open", "public", []),
        ("keyed", "signed-in", []),
        ("plants", "groups", [botany]),
        ("both", "groups", [botany, chemistry]),
        ("acids", "groups", [chemistry]),
        ("nobodys", "groups", []),
        ("moved", "signed-in", [chemistry]),  # groups of another visibility do not count
    ):
        model = RegisteredModel.objects.create(name=name, visibility=visibility)
        model.groups.set(groups)
    people = {
        name: User.objects.create_user(name)
        for name in ("outsider", "botanist", "both", "seer", "gone")
    }
    people["botanist"].groups.add(botany)
    people["both"].groups.add(botany, chemistry)
    people["seer"].groups.add(seers)
    people["gone"].groups.add(seers)
    people["gone"].is_active = False
    chief = User.objects.create_superuser("chief")
    expected = {
        AnonymousUser(): {"open"},
        people["outsider"]: {"open", "keyed", "moved"},
        people["botanist"]: {"open", "keyed", "moved", "plants", "both"},
        people["both"]: {"open", "keyed", "moved", "plants", "both", "acids"},
        people["seer"]: {"open", "keyed", "moved", "plants", "both", "acids", "nobodys"},
        people["gone"]: {"open", "keyed", "moved"},
        chief: {"open", "keyed", "moved", "plants", "both", "acids", "nobodys"},
    }
    for user, names in expected.items():
        found = RegisteredModel.objects.visible_to(user)
        assert sorted(model.name for model in found) == sorted(names)
        for model in RegisteredModel.objects.all():
            admitted = model.audience.admits(caller_of(user))
            assert admitted == may_ask(user, model.audience) == (model.name in names)
    assert RegisteredModel.objects.audiences() == {
        model.name: model.audience for model in RegisteredModel.objects.all()
    }
