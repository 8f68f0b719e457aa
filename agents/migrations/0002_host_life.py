from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('agents', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='enrolmenttoken',
            name='networks',
            field=models.JSONField(blank=True, default=list),
        ),
        migrations.AddField(
            model_name='host',
            name='assignment_number',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='host',
            name='retired_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
