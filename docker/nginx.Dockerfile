# nginx in front of the sidecar, with the site that the sidecar generates.

FROM debian:forky-slim
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends nginx-light openssl \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb \
 && groupadd --gid 10001 sidecar \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin sidecar \
 && install -d -m 0700 /tls
COPY docker/nginx.conf /etc/nginx/nginx.conf
COPY docker/nginx-entrypoint /usr/local/bin/
# The master process opens port 443 as root; the workers are uid 10001.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 CMD ["test", "-s", "/run/nginx.pid"]
ENTRYPOINT ["nginx-entrypoint"]
CMD ["nginx", "-g", "daemon off;"]
