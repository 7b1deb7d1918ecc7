# The whole of Weir in one image: docker build -t weir .
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --locked --release --package cli

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ffmpeg \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --no-create-home weir \
    && install -d -o weir /data /join /work
COPY --from=build /src/target/release/weir /usr/local/bin/weir
USER weir
VOLUME ["/data", "/join", "/work"]
ENTRYPOINT ["weir"]
CMD ["--help"]
