"""Who a request is from, and what they may do."""

from nacre.auth.authentication import Authentication
from nacre.auth.basic import BasicAuth
from nacre.auth.bearer import APIKey, BearerAuth
from nacre.auth.identity import IDENTITY, USER, Identity, current_user
from nacre.auth.jwks import JWKS
from nacre.auth.jwt import JWTAuth
from nacre.auth.jwt_claims import Claims
from nacre.auth.marks import Authorization, authenticated, public, requires
from nacre.auth.passwords import Hasher, InvalidPassword, Passwords
from nacre.auth.schemes import InvalidCredentials, Scheme
from nacre.auth.session import SessionAuth
from nacre.auth.throttle import FailureLimit, FailureStore, MemoryFailures

__all__ = [
    "IDENTITY",
    "JWKS",
    "USER",
    "APIKey",
    "Authentication",
    "Authorization",
    "BasicAuth",
    "BearerAuth",
    "Claims",
    "FailureLimit",
    "FailureStore",
    "Hasher",
    "Identity",
    "InvalidCredentials",
    "InvalidPassword",
    "JWTAuth",
    "MemoryFailures",
    "Passwords",
    "Scheme",
    "SessionAuth",
    "authenticated",
    "current_user",
    "public",
    "requires",
]
