# The daemon and its command line.
# Build from the repository's root: docker build -f docker/ivrd.Dockerfile -t ivrd .
FROM debian:bookworm-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates python3-venv
COPY pyproject.toml requirements.lock docker/runtime_requirements.py /build/
# What runs, and nothing that only tests; setuptools installs the project itself.
RUN cd /build && python3 runtime_requirements.py pyproject.toml requirements.lock postgresql >runtime.lock && python3 runtime_requirements.py pyproject.toml requirements.lock --only setuptools >build.lock
RUN python3 -m venv /opt/ivrd && /opt/ivrd/bin/pip install --no-cache-dir --require-hashes -r /build/runtime.lock -r /build/build.lock
COPY pyproject.toml README.md /opt/ivrd/src/
COPY ivr /opt/ivrd/src/ivr
COPY callflows /opt/ivrd/src/callflows
COPY ami_bridge /opt/ivrd/src/ami_bridge
COPY callbacks /opt/ivrd/src/callbacks
COPY config /opt/ivrd/src/config
RUN /opt/ivrd/bin/pip install --no-deps --no-build-isolation -e /opt/ivrd/src && /opt/ivrd/bin/pip uninstall -y pip

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates python3 tzdata && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/ivrd /opt/ivrd
RUN groupadd --gid 10001 ivrd && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin ivrd && install -d -o ivrd -g ivrd -m 0750 /var/lib/ivrd /var/lib/ivrd/secrets
ENV PATH=/opt/ivrd/bin:/usr/local/bin:/usr/bin:/bin
ENV STATE=/var/lib/ivrd
USER 10001
CMD ["ivrd", "run"]
