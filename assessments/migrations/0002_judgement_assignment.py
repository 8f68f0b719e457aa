from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('agents', '0002_host_life'),
        ('assessments', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='judgement',
            name='assignment_number',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.RemoveConstraint(
            model_name='judgement',
            name='judgement_once_per_facts',
        ),
        migrations.AddConstraint(
            model_name='judgement',
            constraint=models.UniqueConstraint(fields=('host', 'facts_number', 'catalogue_digest', 'assignment_number'), name='judgement_once_per_inputs'),
        ),
    ]
