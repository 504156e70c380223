"""Tokens made by hand: a JSON Web Signature of whatever header and payload, right or wrong."""

import hmac
import json
from base64 import urlsafe_b64encode

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

SECRET = "kelp-7f3a9c1e5b2d8046-anemone-4d0b"
RSA = rsa.generate_private_key(65537, 2048)
OTHER_RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
OKP = ed25519.Ed25519PrivateKey.generate()
NOW = 1_800_000_000.0


def encoded(data):
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def as_json(value):
    return value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()


def signed(header, claims, key=SECRET):
    """A token with the signature that the type of the key makes; `header` and `claims` may be bytes."""
    text = f"{encoded(as_json(header))}.{encoded(as_json(claims))}"
    return f"{text}.{encoded(signature(text.encode(), header, key))}"


def signature(data, header, key):
    if isinstance(key, str | bytes):
        name = header.get("alg", "HS256") if isinstance(header, dict) else "HS256"
        digest = {"HS384": "sha384", "HS512": "sha512"}.get(str(name), "sha256")
        return hmac.digest(key.encode() if isinstance(key, str) else key, data, digest)
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    if isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return key.sign(data)


def claims(**given):
    """Claims that are valid at NOW; a value of None takes one off."""
    return {name: value for name, value in {"sub": "ada", "exp": NOW + 60, **given}.items() if value is not None}


def hs256(header=None, **given):
    return signed({"alg": "HS256", **(header or {})}, claims(**given))


def public_pem(key):
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def private_pem(key):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def openssh(key):
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)


def published(key, **more):
    """The JSON Web Key of a public key."""
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.public_key().public_numbers()
        return {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e), **more}
    numbers = key.public_key().public_numbers()
    return {"kty": "EC", "crv": "P-256", "x": _number(numbers.x, 32), "y": _number(numbers.y, 32), **more}


def _number(value, length=None):
    return encoded(value.to_bytes(length or (value.bit_length() + 7) // 8, "big"))
