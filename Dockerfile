# syntax=docker/dockerfile:1
# One image with all binaries; compose.yaml says which one a container runs.

FROM rust:1-bookworm AS build
WORKDIR /src
COPY . .
# The caches are not part of the image, so the binaries are copied out of them.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bins \
    && mkdir /out \
    && find target/release -maxdepth 1 -type f -executable -exec cp {} /out/ \; \
    && strip --strip-debug /out/*

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --create-home --home-dir /var/lib/comms comms
COPY --from=build /out/ /usr/local/bin/
COPY <<'HEALTHY' /usr/local/bin/healthy
#!/bin/bash
# healthy PORT: whether /readyz answers 200. There is no curl in this image.
exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
printf 'GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3
read -rt 3 _ status _ <&3
[ "$status" = 200 ]
HEALTHY
RUN chmod 755 /usr/local/bin/healthy
USER comms
WORKDIR /var/lib/comms
ENV TERM=xterm-256color
CMD ["comms-tui"]
