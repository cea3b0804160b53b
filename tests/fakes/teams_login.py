"""What Microsoft runs for bots' logins: keys by OpenID, and tokens for a secret.

Owns: the refusals of both, with their numbers. Where it is reached is ``TeamsService``'s business.
"""

from __future__ import annotations

import uuid
from collections import defaultdict

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa

APP_ID = "6f0b3c1e-0d5a-4f43-9f2e-2b7a3d1c9e10"
TENANT = "0a1b2c3d-1111-4222-8333-944455556666"
SECRET = "teams-client-secret"


class TeamsLogin:
    """``origin``: its https address."""

    origin: str

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.key_id = "key-1"
        self.keys_down = False
        self.endorsements = ["msteams", "webchat"]
        self.secret_expired = False
        self.issued: set[str] = set()
        self.counts: dict[str, int] = defaultdict(int)

    @property
    def login_routes(self) -> list[web.RouteDef]:
        return [
            web.get("/openid", self._openid),
            web.get("/keys", self._keys),
            web.get("/{tenant}/v2.0/.well-known/openid-configuration", self._login_document),
            web.post("/{tenant}/oauth2/v2.0/token", self._token),
        ]

    async def _openid(self, _: web.Request) -> web.Response:
        self.counts["openid"] += 1
        return web.json_response(
            {
                "issuer": "https://api.botframework.com",
                "jwks_uri": f"{self.origin}/keys",
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )

    async def _keys(self, _: web.Request) -> web.Response:
        self.counts["keys"] += 1
        if self.keys_down:
            return web.Response(status=503)
        row = jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        row |= {"kid": self.key_id, "use": "sig", "endorsements": self.endorsements}
        return web.json_response({"keys": [row]})

    async def _login_document(self, request: web.Request) -> web.Response:
        tenant = request.match_info["tenant"]
        if tenant != TENANT:
            return web.json_response(
                {"error": "invalid_tenant", "error_codes": [90002]}, status=400
            )
        base = f"{self.origin}/{tenant}"
        return web.json_response(
            {
                "issuer": f"{base}/v2.0",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "token_endpoint": f"{base}/oauth2/v2.0/token",
            }
        )

    async def _token(self, request: web.Request) -> web.Response:
        self.counts["token"] += 1
        form = await request.post()
        wanted = {
            "grant_type": "client_credentials",
            "scope": "https://api.botframework.com/.default",
        }
        if form.get("client_id") != APP_ID:
            return _no_token("unauthorized_client", 700016)
        if form.get("client_secret") != SECRET:
            return _no_token("invalid_client", 7000215)
        if self.secret_expired:
            return _no_token("invalid_client", 7000222)
        if any(form.get(name) != value for name, value in wanted.items()):
            return _no_token("invalid_request", 900144)
        token = uuid.uuid4().hex
        self.issued.add(token)
        return web.json_response(
            {"token_type": "Bearer", "expires_in": 3599, "access_token": token}
        )


def _no_token(error: str, code: int) -> web.Response:
    told = {"error": error, "error_description": f"AADSTS{code}: (fake)", "error_codes": [code]}
    return web.json_response(told, status=400 if error == "unauthorized_client" else 401)
