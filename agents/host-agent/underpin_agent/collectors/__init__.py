"""Host-side collectors: one module per wire section, each ``collect(context) -> Section``."""

from . import agent, host, kernel, platform, resources

COLLECTORS = {
    "agent": agent.collect,
    "host": host.collect,
    "kernel": kernel.collect,
    "platform": platform.collect,
    "resources": resources.collect,
}
