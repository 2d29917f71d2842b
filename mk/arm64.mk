# The kernels of the native backend, cross-compiled for arm64 and run under qemu-user.
# Needs gcc-aarch64-linux-gnu, libc6-dev-arm64-cross and qemu-user, and nothing else: the program is static.
ARM64_CC    ?= aarch64-linux-gnu-gcc
ARM64_RUN   ?= qemu-aarch64 -cpu max
ARM64_BUILD := $(BUILD)/arm64
ARM64_SRC   := $(wildcard backends/native/kern*.c) \
               $(addprefix backends/native/,cpu.c linear.c linear_forward.c quant.c) \
               $(addprefix harness/base/,err.c pool.c text.c buf.c) tests/native/checkkern.c
ARM64_FLAGS := -std=c11 -D_GNU_SOURCE -I. -O3 -g -fno-math-errno -ffp-contract=off $(WARN) \
               -ffunction-sections -fdata-sections -idirafter /usr/include
ARM64_FLAGS_backends/native/kern_neon_dotprod := -march=armv8.2-a+dotprod
ARM64_FLAGS_backends/native/kern_neon_i8mm    := -march=armv8.2-a+dotprod+i8mm

ifeq ($(shell uname -m),aarch64)
FLAGS_backends/native/kern_neon_dotprod := $(ARM64_FLAGS_backends/native/kern_neon_dotprod)
FLAGS_backends/native/kern_neon_i8mm    := $(ARM64_FLAGS_backends/native/kern_neon_i8mm)
endif

$(ARM64_BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(say) CC-A64 $<
	$(Q)$(ARM64_CC) $(ARM64_FLAGS) $(ARM64_FLAGS_$*) -MMD -MP -c -o $@ $<

# Sections that nothing calls are dropped, and with them what they would have to link.
$(ARM64_BUILD)/checkkern: $(patsubst %.c,$(ARM64_BUILD)/%.o,$(ARM64_SRC))
	$(say) LINK $@
	$(Q)$(ARM64_CC) -static -Wl,--gc-sections -o $@ $^ -lm -lpthread

check-arm64: $(ARM64_BUILD)/checkkern
	$(Q)$(ARM64_RUN) $<
