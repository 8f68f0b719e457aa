from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('agents', '0006_host_silence'),
        ('core', '0001_initial'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='blob',
            index=models.Index(fields=['stored_at'], name='blob_by_age'),
        ),
    ]
