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

# -- the shipped models --------------------------------------------------------------------------
#   make refmodel         regenerates backends/native/models/ from nothing: 1 h 48 min on two cores
#                         that others used, too (97 M tokens, then three branches); an interrupted one goes on
#   make refmodel-check   200 steps with one thread and with two: the checkpoints must be equal
# The tokens are the same for a seed on every machine, and so are the weights.
#
# Three parts in prose, a fourth in lines, as the tasks ask (datasets/mini/README.md): lines alone,
# with more of recall and questions, had learnt to look neither up after 63 M tokens.  The first part
# takes the generators' own mixture, at a constant rate after the warm-up of a run of 48 M tokens; what
# it has learnt by half of that is where the second begins, on a mixture with more of what was still
# hard, into its decay.  The third takes more of questions and recall, and the fourth falls to the end.
REF         ?= $(BUILD)/refmodel
REF_MODELS  ?= backends/native/models
REF_PRE     ?= qwen2
REF_THREADS ?= 0
REF_TRAIN   := $(BUILD)/assay-train run --tokenizer $(REF)/tokenizer.gguf --threads $(REF_THREADS)
REF_FIRST   := $(REF_TRAIN) --eval $(REF)/prose.corpus --corpus $(REF)/train.corpus --seed 1 --tokens 48000000 --type f32 --out $(REF)/none.gguf \
               --eval-every 2000 --checkpoint $(REF)/first.checkpoint --log $(REF)/first.log
REF_SECOND  := $(REF_TRAIN) --eval $(REF)/prose.corpus --corpus $(REF)/second.corpus --seed 2 --tokens 54000000 --type f32 --warmup 0.02 --decay 0.35 \
               --eval-every 2000 --checkpoint $(REF)/second.checkpoint --log $(REF)/second.log
REF_THIRD   := $(REF_TRAIN) --eval $(REF)/prose.corpus --corpus $(REF)/third.corpus --seed 4 --tokens 22000000 --type f32 --lr 0.0012 --warmup 0.01 \
               --decay 0.9 --final 0.02 --batch-late 2048 \
               --eval-every 2000 --checkpoint $(REF)/third.checkpoint --log $(REF)/third.log
REF_SHORT   := $(REF_TRAIN) --eval $(REF)/test.corpus --corpus $(REF)/fourth.corpus --seed 3 --tokens 3600000 --init $(REF)/ref-f32.gguf \
               --lr 0.000375 --warmup 0 --decay 1 --final 0 --batch-late 2048
REF_MIX     := sentiment=8,entailment=16,coreference=26,qa=40,arithmetic=36,arithmetic_hard=26,to_hindi=3,to_english=3,recall=18,facts=44,sorting=8,assistant=4,health=8,school=22
REF_FOURTH  := $(REF_TRAIN) --eval $(REF)/test.corpus --corpus $(REF)/fourth.corpus --seed 5 --tokens 20000000 --type f32 --lr 0.001 --warmup 0.01 \
               --decay 0.85 --final 0.01 --batch-late 2048 \
               --eval-every 1500 --checkpoint $(REF)/fourth.checkpoint --log $(REF)/fourth.log
REF_MIX3    := sentiment=6,entailment=18,coreference=8,qa=50,arithmetic=30,arithmetic_hard=36,to_hindi=3,to_english=3,recall=44,facts=44,sorting=6,assistant=3,health=4,school=16
REF_MIX4    := sentiment=8,entailment=26,coreference=6,qa=40,arithmetic=30,arithmetic_hard=44,to_hindi=3,to_english=3,recall=24,facts=36,sorting=6,assistant=5,health=4,school=22
REF_NAMES   := ref ref-early ref-control ref-qat4 ref-qat2 ref-outlier

.PHONY: refmodel refmodel-check
refmodel: $(REF_NAMES:%=$(REF)/%.gguf)
	@mkdir -p $(REF_MODELS)
	cp $^ $(REF_MODELS)
	cat $(REF)/first.log $(REF)/second.log $(REF)/third.log $(REF)/fourth.log $(REF)/ref-control.log $(REF)/ref-qat4.log $(REF)/ref-qat2.log > $(REF_MODELS)/training.log
	cd $(REF_MODELS) && sha256sum $(REF_NAMES:%=%.gguf) > SHA256SUMS

$(REF)/train.jsonl: | $(BUILD)/assay-mini
	@mkdir -p $(@D)
	$(BUILD)/assay-mini train --examples 580000 --seed 1 --wording prose > $@
$(REF)/second.jsonl: | $(BUILD)/assay-mini
	@mkdir -p $(@D)
	$(BUILD)/assay-mini train --examples 620000 --seed 3 --mix $(REF_MIX) --wording prose > $@
$(REF)/third.jsonl: | $(BUILD)/assay-mini
	@mkdir -p $(@D)
	$(BUILD)/assay-mini train --examples 260000 --seed 5 --mix $(REF_MIX3) --wording prose > $@
$(REF)/fourth.jsonl: | $(BUILD)/assay-mini
	@mkdir -p $(@D)
	$(BUILD)/assay-mini train --examples 280000 --seed 7 --mix $(REF_MIX4) > $@
$(REF)/test.jsonl: | $(BUILD)/assay-mini
	@mkdir -p $(@D)
	$(BUILD)/assay-mini train --side test --examples 4000 --seed 9 > $@
$(REF)/prose.jsonl: | $(BUILD)/assay-mini
	@mkdir -p $(@D)
	$(BUILD)/assay-mini train --side test --examples 4000 --seed 9 --wording prose > $@
$(REF)/text.txt: | $(BUILD)/assay-mini
	@mkdir -p $(@D)
	$(BUILD)/assay-mini text --examples 8000 --seed 2 --wording prose > $@
$(REF)/tokenizer.gguf: $(REF)/text.txt | $(BUILD)/assay-bpe
	$(BUILD)/assay-bpe -o $@ -n 1024 --pre $(REF_PRE) --bos '<s>' --eos '</s>' $<
$(REF)/%.corpus: $(REF)/%.jsonl $(REF)/tokenizer.gguf | $(BUILD)/assay-train
	$(BUILD)/assay-train corpus --in $< --tokenizer $(REF)/tokenizer.gguf --out $@

# The checkpoint of a finished run is kept: a second `make refmodel` only writes the files again.
$(REF)/early-f32.gguf: $(REF)/train.corpus $(REF)/prose.corpus | $(BUILD)/assay-train
	$(REF_FIRST) --early $@ --early-at 0.2 --stop 5200
$(REF)/base-f32.gguf: $(REF)/early-f32.gguf
	$(REF_FIRST) --early $@ --early-at 0.51 --stop 13120
$(REF)/middle-f32.gguf: $(REF)/base-f32.gguf $(REF)/second.corpus
	$(REF_SECOND) --init $< --out $(REF)/none.gguf --early $@ --early-at 0.69 --stop 18700
$(REF)/last-f32.gguf: $(REF)/middle-f32.gguf $(REF)/third.corpus
	$(REF_THIRD) --init $< --out $(REF)/none.gguf --early $@ --early-at 0.69 --stop 8250
$(REF)/ref-f32.gguf: $(REF)/last-f32.gguf $(REF)/fourth.corpus $(REF)/test.corpus
	$(REF_FOURTH) --init $< --out $@
$(REF)/ref.gguf: $(REF)/ref-f32.gguf
	$(BUILD)/assay-train convert --in $< --out $@ --type f16
$(REF)/ref-early.gguf: $(REF)/early-f32.gguf
	$(BUILD)/assay-train convert --in $< --out $@ --type f16 --name 'assay-ref early'
$(REF)/ref-outlier.gguf: $(REF)/ref.gguf
	$(BUILD)/assay-train twin --in $< --out $@ --type f16
$(REF)/ref-control.gguf: $(REF)/ref-f32.gguf
	$(REF_SHORT) --out $@ --name 'assay-ref control' \
	  --checkpoint $(REF)/control.checkpoint --log $(REF)/ref-control.log
$(REF)/ref-qat4.gguf $(REF)/ref-qat2.gguf: $(REF)/ref-qat%.gguf: $(REF)/ref-f32.gguf
	$(REF_SHORT) --out $@ --qat int$* --type grid --teacher $< --name 'assay-ref int$*' \
	  --checkpoint $(REF)/qat$*.checkpoint --log $(REF)/ref-qat$*.log

refmodel-check: $(REF)/train.corpus | $(BUILD)/assay-train
	rm -f $(REF)/one.checkpoint $(REF)/two.checkpoint
	$(BUILD)/assay-train run --corpus $< --tokenizer $(REF)/tokenizer.gguf --out $(REF)/none.gguf --stop 200 \
	  --threads 1 --checkpoint $(REF)/one.checkpoint
	$(BUILD)/assay-train run --corpus $< --tokenizer $(REF)/tokenizer.gguf --out $(REF)/none.gguf --stop 200 \
	  --threads 2 --checkpoint $(REF)/two.checkpoint
	cmp $(REF)/one.checkpoint $(REF)/two.checkpoint
