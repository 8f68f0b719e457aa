"""The product wired together. Importing it makes our Celery application the current one."""

from workbench.celery import app as celery_app

__all__ = ["celery_app"]
