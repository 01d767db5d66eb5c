"""Three groups to begin with: Viewer, Operator, Maintainer. Made once; from then on they belong to
staff, who may change, rename and delete them. One that has such a name already stays as it is.
"""

from importlib import import_module

from django.apps.registry import Apps
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

VIEWER = (
    "modelregistry.view_registeredmodel",
    "modelregistry.view_modelversion",
    "modelregistry.view_aliaschange",
    "modelregistry.view_scheduledretraining",
    "jobs.view_job",
    "mlapi.view_apikey",
    "mlapi.add_apikey",
    "mlapi.change_apikey",
)
OPERATOR = (
    *VIEWER,
    "modelregistry.add_modelversion",
    "modelregistry.convert_modelversion",
    "modelregistry.retrain_registeredmodel",
    "modelregistry.loadtest_registeredmodel",
    "modelregistry.add_scheduledretraining",
    "modelregistry.change_scheduledretraining",
    "modelregistry.delete_scheduledretraining",
    "jobs.cancel_job",
)
MAINTAINER = (
    *OPERATOR,
    "modelregistry.add_registeredmodel",
    "modelregistry.change_registeredmodel",
    "modelregistry.delete_registeredmodel",
    "modelregistry.promote_modelversion",
    "modelregistry.view_all_models",
    "jobs.read_traceback",
)
ROLES = {"Viewer": VIEWER, "Operator": OPERATOR, "Maintainer": MAINTAINER}


def make_roles(apps: Apps, schema_editor: BaseDatabaseSchemaEditor | None) -> None:
    make_permissions(apps)
    groups = apps.get_model("auth", "Group").objects
    permissions = apps.get_model("auth", "Permission").objects
    for name, words in ROLES.items():
        group, made = groups.get_or_create(name=name)
        for word in words if made else ():
            app, codename = word.split(".")
            group.permissions.add(
                permissions.get(content_type__app_label=app, codename=codename)
            )


def make_permissions(apps: Apps) -> None:
    """Django makes them after the last migration, which is too late for this one."""
    for label in ("jobs", "modelregistry", "mlapi"):
        config = apps.get_app_config(label)
        config.models_module = import_module(f"{label}.models")
        create_permissions(config, verbosity=0, apps=apps)


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("jobs", "0002_scheduled_jobs"),
        ("mlapi", "0003_key_last_uses"),
        ("modelregistry", "0010_models_for_groups"),
    ]

    operations = [migrations.RunPython(make_roles, migrations.RunPython.noop)]
