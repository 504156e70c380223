"""Layers against what browsers and proxies can be made to do."""

from nacre.risks import Risk
from nacre.security import csrf
from nacre.security.cors import CORS
from nacre.security.csp import CSP_NONCE, NONCE, Nonce, csp_nonce
from nacre.security.csrf import CSRF
from nacre.security.defaults import SecureDefaults
from nacre.security.headers import SecurityHeaders
from nacre.security.hosts import LOCALHOST, TrustedHosts
from nacre.security.https import HSTS, HTTPSRedirect
from nacre.security.proxy import ProxyHeaders
from nacre.security.tokens import CSRF_SESSION_KEY, CSRFToken, csrf_token

__all__ = [
    "CORS",
    "CSP_NONCE",
    "CSRF",
    "CSRF_SESSION_KEY",
    "HSTS",
    "LOCALHOST",
    "NONCE",
    "CSRFToken",
    "HTTPSRedirect",
    "Nonce",
    "ProxyHeaders",
    "Risk",
    "SecureDefaults",
    "SecurityHeaders",
    "TrustedHosts",
    "csp_nonce",
    "csrf",
    "csrf_token",
]
