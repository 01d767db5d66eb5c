"""Keys say when they were used last."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("mlapi", "0002_key_ids")]

    operations = [
        migrations.AddField(
            "apikey", "last_used_at", models.DateTimeField(blank=True, null=True, editable=False)
        ),
    ]
