"""One file a target; each has ``start(site) -> list[Target]`` and raises SkippedError where it can't run."""
