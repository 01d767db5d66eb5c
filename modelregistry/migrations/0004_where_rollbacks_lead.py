"""History so far knows no rollbacks: each line goes back to the one before it."""

from django.db import migrations


def chain(apps, schema_editor):
    changes = apps.get_model("modelregistry", "AliasChange").objects.order_by("at", "pk")
    last = {}
    for change in changes.iterator():
        place = (change.model_id, change.alias)
        if place in last:
            changes.filter(pk=change.pk).update(back_to_id=last[place])
        last[place] = change.pk


class Migration(migrations.Migration):
    dependencies = [("modelregistry", "0003_intake")]

    operations = [migrations.RunPython(chain, migrations.RunPython.noop)]
