"""The WSGI application for granian; in the embedded mode it also starts the worker thread."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "workbench.settings.production")

application = get_wsgi_application()

if settings.MODE == "embedded":
    from workbench.core.work import thread

    thread.start()
