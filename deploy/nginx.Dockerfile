# nginx from Debian, on the base that the service's image has too: nothing else is pulled.
#
#   docker build --file deploy/nginx.Dockerfile deploy

FROM python:3.11-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends nginx-light \
    && rm -rf /var/lib/apt/lists/*
COPY nginx.conf /etc/nginx/nginx.conf
RUN chmod a+r /etc/nginx/nginx.conf
USER 10001:10001
EXPOSE 8000
# To nginx this means: answer what is under way, then end.
STOPSIGNAL SIGQUIT
HEALTHCHECK --interval=5s --timeout=3s --start-period=5s --retries=3 \
    CMD ["python", "-c", "import http.client, sys; c = http.client.HTTPConnection('127.0.0.1', 8000, timeout=2); c.request('GET', '/health/ready'); sys.exit(c.getresponse().status != 200)"]
CMD ["nginx", "-g", "daemon off;"]
