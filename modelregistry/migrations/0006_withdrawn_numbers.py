from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("modelregistry", "0005_scheduled_retrainings")]

    operations = [
        migrations.AddField(
            model_name="registeredmodel",
            name="withdrawn",
            field=models.PositiveIntegerField(default=0, editable=False),
        ),
    ]
