# Asterisk 22 LTS from Debian, and the interpreter of the fallback script it runs when ivrd is down.
# Build from the repository's root: docker build -f docker/asterisk.Dockerfile -t ivrd-asterisk .
FROM debian:forky-slim AS fallback
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates python3-venv
COPY pyproject.toml requirements.lock docker/runtime_requirements.py /build/
RUN cd /build && python3 -m venv /opt/ivrd && python3 runtime_requirements.py pyproject.toml requirements.lock --only pyst2 >fallback.lock && /opt/ivrd/bin/pip install --no-cache-dir --require-hashes -r fallback.lock && /opt/ivrd/bin/pip uninstall -y pip

FROM debian:forky-slim
COPY docker/install-asterisk.sh /usr/local/sbin/install-asterisk.sh
RUN sh /usr/local/sbin/install-asterisk.sh python3
COPY --from=fallback /opt/ivrd /opt/ivrd
COPY ami_bridge /opt/ivrd/src/ami_bridge
# The same number as in the ivrd image: both write to the state volume.
RUN groupadd --gid 10001 ivrd && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin ivrd && install -d -o ivrd -g ivrd -m 0750 /var/lib/ivrd /var/lib/ivrd/secrets
USER 10001
CMD ["asterisk", "-f", "-C", "/var/lib/ivrd/asterisk/etc/asterisk.conf"]
