"""Judging: a fact document and a catalogue become results, scores and counters. Pure."""

from assessments.judging.judge import judge, judge_in_full
from assessments.judging.judgement import AreaCount, Judgement, Result

__all__ = ["AreaCount", "Judgement", "Result", "judge", "judge_in_full"]
