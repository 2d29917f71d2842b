# Installing: the program, plugins, task files, dataset recipes, manual page, completions, and the
# header a plugin needs.  DESTDIR is put before every path; PREFIX is also where the program looks.
BINDIR := $(DESTDIR)$(PREFIX)/bin
LIBDIR := $(DESTDIR)$(PREFIX)/lib/assay
SHARE  := $(DESTDIR)$(PREFIX)/share
INSTALL ?= install

install: $(BUILD)/assay $(PLUGINS)
	$(Q)$(INSTALL) -d $(BINDIR) $(LIBDIR)/backends $(SHARE)/assay/recipes \
	  $(SHARE)/assay/datasets/mini/data $(SHARE)/assay/suites $(SHARE)/assay/models $(SHARE)/man/man1 \
	  $(SHARE)/bash-completion/completions $(SHARE)/zsh/site-functions $(DESTDIR)$(PREFIX)/include/assay
	$(Q)$(INSTALL) -m 755 $(BUILD)/assay $(BINDIR)/assay
	$(Q)$(if $(PLUGINS),$(INSTALL) -m 755 $(PLUGINS) $(LIBDIR)/backends)
	$(Q)rm -rf $(SHARE)/assay/tasks
	$(Q)cd tasks/library && find . -type f | while read -r f; do \
	  $(INSTALL) -D -m 644 "$$f" "$(abspath $(SHARE))/assay/tasks/$$f" || exit 1; done
	$(Q)$(INSTALL) -m 644 datasets/recipes/*.yaml $(SHARE)/assay/recipes
	$(Q)$(INSTALL) -m 644 datasets/mini/data/*.jsonl datasets/mini/data/*.txt $(SHARE)/assay/datasets/mini/data
	$(Q)$(INSTALL) -m 644 tasks/suites/*.yaml $(SHARE)/assay/suites
	$(Q)$(INSTALL) -m 644 backends/native/models/*.gguf $(SHARE)/assay/models
	$(Q)$(INSTALL) -m 644 backends/backend.h $(DESTDIR)$(PREFIX)/include/assay/backend.h
	$(Q)$(BUILD)/assay help --man > $(SHARE)/man/man1/assay.1
	$(Q)$(BUILD)/assay help --completion bash > $(SHARE)/bash-completion/completions/assay
	$(Q)$(BUILD)/assay help --completion zsh > $(SHARE)/zsh/site-functions/_assay
	@echo "installed in $(DESTDIR)$(PREFIX)"

uninstall:
	rm -rf $(LIBDIR) $(SHARE)/assay $(DESTDIR)$(PREFIX)/include/assay
	rm -f $(BINDIR)/assay $(SHARE)/man/man1/assay.1 $(SHARE)/bash-completion/completions/assay \
	  $(SHARE)/zsh/site-functions/_assay
