# assay-mini: the generators of datasets/mini.  Built on demand, not installed.
#   make assay-mini      build it into $(BUILD)
#   make mini-data       write datasets/mini/data/ anew (a test compares it with the generators)
MINI_LIB := $(BUILD)/lib/datasets-mini.a

.PHONY: assay-mini mini-data
assay-mini: $(BUILD)/assay-mini
$(MINI_LIB): $(patsubst %.c,$(BUILD)/%.o,$(filter-out datasets/mini/main.c,$(call srcs,datasets/mini)))
	@mkdir -p $(@D) && rm -f $@
	$(Q)ar rcs $@ $^
$(BUILD)/assay-mini: $(BUILD)/datasets/mini/main.o $(MINI_LIB) $(call lib,harness/base)
	$(say) LINK $@
	$(Q)$(CC) $(LDFLAGS_) -o $@ $^ $(LIBS)
mini-data: $(BUILD)/assay-mini
	$(Q)$(BUILD)/assay-mini test datasets/mini/data --seed 1

$(filter $(BUILD)/tests/mini/%,$(TEST_BIN)): $(MINI_LIB) $(BUILD)/assay-mini
