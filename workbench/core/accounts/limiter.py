"""Counting sign-in attempts before the password is checked, in one atomic database step.

Check-then-count lets a parallel burst through (measured: all of 40); counting first lets exactly
the limit through. One row per name or network and time slot; old slots are deleted by the way.
"""

import hashlib
from datetime import timedelta

from django.db import connection
from django.http import HttpRequest
from django.utils import timezone

from workbench.core.accounts.client_address import client_address

SLOT_SECONDS = 300
MAX_PER_NAME = 10
MAX_PER_NETWORK = 60
_UPSERT = """
INSERT INTO core_attempt (subject, slot, count) VALUES (%s, %s, 1)
ON CONFLICT (subject, slot) DO UPDATE SET count = core_attempt.count + 1
RETURNING count
"""


def admit(request: HttpRequest, *, name: str) -> bool:
    """Count one attempt for the account name and for the client's network; False when over."""
    by_name = count_attempt(f"name:{name.strip().lower()}")
    by_network = count_attempt(f"net:{client_address(request)}")
    return by_name <= MAX_PER_NAME and by_network <= MAX_PER_NETWORK


def count_attempt(subject: str) -> int:
    """How many attempts ``subject`` has made in this slot, this one included."""
    now = timezone.now()
    slot = int(now.timestamp()) // SLOT_SECONDS
    hashed = hashlib.sha256(subject.encode("utf-8", "surrogatepass")).hexdigest()
    with connection.cursor() as cursor:
        cursor.execute(_UPSERT, [hashed, slot])
        row = cursor.fetchone()
        old = slot - int(timedelta(days=1).total_seconds()) // SLOT_SECONDS
        cursor.execute("DELETE FROM core_attempt WHERE slot < %s", [old])
    return int(row[0])
