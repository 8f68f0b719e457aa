"""The check engine: conditions over facts, judged to pass, fail, unknown or not applicable.

Pure: no framework, no input or output, no clock.
"""
