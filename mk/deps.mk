# What building needs (deps) and what `make check` and its sisters need besides (deps-test).
DEB_BUILD := gcc make pkg-config $(foreach p,$(PKGS),$(deb_$(p)))
DEB_TEST  := libcmocka-dev clang llvm sqlite3 jq python3 openssl valgrind man-db zsh chromium \
             poppler-utils gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user
# The sanitizers' run time of the distribution's own clang: clang-14 -> libclang-rt-14-dev.
DEB_CLANG = $(shell apt-cache depends clang 2>/dev/null | sed -n 's/.*Depends: clang-\([0-9]*\)$$/libclang-rt-\1-dev/p')
APT       = $(if $(filter 0,$(shell id -u)),,sudo )env DEBIAN_FRONTEND=noninteractive apt-get -q

FEDORA_BUILD := gcc make pkgconf-pkg-config sqlite-devel libyaml-devel pcre2-devel utf8proc-devel openssl-devel hwloc-devel zlib-devel libzstd-devel libcurl-devel
FEDORA_TEST  := libcmocka-devel clang compiler-rt llvm sqlite jq python3 openssl valgrind man-db zsh poppler-utils gcc-aarch64-linux-gnu qemu-user
ARCH_BUILD   := gcc make pkgconf sqlite libyaml pcre2 libutf8proc openssl hwloc zlib zstd curl
ARCH_TEST    := cmocka clang compiler-rt llvm jq python valgrind man-db zsh poppler aarch64-linux-gnu-gcc qemu-user
BREW_BUILD   := pkgconf sqlite libyaml pcre2 utf8proc openssl@3 hwloc zlib zstd curl
BREW_TEST    := cmocka llvm jq poppler

define deps_recipe
$(Q)if command -v apt-get >/dev/null; then \
  $(APT) update && $(APT) install -y --no-install-recommends $(1); \
else \
  echo 'No apt-get here.  Install these with the package manager at hand:'; \
  echo '  Fedora    dnf install $(2)'; \
  echo '  Arch      pacman -S $(3)'; \
  echo '  Homebrew  brew install $(4)'; \
fi
endef
deps:
	$(call deps_recipe,$(DEB_BUILD),$(FEDORA_BUILD),$(ARCH_BUILD),$(BREW_BUILD))
deps-test:
	$(call deps_recipe,$(DEB_BUILD) $(DEB_TEST) $(DEB_CLANG),$(FEDORA_BUILD) $(FEDORA_TEST),$(ARCH_BUILD) $(ARCH_TEST),$(BREW_BUILD) $(BREW_TEST))
