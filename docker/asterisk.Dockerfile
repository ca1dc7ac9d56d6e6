# Asterisk 22 from Debian's packages. Its configuration is not part of the image: the sidecar generates it into a volume.

FROM debian:forky-slim
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      asterisk asterisk-core-sounds-en asterisk-core-sounds-en-wav asterisk-moh-opsound-wav \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb \
# The daemon drives Asterisk 22 and refuses others: better to fail here.
 && asterisk -V | grep -q '^Asterisk 22\.' \
# The samples would end up in the volume, and some of them open ports.
 && rm -rf /etc/asterisk \
 && groupadd --gid 10001 sidecar \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/asterisk --shell /usr/sbin/nologin sidecar \
 && install -d -o sidecar -g sidecar -m 0750 /etc/asterisk \
 && chown -R sidecar:sidecar /var/lib/asterisk /var/spool/asterisk /var/log/asterisk
COPY docker/asterisk.conf /usr/local/etc/asterisk.conf
COPY docker/asterisk-start /usr/local/bin/asterisk
USER 10001:10001
WORKDIR /var/lib/asterisk
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["asterisk", "-rx", "core waitfullybooted"]
# -n: no colours in the log of the container.
CMD ["asterisk", "-f", "-n"]
