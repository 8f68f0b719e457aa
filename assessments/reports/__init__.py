"""The audit report: one frozen dataset, printed as PDF in a child process. Pure: no Django."""
