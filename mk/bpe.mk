# assay-bpe: trains the tokenizer of the reference model.  Built on demand, not installed.
BPE_LIB := $(BUILD)/lib/bpe-train.a

.PHONY: assay-bpe
assay-bpe: $(BUILD)/assay-bpe
$(BPE_LIB): $(addprefix $(BUILD)/backends/native/train/,bpe_train.o gguf_write.o)
	@mkdir -p $(@D) && rm -f $@
	$(Q)ar rcs $@ $^
$(BUILD)/assay-bpe: $(BUILD)/backends/native/train/bpe_main.o $(BPE_LIB) $(call lib,backends/native) $(call lib,harness/base)
	$(say) LINK $@
	$(Q)$(CC) $(LDFLAGS_) -o $@ $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LIBS)

$(addprefix $(BUILD)/tests/native/,test_bpe test_bpe_train): $(BPE_LIB)
check: $(BUILD)/assay-bpe
