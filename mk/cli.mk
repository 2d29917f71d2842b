# The models of the command-line tests are written by a program of their own.
ifneq ($(filter check%,$(MAKECMDGOALS)),)
check: $(BUILD)/tests/cli/make_models
endif
