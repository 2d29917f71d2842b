# assay - one non-recursive Makefile.
#
#   make                 build ./assay and the backend plugins
#   make demo            build, and show what precision costs on the shipped models: report.html
#   make check           build and run every test      make check-asan | check-tsan | check-valgrind
#   make bench           measure speed and memory      make check-arm64 (cross build, qemu-user)
#   make fuzz            run the fuzzers               make deps  (install what building needs)
#   make install         PREFIX=/usr/local DESTDIR=    make fmt, make floors, make headers, make clean
#
# Variables: CC, V=1 (show commands), SANITIZE=address,undefined, CONFIG (name of the build folder),
# WERROR= (warnings do not stop the build), CFLAGS and LDFLAGS (added).  Rarer targets are in mk/.

CC       ?= gcc
ifeq ($(origin CC),default)
CC       := gcc
endif
PREFIX   ?= /usr/local
CONFIG   ?= $(if $(SANITIZE),$(subst $(comma),-,$(SANITIZE)),release)$(if $(findstring clang,$(CC)),-clang)
comma    := ,
BUILD    ?= build/$(CONFIG)
OPT      ?= -O2

ifeq ($(V),1)
Q :=
say = @:
else ifneq ($(findstring s,$(firstword -$(MAKEFLAGS))),)
Q := @
say = @:
else
Q := @
say = @printf '  %-8s%s\n'
endif

# -- libraries: pkg-config name and the Debian package it comes from ---------------------------------
PKGS         := sqlite3 yaml-0.1 libpcre2-8 libutf8proc libcrypto hwloc zlib libzstd libcurl
deb_sqlite3  := libsqlite3-dev
deb_yaml-0.1 := libyaml-dev
deb_libpcre2-8  := libpcre2-dev
deb_libutf8proc := libutf8proc-dev
deb_libcrypto   := libssl-dev
deb_hwloc    := libhwloc-dev
deb_zlib     := zlib1g-dev
deb_libzstd  := libzstd-dev
deb_libcurl  := libcurl4-openssl-dev

# `make demo` and `make check` install what is missing by themselves; other goals say what to install.
lacking = $(if $(shell command -v $(firstword $(CC))),,$(firstword $(CC))) $(if $(shell command -v pkg-config),,pkg-config) \
          $(foreach p,$(PKGS) $(1),$(if $(shell pkg-config --exists $(p) 2>/dev/null && echo y),,$(p)))
ifneq ($(filter check demo,$(MAKECMDGOALS)),)
LACKING := $(strip $(call lacking,$(if $(filter check,$(MAKECMDGOALS)),cmocka)))
ifneq ($(LACKING),)
$(info installing what is missing: $(LACKING))
$(shell MAKEFLAGS='$(if $(findstring n,$(firstword -$(MAKEFLAGS))),n)' $(MAKE) deps $(if $(filter check,$(MAKECMDGOALS)),deps-test) >&2)
endif
endif

NO_LIBS := clean deps deps-test fmt floors uninstall
ifneq ($(filter-out $(NO_LIBS),$(or $(MAKECMDGOALS),all)),)
ifeq ($(shell command -v pkg-config),)
$(error pkg-config is missing; install it with `make deps`, or: apt install pkg-config)
endif
MISSING := $(foreach p,$(PKGS),$(if $(shell pkg-config --exists $(p) && echo y),,$(deb_$(p))))
ifneq ($(strip $(MISSING)),)
$(error missing libraries; run `make deps`, or install the Debian packages: $(strip $(MISSING)))
endif
ifneq ($(filter check% test-programs bench,$(MAKECMDGOALS)),)
ifneq ($(shell pkg-config --exists cmocka && echo y),y)
$(error the tests need cmocka; run `make deps-test`, or install the Debian package: libcmocka-dev)
endif
endif
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS))
# libcurl is loaded when something is fetched (datasets/http.c): it would triple the time to start.
PKG_LIBS   := $(shell pkg-config --libs $(filter-out libcurl,$(PKGS)))
endif

# -- flags ------------------------------------------------------------------------------------------
WERROR   ?= -Werror
WARN     := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
            -Wpointer-arith -Wwrite-strings -Wvla $(WERROR)
CFLAGS_  := -std=c11 -D_GNU_SOURCE -I. -I$(BUILD)/gen $(OPT) -g -fPIC -fvisibility=hidden \
            -fno-math-errno -ffp-contract=off $(WARN) $(PKG_CFLAGS) $(CFLAGS) \
            $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=all)
LDFLAGS_ := -Wl,--as-needed $(LDFLAGS) $(if $(SANITIZE),-fsanitize=$(SANITIZE))
LIBS     := $(PKG_LIBS) -ldl -lm -lpthread

# One kernel file per instruction set, each with its own flags (backends/native/).
ifeq ($(firstword $(subst -, ,$(shell $(CC) -dumpmachine))),x86_64)
FLAGS_backends/native/attend_avx2   := -mavx2 -mfma -mf16c
FLAGS_backends/native/attend_avx512 := -mavx512f -mavx512bw -mavx512vl -mavx512dq -mfma -mf16c
FLAGS_backends/native/kern_avx2   := -mavx2 -mfma -mf16c
FLAGS_backends/native/kern_avx512 := -mavx512f -mavx512bw -mavx512vl -mavx512dq -mfma -mf16c
FLAGS_backends/native/kern_vnni   := $(FLAGS_backends/native/kern_avx512) -mavx512vnni
FLAGS_backends/native/kern_amx    := $(FLAGS_backends/native/kern_avx512) -mamx-tile -mamx-int8
endif
FLAGS_backends/native/ := -O3
FLAGS_harness/base/rng := -O3
FLAGS_harness/run/paths  = -DASSAY_PREFIX='"$(PREFIX)"'
FLAGS_harness/run/plugin = $(FLAGS_harness/run/paths)

# -- floors: each is a folder and a static library, in link order (top first) -----------------------
FLOORS   := harness/cli harness/run reports tasks datasets harness/store harness/machine \
            harness/stats backends/native harness/base
srcs      = $(sort $(wildcard $(1)/*.c))
objs      = $(patsubst %.c,$(BUILD)/%.o,$(filter-out harness/cli/main.c,$(call srcs,$(1))))
lib       = $(BUILD)/lib/$(subst /,-,$(1)).a
ALL_LIBS := $(foreach f,$(FLOORS),$(if $(call srcs,$(f)),$(call lib,$(f))))
PLUGINS  := $(foreach d,$(filter-out native,$(notdir $(patsubst %/,%,$(wildcard backends/*/)))),\
              $(if $(call srcs,backends/$(d)),$(BUILD)/backends/$(d).so))

.PHONY: all check check-asan check-tsan check-valgrind check-arm64 bench fuzz install \
        uninstall deps deps-test fmt floors headers clean test-programs
.DELETE_ON_ERROR:
.SECONDARY:
all: $(BUILD)/assay $(PLUGINS) assay

assay: $(BUILD)/assay
	$(Q)$(if $(filter build/release,$(BUILD)),ln -sf $(BUILD)/assay assay,:)

# The stamp changes when compiler or flags change, and everything depends on it.
$(BUILD)/flags: FORCE
	@mkdir -p $(BUILD)
	@printf '%s\n' '$(CC) $(CFLAGS_) $(LDFLAGS_)' | cmp -s - $@ || printf '%s\n' '$(CC) $(CFLAGS_) $(LDFLAGS_)' > $@
FORCE:

flags_for = $(if $(filter backends/native/%,$(1)),$(FLAGS_backends/native/)) $(FLAGS_$(1))
$(BUILD)/%.o: %.c $(BUILD)/flags | $(BUILD)/gen/.done
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(CFLAGS_) $(call flags_for,$*) -MMD -MP -c -o $@ $<

# Text that is compiled in (SQL, CSS, script) becomes a byte array: name_ext[] and name_ext_len.
EMBED := $(wildcard harness/store/*.sql harness/run/*.py reports/*.css reports/*.js)
embed_name = $(subst .,_,$(notdir $(1)))
define embed_rule
$(BUILD)/gen/$(call embed_name,$(1)).h: $(1)
	@mkdir -p $$(@D)
	$$(Q){ printf 'static const unsigned char %s[] = {\n' '$(call embed_name,$(1))'; \
	  od -An -v -tu1 $$< | sed 's/  */,/g; s/^,//; s/$$$$/,/'; printf '0};\nenum { %s_len = sizeof %s - 1 };\n' \
	  '$(call embed_name,$(1))' '$(call embed_name,$(1))'; } > $$@
endef
$(foreach e,$(EMBED),$(eval $(call embed_rule,$(e))))
$(BUILD)/gen/.done: $(foreach e,$(EMBED),$(BUILD)/gen/$(call embed_name,$(e)).h)
	@mkdir -p $(@D) && touch $@

define floor_rule
$(call lib,$(1)): $(call objs,$(1))
	@mkdir -p $$(@D) && rm -f $$@
	$$(Q)ar rcs $$@ $$^
endef
$(foreach f,$(FLOORS),$(eval $(call floor_rule,$(f))))

$(BUILD)/assay: $(BUILD)/harness/cli/main.o $(ALL_LIBS)
	$(say) LINK $@
	$(Q)$(CC) $(LDFLAGS_) -o $@ $< -Wl,--start-group $(ALL_LIBS) -Wl,--end-group $(LIBS)

# A plugin holds its own folder and base; it exports one symbol.
.SECONDEXPANSION:
$(BUILD)/backends/%.so: $$(call objs,backends/%) $(call lib,harness/base)
	@mkdir -p $(@D)
	$(say) PLUGIN $@
	$(Q)$(CC) $(LDFLAGS_) -shared -o $@ $^ $(LIBS)

# -- tests: tests/FLOOR/test_*.c, one cmocka program each -------------------------------------------
TEST_SRC := $(filter-out tests/fuzz/% tests/bench/%,$(wildcard tests/*/test_*.c)) \
            $(wildcard tests/native/checkkern.c)
TEST_BIN := $(patsubst %.c,$(BUILD)/%,$(TEST_SRC))
TEST_SH  := $(filter-out %/lib.sh %/hub_lib.sh,$(sort $(wildcard tests/cli/*.sh tests/house/*.sh)))
test_libs = $(if $(filter tests/base/%,$(1)),$(call lib,harness/base),\
            $(if $(filter tests/stats/%,$(1)),$(call lib,harness/stats) $(call lib,harness/base),\
            $(if $(filter tests/store/%,$(1)),$(call lib,harness/store) $(call lib,harness/base),\
            $(if $(filter tests/machine/%,$(1)),$(call lib,harness/machine) $(call lib,harness/base),\
            $(if $(filter tests/datasets/%,$(1)),$(call lib,datasets) $(call lib,harness/base),\
            $(if $(filter tests/tasks/% tests/mini/%,$(1)),$(call lib,tasks) $(call lib,datasets) $(call lib,harness/base),\
            $(if $(filter tests/native/%,$(1)),$(call lib,backends/native) $(call lib,harness/base),\
            $(if $(filter tests/reports/%,$(1)),$(call lib,reports) $(call lib,harness/store) $(call lib,harness/stats) $(call lib,harness/base),\
            $(ALL_LIBS)))))))))
$(BUILD)/tests/%: $(BUILD)/tests/%.o $$(call test_libs,tests/%)
	$(say) LINK $@
	$(Q)$(CC) $(LDFLAGS_) -o $@ $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group -lcmocka $(LIBS)

test-programs: $(TEST_BIN)
-include mk/*.mk
-include Makefile.local
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

check: all $(TEST_BIN) floors headers
	$(Q)BUILD=$(BUILD) tests/run.sh $(TEST_BIN) $(TEST_SH)

# Each in a build folder of its own beside this one.
check-asan:
	$(Q)$(MAKE) BUILD=$(BUILD)-asan SANITIZE=address,undefined check
check-tsan:
	$(Q)$(MAKE) BUILD=$(BUILD)-tsan SANITIZE=thread check
# Valgrind knows no AVX-512, and the kernels' exhaustive tests would take hours under it.
VALGRIND ?= valgrind -q --leak-check=full --error-exitcode=99 --child-silent-after-fork=yes
check-valgrind: all $(TEST_BIN)
	$(Q)BUILD=$(BUILD) ASSAY_CPU=avx2 TEST_WRAP="$(VALGRIND)" tests/run.sh \
	  $(filter-out %/checkkern %/test_blimp %/test_golden,$(TEST_BIN))

# -- the house's own rules --------------------------------------------------------------------------
HOUSE := backends harness reports tasks datasets
floors:
	$(Q)find $(HOUSE) tests -name '*.[ch]' ! -path 'tests/interop/*' | LC_ALL=C sort | xargs awk -f tests/floors.awk tests/floors.txt

# Every header compiles alone; backend.h also as C++.  *_body.h are pieces that a .c file includes.
headers: $(BUILD)/gen/.done
	$(Q)for h in $$(find $(HOUSE) -name '*.h' ! -name '*_body.h' | LC_ALL=C sort); do \
	  printf '#include "%s"\nextern int header_stands_alone;\n' "$$h" | $(CC) $(filter-out -g,$(CFLAGS_)) -fsyntax-only -x c - || exit 1; done
	$(Q)if command -v c++ >/dev/null; then \
	  echo '#include "backends/backend.h"' | c++ -std=c++17 -I. -Wall -Wextra -Wpedantic -Werror -fsyntax-only -x c++ -; fi

# Headers are laid out by hand: their comments stand beside what they describe.
fmt:
	clang-format -i $$(git ls-files '*.c')

clean:
	rm -rf build assay
