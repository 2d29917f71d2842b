# make demo: the quickstart suite on the shipped models, its table, and report.html and report.csv here.
.PHONY: demo
demo: all
	$(Q)rm -f demo.db demo.db-wal demo.db-shm
	$(Q)./assay run quickstart --db demo.db
	$(Q)./assay compare --db demo.db
	@printf '\nDoes training for 2 bits help, or only the longer training?  The same tables\nagainst its control:\n\n'
	$(Q)./assay compare --db demo.db --base ctl-int2 --variants 'ctl-int2,int2,qat2-int2'
	@printf '\nAnd training for 4 bits, where accuracy has little to lose?  The perplexity of\nthe same texts:\n\n'
	$(Q)./assay compare --db demo.db --base ctl-int4 --variants 'ctl-int4,int4,qat4-int4'
	$(Q)./assay report --db demo.db --html report.html --csv . --title 'What precision costs'
	@printf '%s\n' '' 'report.html, report.csv, items.csv and demo.db are written.  With a model of' 'your own:' '' \
	  '  ./assay run --model YOUR.gguf --precision stored,int8,int4 --tasks mini' \
	  '  ./assay compare' \
	  '  ./assay report --html report.html'
