"""Usage in the fact document: from counters where there are some, unknown with its reason else."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from agents.facts.containers import ContainerPart
from agents.facts.document import build_document
from agents.facts.samples import HostSamples, SampleWindow
from agents.facts.schema import schema

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = "0123456789ab"
HOST = SampleWindow(
    key="",
    at=NOW,
    span_s=300.0,
    counters={
        "pressure.cpu_some": [1_000_000, 61_000_000],
        "pressure.memory_some": [5],
        "cpu_total_us": [0, 1_000_000],
        "cpu_steal_us": [0, 50_000],
        "forks": [100, 400],
        "context_switches": [0, 3_000],
        "allocstalls": [0],
        "drop_caches": [2, 3],
        "agent.cpu_us": [0, 900_000],
        "agent.sampling_overruns": [0],
        "containers_cpu_us": [0, 10_000_000],
        "containers_cpu_seen_us": [0, 9_000_000],
    },
    gauges={
        "memory.available_bytes": [1, 2, 3],
        "dirty.ratio": [0.1],
        "zones_below_low": [0, 0, 1],
        "agent.uptime_h": [26.0, 26.05, 26.1],
        "agent.max_sample_interval_s": [4, 7, 9],
    },
    filesystems={"/": [41.5, 3.0], "/var/log": [10.0, 1.0]},
)
CONTAINER = SampleWindow(
    key=KEY,
    at=NOW,
    span_s=300.0,
    counters={
        "cpu_usage_us": [1_000, 9_000],
        "cpu_periods": [100, 200],
        "cpu_throttled_periods": [0, 25],
        "cpu_throttled_us": [0, 7_000],
        "oom_kills": [3],
        "pids_limit_hits": [0, 2],
        "pressure.cpu_some": [0, 30_000_000],
    },
    gauges={
        "memory_current_bytes": [10, 20, 90],
        "memory_peak_bytes": [100, 100, 160],
        "memory_ratio": [0.1, 0.5, 0.9],
        "pids_peak": [4, 4, 9],
    },
)


def document(samples: HostSamples | None, **sections: Any) -> dict[str, Any]:
    part = ContainerPart(
        key=KEY,
        identity={"facts": {"id": "c" * 64, "state": "running"}, "unknowns": []},
        posture={"facts": {}, "unknowns": []},
    )
    return build_document(
        sections={name: {"facts": facts, "unknowns": []} for name, facts in sections.items()},
        containers=[part],
        policy={},
        now=NOW,
        collected_at=NOW,
        samples=samples,
    )


def sampled(**more: Any) -> HostSamples:
    plain: dict[str, Any] = {
        "newest": {"": HOST, KEY: CONTAINER},
        "day": {"": {"cache_drops": 4}, KEY: {"kills": 2, "refused_processes": 2}},
        "seen": {"": 10, KEY: 10},
    }
    return HostSamples(**{**plain, **more})


def reasons(found: dict[str, Any], path: str) -> list[str]:
    return [entry["reason"] for entry in found["unknowns"] if entry["path"] == path]


def test_the_host_is_told_from_growth_over_time() -> None:
    usage = document(sampled())["usage"]
    assert usage["pressure"] == {"cpu_some": 0.2, "memory_some": 0.0}
    assert usage["rates"] == {
        "context_switches": 10.0,
        "forks": 1.0,
        "direct_reclaim_stalls": 0.0,
    }
    assert usage["cpu_steal"] == 0.05
    assert usage["memory"] == {"available_bytes": 2}
    assert usage["zones_below_low"] == 1
    assert usage["drop_caches_24h"] == 4
    assert usage["unaccounted_cpu"] == 0.1
    assert usage["agent"] == {
        "uptime_h": 26.1,
        "cpu_share": 0.003,
        "max_sample_interval_s": 9,
        "sampling_overruns_24h": 0,
    }


def test_a_container_is_told_from_growth_glimpses_and_peaks() -> None:
    usage = document(sampled())["containers"][0]["usage"]
    assert usage == {
        "cpu_usage_us": 9_000,
        "cpu_throttled_us": 7_000,
        "cpu_throttled_ratio": 0.25,
        "memory_current_bytes": 20,
        "memory_peak_bytes": 160,
        "memory_ratio": 0.5,
        "oom_kills": 3,
        "oom_kills_24h": 2,
        "pids_peak": 9,
        "pids_limit_hits_24h": 2,
        "pressure": {"cpu_some": 0.1},
        "switch_method": "none",
    }


def test_the_document_with_usage_keeps_to_the_schema() -> None:
    found = document(sampled(), resources={"filesystems": [{"mount": "/", "roles": ["root"]}]})
    found = json.loads(json.dumps(found))
    only = {"usage": found["usage"], "containers": found["containers"]}
    parts = {name: schema()["properties"][name] for name in only}
    shape = {"type": "object", "properties": parts}
    assert [error.message for error in Draft202012Validator(shape).iter_errors(only)] == []


def test_without_samples_usage_is_unknown_and_says_why() -> None:
    found = document(HostSamples(reason="no sample for 40 minutes"))
    assert found["usage"] == {}
    assert "usage" not in found["containers"][0]
    assert reasons(found, "usage") == ["no sample for 40 minutes"]
    assert reasons(found, "containers[].usage") == ["no sample for 40 minutes"]
    assert reasons(document(None), "usage") == ["no samples yet"]


def test_a_container_without_a_sample_is_unknown_alone() -> None:
    found = document(sampled(newest={"": HOST}))
    assert found["containers"][0]["usage"] == {}
    (reason,) = reasons(found, f"containers[{KEY}].usage")
    assert "without a control group of its own" in reason


def test_what_the_kernel_does_not_show_is_unknown_not_zero() -> None:
    found = document(sampled())
    assert "io_full" not in found["usage"]["pressure"]
    assert reasons(found, "usage.pressure.io_full") == ["the host's kernel does not show it"]
    path = f"containers[{KEY}].usage.cpu_wait_ratio"
    assert reasons(found, path) == ["threads are counted in conspicuous containers only"]


def test_the_mounts_of_the_resources_section_get_their_use() -> None:
    rows = [{"mount": "/var/log", "roles": ["log"], "separate": True}]
    found = document(sampled(), resources={"filesystems": rows})
    assert found["usage"]["filesystems"] == [
        {
            "mount": "/var/log",
            "roles": ["log"],
            "used_percent": 10.0,
            "inodes_used_percent": 1.0,
        }
    ]


def test_a_mount_that_was_not_measured_makes_the_list_unknown() -> None:
    rows = [{"mount": "/var/log", "roles": ["log"]}, {"mount": "/srv", "roles": ["runtime"]}]
    found = document(sampled(), resources={"filesystems": rows})
    assert "filesystems" not in found["usage"]
    assert reasons(found, "usage.filesystems") == ["not every mount was measured: truncated"]


@pytest.mark.parametrize(
    ("used", "seen", "share"),
    [([0, 40_000], [0], 0.0), ([0, 10**6], [0, 300_000], 0.7), ([0, 10**6], [0, 2 * 10**6], 0.0)],
)
def test_time_that_no_container_explains(used: list[int], seen: list[int], share: float) -> None:
    host = SampleWindow(
        key="",
        at=NOW,
        span_s=300.0,
        counters={"containers_cpu_us": used, "containers_cpu_seen_us": seen},
    )
    assert document(sampled(newest={"": host}))["usage"]["unaccounted_cpu"] == share
