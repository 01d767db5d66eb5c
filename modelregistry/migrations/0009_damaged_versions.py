from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("modelregistry", "0008_cached_answers")]

    operations = [
        migrations.AddField(
            model_name="modelversion",
            name="damage",
            field=models.TextField(blank=True, default=""),
            preserve_default=False,
        ),
        migrations.AddConstraint(
            model_name="modelversion",
            constraint=models.CheckConstraint(
                condition=Q(damage="") | Q(state="broken"), name="version_damaged_is_broken"
            ),
        ),
    ]
