"""Figures as SVG text: the same picture on a page and in the report. Pure: no Django, no I/O."""
