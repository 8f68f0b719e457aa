"""Settings of the bare view."""

from workbench.settings.test import *  # noqa: F403 - settings modules build on one another

INSTALLED_APPS = []
MIDDLEWARE = []
ROOT_URLCONF = "benchmarks.serving.bare"
