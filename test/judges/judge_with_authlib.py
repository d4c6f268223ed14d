"""Authlib as a client and as a resource server. Reads {issuer, resource, clients} from standard input as JSON and
prints for each client what it saw."""

import json
import os
import sys

# The server under test speaks plain http on loopback.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.jose import JsonWebKey, JsonWebToken
from authlib.oauth2.rfc7523 import PrivateKeyJWT, private_key_jwt_sign
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata


class ShortLivedKeyJWT(PrivateKeyJWT):
    """Left to itself, Authlib signs assertions for an hour, which is longer than the server takes."""

    def sign(self, auth, token_endpoint):
        return private_key_jwt_sign(
            auth.client_secret,
            client_id=auth.client_id,
            token_endpoint=token_endpoint,
            header=dict(self.headers),
            alg=self.alg,
            expires_in=60,
        )


def session_for(client, metadata):
    session = OAuth2Session(
        client["client_id"],
        client.get("private_jwk") or client["client_secret"],
        token_endpoint_auth_method=client["method"],
        revocation_endpoint_auth_method=client["method"],
    )
    if "private_jwk" in client:
        headers = {"kid": client["private_jwk"]["kid"]}
        session.register_client_auth_method(
            ShortLivedKeyJWT(metadata["token_endpoint"], headers=headers, alg=client["private_jwk"]["alg"])
        )
    return session


def judge(client, metadata, keys, resource):
    session = session_for(client, metadata)
    token = session.fetch_token(
        metadata["token_endpoint"], grant_type="client_credentials", scope="orders:read", resource=resource
    )
    text = token["access_token"]
    claims = JsonWebToken(["RS256", "ES256"]).decode(
        text,
        keys,
        claims_options={
            "iss": {"essential": True, "value": metadata["issuer"]},
            "aud": {"essential": True, "value": resource},
            "exp": {"essential": True},
        },
    )
    claims.validate()
    before = session.introspect_token(metadata["introspection_endpoint"], token=text).json()
    revoked = session.revoke_token(metadata["revocation_endpoint"], token=text)
    after = session.introspect_token(metadata["introspection_endpoint"], token=text).json()
    return {
        "name": client["name"],
        "token": {name: value for name, value in token.items() if name != "access_token"},
        "typ": claims.header["typ"],
        "claims": dict(claims),
        "introspection": before,
        "revocation_status": revoked.status_code,
        "introspection_after": after,
    }


def main():
    given = json.load(sys.stdin)
    metadata = AuthorizationServerMetadata(
        requests.get(given["issuer"] + "/.well-known/oauth-authorization-server", timeout=10).json()
    )
    # Not all of them: Authlib insists on https, and takes an empty list of response types for a missing one.
    for name in ["grant_types_supported", "token_endpoint_auth_methods_supported", "scopes_supported"]:
        getattr(metadata, "validate_" + name)()
    keys = JsonWebKey.import_key_set(requests.get(metadata["jwks_uri"], timeout=10).json())
    print(json.dumps([judge(client, metadata, keys, given["resource"]) for client in given["clients"]]))


main()
