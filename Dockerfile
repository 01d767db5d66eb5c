# One image for web, worker, beat, dispatch and migrations; the command says which.
FROM python:3.11-slim AS build
WORKDIR /build
COPY requirements/uv.txt requirements/run.txt ./
RUN python -m venv /uv && /uv/bin/pip install --no-cache-dir --require-hashes -r uv.txt
RUN python -m venv --without-pip /opt/mlapi \
 && /uv/bin/uv pip install --no-cache --compile-bytecode --python /opt/mlapi/bin/python --require-hashes -r run.txt

FROM python:3.11-slim
RUN groupadd --gid 10001 mlapi \
 && useradd --uid 10001 --gid mlapi --home-dir /app --shell /usr/sbin/nologin mlapi \
 && install --directory --owner mlapi --group mlapi --mode 0700 /data
COPY --from=build /opt/mlapi /opt/mlapi
WORKDIR /app
COPY manage.py ./
COPY mlapi/ mlapi/
COPY predictions/ predictions/
COPY modelregistry/ modelregistry/
COPY jobs/ jobs/
COPY templates/ templates/
COPY deploy/ready.py deploy/ready.py
RUN python -m compileall -q .
ENV PATH=/opt/mlapi/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 \
    MLAPI_DATA_DIR=/data
USER mlapi
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
    CMD ["python", "deploy/ready.py"]
CMD ["uvicorn", "mlapi.asgi:application", "--host", "0.0.0.0", "--port", "8000", "--no-access-log", "--no-server-header", "--loop", "uvloop", "--http", "mlapi.asgi:Http", "--ws", "mlapi.handshakes:AnsweredHandshakes", "--ws-max-size", "65536", "--timeout-graceful-shutdown", "15"]
