"""Resource samples: what hosts and containers consumed, by window; never part of a digest."""

from typing import ClassVar

from django.db import models

from agents.models.host import Host


class SampleLength(models.IntegerChoices):
    """Seconds of a window."""

    SHORT = 10, "Ten seconds"
    LONG = 300, "Five minutes"
    HOUR = 3600, "One hour"


class Sample(models.Model):
    """What one container (or, with an empty key, the host) consumed in one window.

    ``counters`` holds totals since boot at start and end, ``gauges`` least, median and greatest of
    what was glimpsed, under the names of the fact document. The numbers of the last day that are
    summed over many rows have columns of their own.
    """

    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="samples")
    key = models.CharField(max_length=64, blank=True)
    boot = models.CharField(max_length=16, blank=True)
    start_s = models.BigIntegerField()  # since boot
    length = models.PositiveSmallIntegerField(choices=SampleLength)
    at = models.DateTimeField()  # start of the window in server time
    span_s = models.FloatField()  # between the looks whose counters are compared
    counters = models.JSONField(default=dict)
    gauges = models.JSONField(default=dict)
    filesystems = models.JSONField(default=dict)
    marks = models.JSONField(default=list)
    kills = models.PositiveIntegerField(default=0)
    refused_processes = models.PositiveBigIntegerField(default=0)
    cache_drops = models.PositiveIntegerField(default=0)
    balloon_pages = models.PositiveBigIntegerField(default=0)
    overruns = models.PositiveIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            # The same row sent again changes nothing.
            models.UniqueConstraint(
                fields=["host", "key", "boot", "start_s", "length"], name="sample_once"
            ),
            models.CheckConstraint(
                condition=models.Q(length__in=SampleLength.values), name="sample_length_known"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["host", "length", "at"], name="sample_by_host"),
            models.Index(fields=["length", "at"], name="sample_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.length} s of {self.key or 'the host'} at {self.at}"
