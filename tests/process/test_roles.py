"""Viewer, Operator and Maintainer are there from the start, made once, and staff's from then on."""

import json
from importlib import import_module
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, User

from modelregistry import permissions
from tests.running import manage
from tests.services import own_services

roles = import_module("mlapi.migrations.0004_roles")
HELD = "{g.name: sorted(p.codename for p in g.permissions.all()) for g in Group.objects.all()}"
UPGRADED = (
    "import json; from django.core.management import call_command as call;"
    "from django.contrib.auth.models import Group, Permission;"
    "call('migrate', 'mlapi', '0001', verbosity=0); call('migrate', 'jobs', verbosity=0);"
    "call('migrate', 'auditlog', verbosity=0);"
    "Group.objects.create(name='Viewer');"
    f"call('migrate', verbosity=0); first = {HELD};"
    "Group.objects.get(name='Operator').permissions.clear();"
    "Group.objects.get(name='Maintainer').delete();"
    f"call('migrate', verbosity=0); print(json.dumps([first, {HELD}]))"
)


def test_a_database_that_has_a_role_keeps_it_and_gets_the_others_once(tmp_path: Path) -> None:
    check_upgrade(tmp_path)


def test_so_does_one_in_postgresql(tmp_path: Path) -> None:
    with own_services(12) as urls:
        production = {"DJANGO_SECRET_KEY": "k" * 60, "DJANGO_ALLOWED_HOSTS": "localhost"}
        check_upgrade(tmp_path, **urls, **production)


def check_upgrade(data_dir: Path, **environment: str) -> None:
    done = manage(data_dir, "shell", "-v0", "-c", UPGRADED, **environment)
    assert done.returncode == 0, done.stderr
    first, after = json.loads(done.stdout)
    assert first == {
        "Viewer": [],  # staff's own
        "Operator": codenames(roles.OPERATOR),
        "Maintainer": codenames(roles.MAINTAINER),
    }
    assert after == {"Viewer": [], "Operator": []}


def codenames(words: tuple[str, ...]) -> list[str]:
    return sorted(word.partition(".")[2] for word in words)


@pytest.mark.django_db
def test_each_role_may_what_its_people_do_and_nothing_with_users() -> None:
    Group.objects.all().delete()
    roles.make_roles(apps, None)
    people = {}
    for name in ("Viewer", "Operator", "Maintainer"):
        people[name] = User.objects.create_user(name)
        people[name].groups.add(Group.objects.get(name=name))
    may = {name: user.get_all_permissions() for name, user in people.items()}
    assert may["Viewer"] < may["Operator"] < may["Maintainer"]
    looking = {permissions.VIEW_MODEL, permissions.VIEW_VERSION, permissions.VIEW_HISTORY}
    working = {
        permissions.HAND_IN,
        permissions.CONVERT,
        permissions.RETRAIN_MODEL,
        permissions.LOADTEST_MODEL,
        "jobs.cancel_job",
    }
    deciding = {
        permissions.ADD_MODEL,
        permissions.CHANGE_MODEL,
        permissions.ARCHIVE_MODEL,
        permissions.PROMOTE,
        permissions.VIEW_ALL_MODELS,
    }
    assert may["Viewer"] >= looking
    assert not may["Viewer"] & (working | deciding)
    assert may["Operator"] >= working
    assert not may["Operator"] & deciding
    assert may["Maintainer"] >= deciding
    apps_touched = {word.partition(".")[0] for word in may["Maintainer"]}
    assert apps_touched == {"jobs", "modelregistry", "mlapi"}  # no users, no groups, no sessions
