"""The WSGI application for granian; in the embedded mode it also starts the worker thread."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from workbench.core.web.agent_entry import AgentEntry

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "workbench.settings.production")

django_application = get_wsgi_application()
application = AgentEntry(django_application)

if settings.MODE == "embedded":
    from workbench.core.work import thread

    thread.start()
