"""What runtimes say about containers the kernel shows: bundles and state files, no API, no fork."""
