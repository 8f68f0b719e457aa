"""The real HTTP server for benchmarks: started, driven over kept connections, its CPU read."""
