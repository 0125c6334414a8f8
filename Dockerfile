# One release's server: the serving group alone, and one sealed bundle. docs/container.md says how to build and run it.
# A tag can move; with the network at hand, pin its digest: --build-arg BASE=python:3.11.13-slim-bookworm@sha256:...
ARG BASE=python:3.11.13-slim-bookworm

FROM ${BASE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements-serving.lock /build/
RUN python -m venv --without-pip /opt/slipway
RUN pip --python /opt/slipway/bin/python install --no-deps --require-hashes --only-binary :all: --compile \
    -r /build/requirements-serving.lock
# The wheel of the release, from `slipway build-package`: built once, and these very bytes run.
COPY dist/*.whl /build/
RUN pip --python /opt/slipway/bin/python install --no-deps --no-index --compile /build/*.whl

FROM ${BASE}
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="slipway serve" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"
# onnxruntime reports to its maker from 1.32 on, unless it is told not to before it is loaded.
ENV PATH=/opt/slipway/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 ORT_DISABLE_TELEMETRY=1
COPY --from=build /opt/slipway /opt/slipway
ARG BUNDLE
COPY ${BUNDLE} /srv/slipway/bundle
# A number, because Kubernetes cannot tell that a name is not root's. What it cannot read fails here, not at the start.
USER 65532:65532
RUN slipway verify /srv/slipway/bundle
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 CMD ["python", "-c", \
    "from http.client import HTTPConnection as C; c = C('127.0.0.1', 8080, timeout=2); c.request('GET', '/health'); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["slipway"]
CMD ["serve", "--bundle", "/srv/slipway/bundle", "--host", "0.0.0.0", "--port", "8080", "--workers", "2"]
