# Speed, measured: kernels, scoring on real data, rows, start-up.  Each line says what it measures.
BENCH_BIN := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/bench/bench_*.c tests/bench/timeit.c))

bench: all $(BUILD)/tests/native/checkkern $(BUILD)/tests/reports/make_store $(BENCH_BIN)
	@echo '== kernels'
	$(Q)$(BUILD)/tests/native/checkkern --bench
	@echo '== rows: a million of them'
	$(Q)$(BUILD)/tests/bench/bench_rows
	@echo '== start: wall seconds, CPU seconds, peak MiB'
	$(Q)$(BUILD)/tests/bench/timeit 21 'assay --help' $(BUILD)/assay --help
	@echo '== bootstrap: 100,000 replicates of 14,042 items'
	$(Q)$(BUILD)/tests/bench/bench_bootstrap
	@echo '== index: 13,879 task files below $(or $(LM_EVAL_DIR),a made tree)'
	$(Q)$(BUILD)/tests/bench/bench_index $(LM_EVAL_DIR)
	@echo '== harness: mock backend, minimal pairs rendered, asked, stored, graded'
	$(Q)tests/bench/harness.sh $(BUILD)
	@echo '== reports: ten million scores of 20 variants'
	$(Q)tests/bench/reports.sh $(BUILD)
	@echo '== scoring: tokens a second and core, one thread'
	$(Q)if [ -d ../shared/datasets/blimp ]; then $(BUILD)/tests/bench/bench_score 1 fp32; \
	  else echo 'skipped: ../shared is not there'; fi
