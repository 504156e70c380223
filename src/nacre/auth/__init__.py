"""Who a request is from, and what they may do."""

from nacre.auth.authentication import Authentication
from nacre.auth.basic import BasicAuth
from nacre.auth.bearer import APIKey, BearerAuth
from nacre.auth.identity import IDENTITY, USER, Identity, current_user
from nacre.auth.jwks import JWKS
from nacre.auth.jwt import JWTAuth
from nacre.auth.jwt_claims import Claims
from nacre.auth.login import Login
from nacre.auth.login_marks import fresh_login_required, login_optional, login_required
from nacre.auth.marks import Authorization, authenticated, public, requires
from nacre.auth.oauth import OIDC, OAuth, ProviderLogin
from nacre.auth.passkeys import MemoryPasskeyStore, Passkey, Passkeys, PasskeyStore, PasskeyUser
from nacre.auth.passwords import Hasher, InvalidPassword, Passwords
from nacre.auth.redirects import is_safe_redirect, safe_redirect_target
from nacre.auth.remember import MemoryRememberStore, RememberedLogin, RememberStore, SQLiteRememberStore
from nacre.auth.schemes import InvalidCredentials, Scheme
from nacre.auth.session import SessionAuth
from nacre.auth.throttle import FailureLimit, FailureStore, MemoryFailures
from nacre.auth.totp import TOTP, hash_recovery_code, match_recovery_code, new_recovery_codes

__all__ = [
    "IDENTITY",
    "JWKS",
    "OIDC",
    "TOTP",
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
    "Login",
    "MemoryFailures",
    "MemoryPasskeyStore",
    "MemoryRememberStore",
    "OAuth",
    "Passkey",
    "PasskeyStore",
    "PasskeyUser",
    "Passkeys",
    "Passwords",
    "ProviderLogin",
    "RememberStore",
    "RememberedLogin",
    "SQLiteRememberStore",
    "Scheme",
    "SessionAuth",
    "authenticated",
    "current_user",
    "fresh_login_required",
    "hash_recovery_code",
    "is_safe_redirect",
    "login_optional",
    "login_required",
    "match_recovery_code",
    "new_recovery_codes",
    "public",
    "requires",
    "safe_redirect_target",
]
