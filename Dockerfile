# The service with its models and without torch, for a read-only root filesystem.
#
#   docker build --target cpu .    networks run on the processor; also what no --target gives
#   docker build --target cuda .   networks run on an NVIDIA GPU; CUDA 13 comes along, so that the host needs no
#                                  more than a driver of at least 580 and the NVIDIA container toolkit
#
# The engine's classic builder makes every stage above the target: name the target there, or it makes both.
# PYTHON_IMAGE is the base of all stages; deploy/images.env has its digest, which `make image` uses.

ARG PYTHON_IMAGE=python:3.11-slim

FROM ${PYTHON_IMAGE} AS packages
COPY requirements/service.lock /tmp/
RUN python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install --no-cache-dir --require-hashes -r /tmp/service.lock
# A third of it is never read here: tests, debug symbols, and of onnxruntime the tools that make models and the
# library for C programs (Python's module has its own copy).
RUN apt-get update && apt-get install --yes --no-install-recommends binutils
RUN cd /opt/venv/lib/python3.11/site-packages \
    && rm -r onnxruntime/transformers onnxruntime/quantization onnxruntime/tools onnxruntime/capi/libonnxruntime.so* \
    && find . -name tests -type d -prune -exec rm -r {} + \
    && find . -name '*.cpython-*.so' -exec strip --strip-debug {} +

FROM ${PYTHON_IMAGE} AS app
WORKDIR /app
COPY models models
COPY service service
# Readable by the container's user whatever the umask of the checkout; compiled, since it cannot be later.
RUN chmod -R a+rX . && python -m compileall -q service

FROM ${PYTHON_IMAGE} AS base
LABEL org.opencontainers.image.title="mnist-gan-service" \
      org.opencontainers.image.description="Serves the generative adversarial networks of the literature on MNIST over HTTP." \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="MIT"
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 \
    PORT=8000
WORKDIR /app
# No name is needed for it, and Kubernetes' runAsNonRoot wants a number.
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
# By hand and without site: beside a busy service an HTTP client is a second of imports.
HEALTHCHECK --interval=5s --timeout=10s --start-period=30s --retries=3 \
    CMD ["python", "-IS", "-c", "import os, socket, sys; s = socket.create_connection(('127.0.0.1', int(os.environ['PORT'])), 2); s.sendall(b'GET /health/ready HTTP/1.0\\r\\n\\r\\n'); sys.exit(b' 200 ' not in s.recv(64))"]
ENTRYPOINT ["python", "-m", "service"]
CMD ["serve"]

FROM base AS cpu
ENV PROVIDER=cpu
COPY --from=packages /opt/venv /opt/venv
COPY --from=app /app/models models
COPY --from=app /app/service service

FROM ${PYTHON_IMAGE} AS packages-cuda
COPY requirements/service-cuda.lock /tmp/
RUN python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install --no-cache-dir --require-hashes -r /tmp/service-cuda.lock

FROM base AS cuda
# PROVIDER=cuda: a container that is given no GPU ends with an error instead of serving slowly.
ENV PROVIDER=cuda \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    CUDA_CACHE_PATH=/tmp/cuda
COPY --from=packages-cuda /opt/venv /opt/venv
COPY --from=app /app/models models
COPY --from=app /app/service service

FROM cpu
