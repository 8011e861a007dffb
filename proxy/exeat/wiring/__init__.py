"""The composition root: the only place that picks implementations and puts them together.

*Site* what the configuration alone says · *build* everything that runs. Must not know: logic. What runs the result is
``serving``.
"""

from exeat.wiring.build import Assembly, build
from exeat.wiring.site import Site, describe_services, policy_folder, read_site

__all__ = ["Assembly", "Site", "build", "describe_services", "policy_folder", "read_site"]
