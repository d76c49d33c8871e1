# moue: `make` alone lists what there is to make.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CARGO ?= cargo
TARGET_DIR := $(if $(CARGO_TARGET_DIR),$(CARGO_TARGET_DIR),target)
MOUE := $(TARGET_DIR)/release/moue

.PHONY: help demo demo-diffusion build cuda test check bench closed-loop steadiness whole-picture memory setup clean

help: ## List the targets
	@echo 'make TARGET, where TARGET is one of:'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 15

demo: build ## Animate the example portrait: out/demo.mp4 and the contact sheet out/demo.png
	@mkdir -p out
	$(MOUE) animate examples/portraits/astronaut.png examples/tracks/emotions.csv \
	  --framing head --size 512x512 -o out/demo.mp4 -o out/demo.png --overwrite
	@scripts/after-demo.sh $(MOUE)

demo-diffusion: build ## Paint drawn faces with the toy checkpoint: out/toyface-diffusion.mp4 (no real model; a minute on a CPU)
	@mkdir -p out
	$(MOUE) animate examples/portraits/toyface.png examples/tracks/toyface.csv --renderer diffusion \
	  --models examples/models/toyfaces -o out/toyface-diffusion.mp4 -o out/toyface-diffusion.png --overwrite

build: ## Build the optimised program (installs system packages that are missing)
	@scripts/setup.sh build
	$(CARGO) build --release --locked -p moue-cli
	@echo "built $(MOUE)"

cuda: ## Build the program for NVIDIA GPUs: target/cuda/release/moue (fetches a CUDA compiler if there is none)
	@scripts/setup.sh build
	@CARGO="$(CARGO)" scripts/cuda.sh

test: ## Run every test (installs system packages that are missing)
	@scripts/setup.sh test
	$(CARGO) test --workspace --locked

check: ## What CI checks before the tests: formatting and lints, warnings are errors
	@scripts/setup.sh test
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

bench: ## Frames per second of the renderer, the encoder and both together
	@scripts/setup.sh test
	scripts/bench.sh

closed-loop: ## How well rendered expressions are read back by the tracker, shape by shape
	@scripts/setup.sh test
	$(CARGO) test --release --locked -p moue-animation --test closed_loop -- --nocapture --test-threads 1

whole-picture: ## Seams of pasted faces, and what mesh+diffusion loses and saves, on the toy checkpoint
	@scripts/setup.sh test
	$(CARGO) run --release --locked -p moue-animation --example compose -- 8 out/whole-picture
	$(CARGO) run --release --locked -p moue-animation --example mixed -- 8 100 out/whole-picture

steadiness: ## How steady painted frames are, with every part of the temporal conditioning on and off
	@scripts/setup.sh test
	$(CARGO) run --release --locked -p moue-animation --example steadiness

memory: ## Peak memory for a track of 10 seconds and one of 10 minutes
	@scripts/setup.sh test
	scripts/memory.sh

setup: ## Only install the system packages that are missing
	@scripts/setup.sh test

clean: ## Remove what was built and rendered
	$(CARGO) clean
	rm -rf out
