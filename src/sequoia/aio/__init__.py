"""The asynchronous twin of the client, for asyncio and trio; each module here is the twin of the one of its name."""
