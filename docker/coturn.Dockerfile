# coturn, for browsers whose network lets nothing but a relay through.

FROM debian:forky-slim
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends coturn \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb \
 && groupadd --gid 10001 sidecar \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin sidecar \
# The package lets the program open low ports. That is not needed, and a program with capabilities of its own does not start
# where new privileges are forbidden.
 && { setcap -r /usr/bin/turnserver 2>/dev/null || true; } \
 && install -d -o sidecar -g sidecar -m 0700 /var/lib/coturn
COPY docker/coturn.conf /usr/local/etc/coturn.conf
COPY docker/coturn-entrypoint /usr/local/bin/
USER 10001:10001
WORKDIR /var/lib/coturn
ENTRYPOINT ["coturn-entrypoint"]
