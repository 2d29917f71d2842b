# Comparisons with other people's programs and data; tests/interop/lib.sh says what each downloads, and the
# variables that name what is there already.
#   make interop                        all of them, a line each; 1 when a promised bound is missed
#   make interop INTEROP_PARTS=coverage   some: coverage templates identity driving llama_ref
.PHONY: interop
interop: all assay-train $(BUILD)/tests/tasks/render_jsonl $(BUILD)/tests/native/test_ref $(BUILD)/tests/native/test_vocab
	$(Q)tests/interop/run.sh $(BUILD) $(INTEROP_PARTS)
