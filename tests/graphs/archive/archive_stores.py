"""What is left of a tenant in both stores, counted from outside."""

from typing import Any

from graphs.engine import StoryEngine


async def keys_of(engine: StoryEngine) -> list[str]:
    """Every key in Redis that names the tenant; with the embedded server, its stories' graphs among them."""
    redis: Any = engine._stores.redis  # pyright: ignore[reportPrivateUsage]
    tenant = engine.settings.tenant
    found = [key.decode() async for key in redis.scan_iter(count=1000)]
    return [key for key in found if tenant in key]


async def nodes_of(engine: StoryEngine) -> int:
    """Every node of the tenant, of whatever label; of FalkorDB those of the registry, a story's graph being a key."""
    memory: Any = engine.memory
    if hasattr(memory, "_driver"):
        rows = await memory._run(
            "MATCH (n {tenant: $tenant}) RETURN count(n) AS nodes", {"tenant": engine.settings.tenant}
        )
        return rows[0]["nodes"]
    rows = await memory._query("tta", "MATCH (n {tenant: $tenant}) RETURN count(n) AS nodes", {"tenant": engine.settings.tenant})  # fmt: skip
    return rows[0]["nodes"]
