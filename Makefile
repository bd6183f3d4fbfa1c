# The scripts do the work, and a machine without make can call them directly. Arguments: make serve ARGS="--port 9000"
.PHONY: serve setup models build test bench
serve setup models build test bench:
	@scripts/$@ $(ARGS)
