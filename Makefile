# make demo     a playing stream, from nothing
# make test     every check and test
# make release  the optimised program, target/release/weir
# make ui       the pages again, after a change below ui/

# What the demo leaves out.
FLEET := cli/s3,cli/postgres

SHELL := /bin/bash
export PATH := $(PATH):$(HOME)/.cargo/bin

.PHONY: demo test release ui

demo:
	@./scripts/setup demo
	@cargo build --locked --profile demo --package cli --no-default-features
	@exec ./target/demo/weir demo $(if $(VIDEO),--video "$(VIDEO)") $(DEMO_FLAGS)

test:
	@./scripts/setup test
	cd player-test/players && npm install --no-save --ignore-scripts --no-audit --no-fund
	cargo fmt --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo clippy --locked --workspace --all-targets --features $(FLEET) -- -D warnings
	cargo test --locked --workspace --features $(FLEET)
	WEIR_TEST_DATABASE=postgres cargo test --locked --workspace --features $(FLEET) --test spec

release:
	@./scripts/setup build
	cargo build --locked --release --package cli

ui:
	@./scripts/setup ui
	cd ui && npm install --no-save --ignore-scripts --no-audit --no-fund && npm run build && npm test
