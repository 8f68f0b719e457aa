"""Host-side collectors: one module per wire section, each ``collect(context) -> Section``."""

from . import (
    accounts,
    agent,
    host,
    images,
    kernel,
    logging,
    network,
    periphery,
    platform,
    resources,
    runtimes,
)

COLLECTORS = {
    "agent": agent.collect,
    "host": host.collect,
    "kernel": kernel.collect,
    "platform": platform.collect,
    "periphery": periphery.collect,
    "network": network.collect,
    "accounts": accounts.collect,
    "logging": logging.collect,
    "resources": resources.collect,
    "runtimes": runtimes.collect,
    "images": images.collect,
}
