# The sidecar. Valid for BuildKit and for the classic builder. `docker compose build` passes VERSION if the environment has it.

FROM golang:1.26-bookworm AS build
WORKDIR /src
# The modules are a layer of their own: it is kept until one of them changes.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=${VERSION}" -o /out/ ./cmd/sidecar

# The same base as the Asterisk image, so that both share its layers. The binary is static and brings its own time zones;
# bash runs the two scripts.
FROM debian:forky-slim
# The uid is fixed, and the same in every image here: the services share files of mode 0600.
RUN groupadd --gid 10001 sidecar \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/sidecar --shell /usr/sbin/nologin sidecar \
 && install -d -o sidecar -g sidecar -m 0700 /var/lib/sidecar \
 && install -d -o sidecar -g sidecar -m 0750 /etc/asterisk
COPY docker/sidecar-entrypoint docker/sidecar-health /usr/local/bin/
COPY --from=build /out/sidecar /usr/local/bin/
ENV SIDECAR_DATA_DIR=/var/lib/sidecar
USER 10001:10001
WORKDIR /var/lib/sidecar
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["sidecar-health"]
ENTRYPOINT ["sidecar-entrypoint"]
CMD ["serve"]
