import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('agents', '0002_host_life'),
        ('core', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='agent',
            name='claims',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='claimed_by', to='agents.host'),
        ),
        migrations.AddField(
            model_name='agent',
            name='next_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='agent',
            name='next_secret_hash',
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AddField(
            model_name='agent',
            name='rotate_asked_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='agent',
            name='rotated_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='host',
            name='flag',
            field=models.CharField(blank=True, max_length=120),
        ),
        migrations.AddField(
            model_name='host',
            name='flagged_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='host',
            name='usage',
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name='hostlive',
            name='forked_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='hostlive',
            name='previous_boot',
            field=models.CharField(blank=True, max_length=36),
        ),
        migrations.AddField(
            model_name='hostlive',
            name='previous_counter',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='hostlive',
            name='rival_boot',
            field=models.CharField(blank=True, max_length=36),
        ),
        migrations.AddField(
            model_name='hostlive',
            name='rolled_back_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='hostlive',
            name='spool',
            field=models.CharField(blank=True, max_length=10),
        ),
        migrations.CreateModel(
            name='AgentConfig',
            fields=[
                ('workspace', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to='core.workspace')),
                ('etag', models.CharField(max_length=16)),
                ('values', models.JSONField(default=dict)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('etag', ''), _negated=True), name='agent_config_has_an_etag')],
            },
        ),
    ]
