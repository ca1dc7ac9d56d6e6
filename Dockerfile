# The sidecar. Valid for BuildKit and for the classic builder. `docker compose build` passes VERSION if the environment has it.

FROM node:22-bookworm-slim AS page
WORKDIR /src/web
# The packages are a layer of their own: it is kept until one of them changes.
COPY web/package.json web/package-lock.json ./
RUN npm ci --no-fund --no-audit --loglevel=error
COPY web/ ./
RUN npm run --silent build

FROM golang:1.26-bookworm AS build
# What opus is transcoded with.
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends gcc libc6-dev libopus-dev pkg-config \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb
WORKDIR /src
# The modules are a layer of their own: it is kept until one of them changes.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
COPY --from=page /src/web/dist/ web/dist/
ARG VERSION=dev
RUN CGO_ENABLED=1 go build -trimpath -buildvcs=false -tags opus,nolibopusfile,netgo,osusergo -ldflags "-s -w -X main.version=${VERSION}" -o /out/ ./cmd/sidecar

# The same base as the Asterisk image, so that both share its layers. The binary needs the C library and libopus, and brings
# its own time zones; bash runs the two scripts.
FROM debian:forky-slim
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends libopus0 \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
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
