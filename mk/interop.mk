# Comparisons with other people's programs and data, as far as they are at hand.
#   make interop         lm-evaluation-harness's task tree: LM_EVAL_DIR=.../lm_eval/tasks, or from PyPI
.PHONY: interop
interop: $(BUILD)/assay
	$(Q)tests/interop/coverage.sh $<
