# nginx from Debian, on the base that the service's image has too: nothing else is pulled.
#
#   docker build --file deploy/nginx.Dockerfile deploy

ARG PYTHON_IMAGE=python:3.11-slim

FROM ${PYTHON_IMAGE}
RUN apt-get update \
    && apt-get install --yes --no-install-recommends nginx-light \
    && rm -rf /var/lib/apt/lists/*
COPY nginx.conf /etc/nginx/nginx.conf
RUN chmod a+r /etc/nginx/nginx.conf
USER 10001:10001
EXPOSE 8000
# To nginx this means: answer what is under way, then end.
STOPSIGNAL SIGQUIT
# By hand and without site: beside a busy service an HTTP client is a second of imports.
HEALTHCHECK --interval=5s --timeout=10s --start-period=5s --retries=3 \
    CMD ["python", "-IS", "-c", "import socket, sys; s = socket.create_connection(('127.0.0.1', 8000), 2); s.sendall(b'GET /health/ready HTTP/1.0\\r\\n\\r\\n'); sys.exit(b' 200 ' not in s.recv(64))"]
CMD ["nginx", "-g", "daemon off;"]
