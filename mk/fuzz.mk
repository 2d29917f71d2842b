# Fuzzers: `make fuzz` runs each for FUZZ_SECONDS (clang's libFuzzer, address and undefined
# sanitizers).  Findings stay in FUZZ_BUILD/findings, what was learnt in FUZZ_BUILD/corpus; private
# files go to FUZZ_BUILD/tmp.  FUZZ_NAMES picks some of them.
FUZZ_SECONDS ?= 900
FUZZ_NAMES   ?= gguf json template task
FUZZ_BUILD   ?= build/fuzz
FUZZ_ALL     := gguf json template task

.PHONY: fuzz fuzz-programs
fuzz:
	$(Q)$(MAKE) CC=clang BUILD=$(FUZZ_BUILD) SANITIZE=address,undefined,fuzzer-no-link fuzz-programs
	$(Q)mkdir -p $(FUZZ_BUILD)/findings $(FUZZ_BUILD)/tmp
	$(Q)sh tests/fuzz/seeds.sh $(FUZZ_BUILD)/seeds && $(FUZZ_BUILD)/make_seed $(FUZZ_BUILD)/seeds/gguf
	$(Q)for f in $(FUZZ_NAMES); do mkdir -p $(FUZZ_BUILD)/corpus/$$f; \
	  dict=; [ ! -f tests/fuzz/$$f.dict ] || dict=-dict=tests/fuzz/$$f.dict; echo "== $$f"; \
	  TMPDIR=$(abspath $(FUZZ_BUILD))/tmp $(FUZZ_BUILD)/fuzz_$$f -max_total_time=$(FUZZ_SECONDS) \
	    -timeout=30 -rss_limit_mb=2048 $$dict \
	    -artifact_prefix=$(FUZZ_BUILD)/findings/$$f- -print_final_stats=1 -verbosity=0 \
	    $(FUZZ_BUILD)/corpus/$$f $(FUZZ_BUILD)/seeds/$$f || exit 1; done

fuzz-programs: $(foreach f,$(FUZZ_ALL),$(BUILD)/fuzz_$(f)) $(BUILD)/make_seed
FUZZ_LIBS := $(foreach f,tasks datasets backends/native harness/base,$(call lib,$(f)))
$(BUILD)/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(FUZZ_LIBS)
	$(say) LINK $@
	$(Q)$(CC) $(LDFLAGS_) -fsanitize=fuzzer -o $@ $< -Wl,--start-group $(FUZZ_LIBS) -Wl,--end-group $(LIBS)
# Writes seeds, and the small models of the command-line tests.
$(BUILD)/make_seed: $(BUILD)/tests/fuzz/make_seed.o $(call lib,backends/native) $(call lib,harness/base)
	$(say) LINK $@
	$(Q)$(CC) $(LDFLAGS_) -o $@ $^ $(LIBS)
