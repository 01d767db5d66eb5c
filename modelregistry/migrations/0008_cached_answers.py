from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("modelregistry", "0007_serving_settings"),
    ]

    operations = [
        migrations.AddField(
            model_name="registeredmodel",
            name="cache_ttl_s",
            field=models.FloatField(
                verbose_name="cache TTL (s)",
                default=0.0,
                help_text="For how many seconds an answer is kept in memory, for others who send the same rows. 0: answers are not kept, which is right where rows seldom repeat. Up to 86,400.",
                validators=[MinValueValidator(0.0), MaxValueValidator(86400.0)],
            ),
        ),
        migrations.AlterField(
            model_name="registeredmodel",
            name="deadline_ms",
            field=models.PositiveIntegerField(
                verbose_name="deadline (ms)",
                blank=True,
                help_text="A request without a Request-Timeout header is answered with 504 after so many milliseconds, 1 to 86,400,000. Empty: no deadline.",
                null=True,
                validators=[MinValueValidator(1), MaxValueValidator(86400000)],
            ),
        ),
        migrations.AlterField(
            model_name="registeredmodel",
            name="max_batch_rows",
            field=models.PositiveIntegerField(
                default=256,
                help_text="How many rows of different callers are answered in one run at most: 1 to 65,536.",
                validators=[MinValueValidator(1), MaxValueValidator(65536)],
            ),
        ),
        migrations.AlterField(
            model_name="registeredmodel",
            name="max_queue_rows",
            field=models.PositiveIntegerField(
                default=4096,
                help_text="How many rows may wait in each web process; more are refused with 503, but for a single request that meets nobody waiting. 1 to 1,000,000.",
                validators=[MinValueValidator(1), MaxValueValidator(1000000)],
            ),
        ),
        migrations.AlterField(
            model_name="registeredmodel",
            name="max_wait_ms",
            field=models.FloatField(
                verbose_name="max wait (ms)",
                default=0.0,
                help_text="How long a row waits for others to be answered together with. 0: not at all, which is right for most models: what has arrived at the same moment shares a run anyway. Up to 1,000.",
                validators=[MinValueValidator(0.0), MaxValueValidator(1000.0)],
            ),
        ),
    ]
