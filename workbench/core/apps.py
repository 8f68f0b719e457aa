"""The core app: people, rights, audit log, work items and the input door."""

from django.apps import AppConfig


class CoreConfig(AppConfig):
    """Registers the core app; it knows nothing of the apps that stand on it."""

    name = "workbench.core"
    label = "core"
    verbose_name = "Core"
