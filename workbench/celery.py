"""The Celery application of production; ``celery -A workbench.celery worker|beat``.

The settings module comes from ``DJANGO_SETTINGS_MODULE``, which the compose file sets.
"""

from celery import Celery

app = Celery("workbench")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
