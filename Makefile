# The container image: `make` builds it and runs it.
PORT ?= 8080
TAG ?= signalbox
# Where the store is kept when the container is gone: a volume of this name.
STORE ?= signalbox
DOCKER ?= docker

.PHONY: default container run clean help

default: container run

container:
	$(DOCKER) build -t $(TAG) .

# The port is open to others, so the server asks for a key. Passed on by name: a key does not belong on a command line.
run:
	@test -n "$$API_KEY" || { echo 'make run: set API_KEY, for example: API_KEY=$$(openssl rand -hex 32) make' >&2; exit 1; }
	$(DOCKER) run --rm --init -e API_KEY -p $(PORT):8080 -v $(STORE):/var/lib/signalbox $(TAG)

# The image only; the store stays (docker volume rm $(STORE)).
clean:
	-$(DOCKER) rmi $(TAG)

help:
	@echo 'make            build the image and run it'
	@echo 'make container  build the image'
	@echo 'make run        run it (needs API_KEY in the environment)'
	@echo 'make clean      remove the image; the store stays'
	@echo 'Variables: PORT=$(PORT) TAG=$(TAG) STORE=$(STORE)'
