# Monte Carlo: type I errors, coverages, and the nightly detector's rates.  A few minutes of one core.
CALIBRATE_N ?= 2000
.PHONY: calibrate
calibrate: $(BUILD)/tests/stats/calibrate
	$(Q)$< $(CALIBRATE_N)
