import django.db.models.deletion
import django.db.models.manager
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('agents', '0003_agent_protocol'),
        ('core', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='hostlive',
            name='clock_skew_seconds',
            field=models.IntegerField(blank=True, null=True),
        ),
        migrations.CreateModel(
            name='EventSpool',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('epoch', models.CharField(max_length=16)),
                ('mark', models.BigIntegerField(default=0)),
                ('has_gaps', models.BooleanField(default=False)),
                ('begun_at', models.DateTimeField()),
                ('host', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='agents.host')),
            ],
        ),
        migrations.CreateModel(
            name='EventGap',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('first', models.BigIntegerField()),
                ('last', models.BigIntegerField()),
                ('reason', models.CharField(max_length=40)),
                ('at', models.DateTimeField()),
                ('host', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='agents.host')),
                ('spool', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='agents.eventspool')),
            ],
        ),
        migrations.CreateModel(
            name='Event',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('seq', models.BigIntegerField()),
                ('event_id', models.CharField(blank=True, max_length=32)),
                ('kind', models.CharField(max_length=40)),
                ('event_class', models.CharField(max_length=1)),
                ('stream', models.CharField(max_length=40)),
                ('container_key', models.CharField(blank=True, max_length=64)),
                ('at', models.DateTimeField()),
                ('source_at', models.DateTimeField(blank=True, null=True)),
                ('skew_seconds', models.IntegerField(default=0)),
                ('count', models.PositiveIntegerField(default=1)),
                ('details', models.JSONField(blank=True, default=dict)),
                ('host', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='agents.host')),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='core.workspace')),
                ('spool', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='agents.eventspool')),
            ],
            options={
                'default_manager_name': 'unscoped',
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='EventDay',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField()),
                ('rows', models.PositiveIntegerField(default=0)),
                ('spools', models.PositiveIntegerField(default=0)),
                ('counts', models.JSONField(blank=True, default=dict)),
                ('only_counted', models.JSONField(blank=True, default=dict)),
                ('host', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='agents.host')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('host', 'day'), name='event_day_once_per_host')],
            },
        ),
        migrations.AddConstraint(
            model_name='eventspool',
            constraint=models.UniqueConstraint(fields=('host', 'epoch'), name='event_spool_once_per_host'),
        ),
        migrations.AddConstraint(
            model_name='eventgap',
            constraint=models.CheckConstraint(condition=models.Q(('last__gte', models.F('first'))), name='event_gap_is_a_range'),
        ),
        migrations.AddIndex(
            model_name='event',
            index=models.Index(fields=['host', 'at'], name='event_of_host_by_time'),
        ),
        migrations.AddConstraint(
            model_name='event',
            constraint=models.UniqueConstraint(fields=('spool', 'seq'), name='event_once_per_spool'),
        ),
    ]
