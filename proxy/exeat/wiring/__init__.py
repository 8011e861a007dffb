"""The composition root: the only place that picks implementations and puts them together.

*Site* what the configuration alone says · *Common* what every process needs · *DataPlane* serves agents · *ControlPlane* serves
operators · *Assembly* both in one process. Must not know: logic. What runs the result is
``serving``.
"""

from exeat.wiring.build import Assembly, build
from exeat.wiring.common import Common, prepare
from exeat.wiring.control_plane import ControlPlane, build_control_plane
from exeat.wiring.data_plane import DataPlane, build_data_plane
from exeat.wiring.site import Site, describe_services, policy_folder, read_site

__all__ = [
    "Assembly", "Common", "ControlPlane", "DataPlane", "Site", "build", "build_control_plane", "build_data_plane",
    "describe_services", "policy_folder", "prepare", "read_site",
]  # fmt: skip
