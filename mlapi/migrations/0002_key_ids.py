"""Keys get an id to name them by, which says nothing of their digest."""

import uuid

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def give_ids(apps: StateApps, _editor: BaseDatabaseSchemaEditor) -> None:
    keys = apps.get_model("mlapi", "ApiKey").objects
    for digest in keys.values_list("pk", flat=True):
        keys.filter(pk=digest).update(public_id=uuid.uuid4())


class Migration(migrations.Migration):
    dependencies = [("mlapi", "0001_api_keys")]

    operations = [
        migrations.AddField("apikey", "public_id", models.UUIDField(null=True)),
        migrations.RunPython(give_ids, migrations.RunPython.noop),
        migrations.AlterField(
            "apikey",
            "public_id",
            models.UUIDField(default=uuid.uuid4, editable=False, unique=True),
        ),
    ]
