"""Envoy with one worker: a tunnel ends in an internal listener with TLS; ext_authz over HTTP/1.1 sets the credential and
the tag. The trivial server it asks counts as part of it. One fixed certificate and origin, where Exeat makes any.
"""

from __future__ import annotations

import json
from typing import Any

from bench.site import HOST, INSIDE, Site, free_port
from bench.target import Target, forward_routes

_TYPE = "type.googleapis.com/envoy.extensions"
_HTTP = f"{_TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager"
_TUNNEL = f"{_TYPE}.transport_sockets"


def start(site: Site) -> list[Target]:
    """Start Envoy and the server it asks."""
    python = site.bench_python("envoy")
    port, authz = free_port(), free_port()
    (site.folder / "envoy.json").write_text(json.dumps(_bootstrap(site, port, authz)))
    envoy = str(python).replace("/python", "/envoy")
    target = Target(
        "envoy",
        "ext_authz over HTTP/1.1; one fixed host; sets key and tag",
        [
            site.start("authz", site.python, str(INSIDE / "authz.py"), str(authz), "sk_live_real_0123456789abcdef"),
            site.start("envoy", envoy, "-c", "envoy.json", "--concurrency", "1", "--log-level", "error"),
        ],
    )
    target.routes = forward_routes(port, site.folder / "proxy-ca.pem")
    return [target.wait(site, authz, port)]


def _bootstrap(site: Site, port: int, authz: int) -> dict[str, Any]:
    def file(name: str) -> dict[str, str]:
        return {"filename": str(site.folder / name)}

    upstream_tls = {
        "@type": f"{_TUNNEL}.tls.v3.UpstreamTlsContext",
        "sni": HOST,
        "common_tls_context": {
            "validation_context": {
                "trusted_ca": file("origin-ca.pem"),
                "match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": HOST}}],
            }
        },
    }
    downstream_tls = {
        "@type": f"{_TUNNEL}.tls.v3.DownstreamTlsContext",
        "common_tls_context": {
            "tls_certificates": [{"certificate_chain": file("proxy-leaf.pem"), "private_key": file("proxy-leaf.pem")}]
        },
    }
    connect = {
        "match": {"connect_matcher": {}},
        "route": {"cluster": "inside", "upgrade_configs": [{"upgrade_type": "CONNECT", "connect_config": {}}]},
        "typed_per_filter_config": {
            "envoy.filters.http.ext_authz": {
                "@type": f"{_TYPE}.filters.http.ext_authz.v3.ExtAuthzPerRoute",
                "disabled": True,
            }
        },
    }
    return {
        "bootstrap_extensions": [
            {
                "name": "envoy.bootstrap.internal_listener",
                "typed_config": {"@type": f"{_TYPE}.bootstrap.internal_listener.v3.InternalListener"},
            }
        ],
        "static_resources": {
            "listeners": [
                {
                    "name": "outside",
                    "address": _address(port),
                    "filter_chains": [{"filters": [_manager("outside", [connect, _to("origin-plain")])]}],
                },
                {
                    "name": "inside",
                    "internal_listener": {},
                    "filter_chains": [
                        {
                            "transport_socket": {"name": "tls", "typed_config": downstream_tls},
                            "filters": [_manager("inside", [_to("origin-tls")])],
                        }
                    ],
                },
            ],
            "clusters": [
                _cluster("authz", _address(authz)),
                _cluster("origin-plain", _address(site.origin_plain)),
                _cluster(
                    "origin-tls",
                    _address(site.origin_tls),
                    transport_socket={"name": "tls", "typed_config": upstream_tls},
                ),
                _cluster(
                    "inside",
                    {"envoy_internal_address": {"server_listener_name": "inside"}},
                    transport_socket={
                        "name": "internal",
                        "typed_config": {
                            "@type": f"{_TUNNEL}.internal_upstream.v3.InternalUpstreamTransport",
                            "transport_socket": {
                                "name": "raw",
                                "typed_config": {"@type": f"{_TUNNEL}.raw_buffer.v3.RawBuffer"},
                            },
                        },
                    },
                ),
            ],
        },
    }


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _to(cluster: str) -> dict[str, Any]:
    return {"match": {"prefix": "/"}, "route": {"cluster": cluster, "timeout": "30s"}}


def _cluster(name: str, address: dict[str, Any], **more: Any) -> dict[str, Any]:
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address}}]}]
    return {"name": name, "load_assignment": {"cluster_name": name, "endpoints": endpoints}, **more}


def _manager(name: str, routes: list[dict[str, Any]]) -> dict[str, Any]:
    allowed = {"patterns": [{"exact": "authorization"}, {"exact": "x-tag"}]}
    authz = {
        "@type": f"{_TYPE}.filters.http.ext_authz.v3.ExtAuthz",
        "http_service": {
            "server_uri": {"uri": "http://authz", "cluster": "authz", "timeout": "5s"},
            "authorization_response": {"allowed_upstream_headers": allowed},
        },
    }
    router = {"@type": f"{_TYPE}.filters.http.router.v3.Router"}
    return {
        "name": "http",
        "typed_config": {
            "@type": _HTTP,
            "stat_prefix": name,
            "upgrade_configs": [{"upgrade_type": "CONNECT"}],
            "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
            "http_filters": [
                {"name": "envoy.filters.http.ext_authz", "typed_config": authz},
                {"name": "envoy.filters.http.router", "typed_config": router},
            ],
        },
    }
