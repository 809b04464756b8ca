# One image for all services of docker-compose.yml: web, schedulers, workers, migrate.

FROM python:3.12-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /venv
COPY project/requirements.lock /tmp/requirements.lock
RUN /venv/bin/pip install --quiet --require-hashes --only-binary :all: -r /tmp/requirements.lock
WORKDIR /app
COPY . .
# The key is for this step only: it is neither kept in the image nor used again.
RUN SECRET_KEY=build BROKER_URL=redis://unused STATIC_ROOT=/static /venv/bin/python manage.py collectstatic --no-input \
    && /venv/bin/python -m compileall -q manage.py project scheduler tasks

FROM python:3.12-slim
RUN groupadd --system --gid 10001 tickwork \
    && useradd --system --uid 10001 --gid tickwork --no-create-home --home-dir /app tickwork
COPY --from=build /venv /venv
COPY --from=build /static /static
COPY --from=build /app /app
RUN mkdir /app/var && chown tickwork:tickwork /app/var
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 DEBUG=0 STATIC_ROOT=/static
WORKDIR /app
USER tickwork
VOLUME /app/var
EXPOSE 8000
CMD ["gunicorn", "project.wsgi:application", "--bind", "0.0.0.0:8000", "--workers", "2", "--threads", "4", \
     "--worker-tmp-dir", "/dev/shm", "--no-control-socket", "--graceful-timeout", "10"]
