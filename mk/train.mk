# The trainer of the reference model: a library for its tests and a program, neither installed.
TRAIN_LIB := $(BUILD)/lib/backends-native-train.a
TRAIN_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(filter-out %/main.c %/bpe_main.c,$(sort $(wildcard backends/native/train/*.c))))
TRAIN_USES := $(TRAIN_LIB) $(call lib,backends/native) $(call lib,harness/base)

$(TRAIN_LIB): $(TRAIN_OBJ)
	@mkdir -p $(@D) && rm -f $@
	$(Q)ar rcs $@ $^

.PHONY: assay-train
assay-train: $(BUILD)/assay-train
$(BUILD)/assay-train: $(BUILD)/backends/native/train/main.o $(TRAIN_USES)
	$(say) LINK $@
	$(Q)$(CC) $(LDFLAGS_) -o $@ $< $(TRAIN_USES) $(LIBS)

$(BUILD)/tests/train/%: $(BUILD)/tests/train/%.o $(TRAIN_USES)
	$(say) LINK $@
	$(Q)$(CC) $(LDFLAGS_) -o $@ $< $(TRAIN_USES) -lcmocka $(LIBS)
