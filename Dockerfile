# The image of the server: web, worker and scheduler are the same image with another command.
# Build:  docker build --build-arg PYTHON_IMAGE=python:3.12-slim-bookworm@sha256:<digest> .
# A release names the base image by digest; the tag alone is for development.
ARG PYTHON_IMAGE=python:3.12-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
RUN python -m venv /opt/venv
COPY requirements/runtime.txt requirements/runtime.txt
RUN /opt/venv/bin/pip install --require-hashes -r requirements/runtime.txt
COPY manage.py ./
COPY workbench workbench
COPY agents agents
COPY assessments assessments
COPY templates templates
COPY static static
# The key lives for this one command only: production refuses to start without one.
RUN /opt/venv/bin/python agents/host-agent/build.py \
    && DJANGO_SETTINGS_MODULE=workbench.settings.production \
       UNDERPIN_SECRET_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(48))')" \
       /opt/venv/bin/python manage.py collectstatic --noinput \
    && /opt/venv/bin/python -m compileall -q workbench agents assessments

FROM ${PYTHON_IMAGE}
RUN groupadd --gid 10001 underpin \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent \
       --shell /usr/sbin/nologin underpin
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
WORKDIR /app
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DJANGO_SETTINGS_MODULE=workbench.settings.production
USER 10001:10001
EXPOSE 8000
CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "--workers", "2", "--no-ws", "workbench.wsgi:application"]
