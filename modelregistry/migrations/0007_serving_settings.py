from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("modelregistry", "0006_withdrawn_numbers")]

    operations = [
        migrations.AddField(
            model_name="registeredmodel",
            name="max_batch_rows",
            field=models.PositiveIntegerField(
                default=256,
                help_text="How many rows of different callers are answered in one run at most.",
                validators=[MinValueValidator(1), MaxValueValidator(65536)],
            ),
        ),
        migrations.AddField(
            model_name="registeredmodel",
            name="max_wait_ms",
            field=models.FloatField(
                default=0.0,
                help_text="How long a row waits for others to be answered together with. 0: not at "
                "all, which is right for most models: what has arrived at the same moment shares a "
                "run anyway.",
                validators=[MinValueValidator(0.0), MaxValueValidator(1000.0)],
            ),
        ),
        migrations.AddField(
            model_name="registeredmodel",
            name="max_queue_rows",
            field=models.PositiveIntegerField(
                default=4096,
                help_text="How many rows may wait in each web process; more are refused with 503, "
                "but for a single request that meets nobody waiting.",
                validators=[MinValueValidator(1), MaxValueValidator(1000000)],
            ),
        ),
        migrations.AddField(
            model_name="registeredmodel",
            name="deadline_ms",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="A request without a Request-Timeout header is answered with 504 after "
                "so many milliseconds. Empty: no deadline.",
                null=True,
                validators=[MinValueValidator(1), MaxValueValidator(86400000)],
            ),
        ),
    ]
