# make help   shows what can be made. Everything is set up by the targets themselves.
SHELL := /bin/bash
.DEFAULT_GOAL := help

# The first Python that is new enough, unless one is named: make PYTHON=/opt/python3.13 course
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; exit; }; done; echo python3)
NAMED := $(if $(filter file undefined default,$(origin PYTHON)),,OAMKIT_SETUP_PYTHON=1)
# kind | sandbox | kubeconfig; empty: kind where Docker runs, the sandbox elsewhere
PROVIDER ?=
LESSONS ?=
NAME ?=
ARGS ?=
BIN := .venv/bin

# The same in Chinese, for make help:
#zh help: 显示可以做什么
#zh course: 在本机从头到尾运行整个课程 [PROVIDER=sandbox|kind LESSONS="03 06"]
#zh book: 运行整个课程，并写成一本 HTML 书：build/book/index.html
#zh lab: 在 JupyterLab 中打开课程
#zh test: 运行全部测试
#zh test-fast: 运行不需要集群、也不需要编译好的程序的测试
#zh test-kind: 只运行真实容器上的测试，使用这里正在运行的 Docker 引擎
#zh test-browser: 在真实浏览器中测试课程和小部件；截图在 build/browser
#zh lint: 检查风格、类型、分层和 shell 脚本
#zh format: 把代码整理成项目的格式
#zh binaries: 构建包含 Kubernetes、kubectl、helm、kind 和 cue 的 wheel（有缓存），并放到 binaries/dist
#zh bench: 测量：make bench NAME=sandbox（runtime）[ARGS="--idle 600"]
#zh messages: 更新消息目录：oamkit/locale/zh/messages.po
#zh translations: 更新中文 notebook：notebooks/translations/zh/
#zh lock: 由 pyproject.toml 写出 requirements/*.lock [UPGRADE=1：全部用最新版本]
#zh clean: 删除在这里生成的内容；沙箱会停止，它的对象和缓存保留（oamkit sandbox reset）

.PHONY: help setup setup-dev named course book lab test test-fast test-kind test-browser lint format lock binaries bench messages translations clean

help:  ## Show what can be made
	@case "$${OAMKIT_LANG:-$${LC_ALL:-$${LC_MESSAGES:-$$LANG}}}" in \
		zh*) sed -n 's/^#zh \([a-z-]*\): /\1\t/p' $(MAKEFILE_LIST);; \
		*) sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST);; \
	esac | awk -F '\t' '{printf "  make %-12s %s\n", $$1, $$2}'

setup:
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or later is missing. Debian, Ubuntu: apt install python3 python3-venv"; exit 1; }
	@$(NAMED) $(PYTHON) scripts/bootstrap.py course

setup-dev:
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or later is missing. Debian, Ubuntu: apt install python3 python3-venv"; exit 1; }
	@$(NAMED) $(PYTHON) scripts/bootstrap.py dev

course: setup  ## Run the whole course on this machine, end to end [PROVIDER=sandbox|kind LESSONS="03 06"]
	@$(BIN)/oamkit course $(if $(PROVIDER),--provider $(PROVIDER)) $(LESSONS)

book: course  ## Run the whole course, and write it as a book in HTML: build/book/index.html
	@$(BIN)/oamkit book

lab: setup  ## Open the course in JupyterLab
	@$(BIN)/oamkit lab

test: setup-dev lint  ## Run all tests
	@$(BIN)/python -m pytest --durations=15

test-fast: setup-dev  ## Run the tests that need no cluster and no built programs
	@$(BIN)/python -m pytest -m "not kind and not sandbox and not e2e and not notebooks and not binaries and not browser"

test-kind: setup-dev  ## Run the tests on real containers alone, with the Docker engine that runs here
	@$(BIN)/python -m pytest tests/kind --durations=15

test-browser: setup-dev  ## Run the tests of lessons and widgets in a real browser; screenshots are left in build/browser
	@$(BIN)/python -m pytest tests/browser --durations=15

lint: setup-dev  ## Check style, types, layers and shell scripts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet . || { echo "Run: make format"; exit 1; }
	@$(BIN)/mypy
	@cd binaries && MYPYPATH=. ../$(BIN)/mypy --strict --config-file= build_wheel.py hatch_build.py tools/write_go_mod.py gobuild src/oamkit_binaries
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/shellcheck scripts/*.sh .ci/run

format: setup-dev  ## Bring the code into the project's form
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format --quiet .

binaries: setup  ## Build the wheel with Kubernetes, kubectl, helm, kind and cue (cached), and put it into binaries/dist
	@$(BIN)/python binaries/build_wheel.py --dist

bench: named setup-dev  ## Measure: make bench NAME=sandbox (runtime) [ARGS="--idle 600"]
	@$(BIN)/python -m benchmarks.$(NAME) $(ARGS)

named:
	@test -n "$(NAME)" || { echo "Which one? make bench NAME=$$(ls benchmarks/*.py | xargs -n1 basename | sed 's/.py$$//' | grep -v '^_' | paste -sd'|')"; exit 2; }

messages: setup-dev  ## Bring the catalogue of messages up to date: oamkit/locale/zh/messages.po
	@$(BIN)/python scripts/translate_messages.py

translations: setup-dev  ## Bring the Chinese notebooks up to date: notebooks/translations/zh/
	@$(BIN)/python scripts/translate_notebooks.py

lock: setup-dev  ## Write requirements/*.lock from pyproject.toml [UPGRADE=1: newest versions of all]
	@$(BIN)/python scripts/lock.py $(if $(UPGRADE),--upgrade)

clean:  ## Remove what was built here; the sandbox is stopped, its objects and the caches stay (oamkit sandbox reset)
	@[ ! -x $(BIN)/oamkit ] || $(BIN)/oamkit sandbox down
	@rm -rf build dist binaries/build binaries/dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .venv
