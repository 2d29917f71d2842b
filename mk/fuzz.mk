# Fuzzers: `make fuzz` runs each for FUZZ_SECONDS (clang's libFuzzer, address and undefined
# sanitizers); findings stay in build/fuzz/findings, what was learnt in build/fuzz/corpus.
FUZZ_SECONDS ?= 900
FUZZ_NAMES   := gguf json template task
FUZZ_BUILD   := build/fuzz

.PHONY: fuzz fuzz-programs
fuzz:
	$(Q)$(MAKE) CC=clang BUILD=$(FUZZ_BUILD) SANITIZE=address,undefined,fuzzer-no-link fuzz-programs
	$(Q)rm -rf $(FUZZ_BUILD)/seeds && mkdir -p $(FUZZ_BUILD)/findings
	$(Q)sh tests/fuzz/seeds.sh $(FUZZ_BUILD)/seeds && $(FUZZ_BUILD)/make_seed $(FUZZ_BUILD)/seeds/gguf
	$(Q)for f in $(FUZZ_NAMES); do mkdir -p $(FUZZ_BUILD)/corpus/$$f; \
	  $(FUZZ_BUILD)/fuzz_$$f -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 \
	    -artifact_prefix=$(FUZZ_BUILD)/findings/$$f- -print_final_stats=1 -verbosity=0 \
	    $(FUZZ_BUILD)/corpus/$$f $(FUZZ_BUILD)/seeds/$$f || exit 1; done

fuzz-programs: $(foreach f,$(FUZZ_NAMES),$(BUILD)/fuzz_$(f)) $(BUILD)/make_seed
FUZZ_LIBS := $(foreach f,tasks datasets backends/native harness/base,$(call lib,$(f)))
$(BUILD)/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(FUZZ_LIBS)
	$(say) LINK $@
	$(Q)$(CC) $(LDFLAGS_) -fsanitize=fuzzer -o $@ $< -Wl,--start-group $(FUZZ_LIBS) -Wl,--end-group $(LIBS)
$(BUILD)/make_seed: $(BUILD)/tests/fuzz/make_seed.o $(call lib,harness/base)
	$(Q)$(CC) $(LDFLAGS_) -o $@ $^ $(LIBS)
