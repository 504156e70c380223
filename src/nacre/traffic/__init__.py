"""Layers for how much, how long and how often."""

from nacre.traffic import idempotency, ratelimit
from nacre.traffic.access_log import AccessLog
from nacre.traffic.body_limit import BodyLimit
from nacre.traffic.caching import CacheControl, cache_control, parse_cache_control
from nacre.traffic.idempotency import IdempotencyKey
from nacre.traffic.idempotency_stores import Attempt, IdempotencyStore, KeptResponse, MemoryResponses
from nacre.traffic.ratelimit import RateLimit
from nacre.traffic.ratelimit_stores import Bucket, LimitsStore, MemoryCounts, Rate, RateLimitStore, Standing
from nacre.traffic.request_id import REQUEST_ID, RequestId, RequestIdFilter, current_request_id, new_request_id
from nacre.traffic.timeouts import Timeout, timeout

__all__ = [
    "REQUEST_ID",
    "AccessLog",
    "Attempt",
    "BodyLimit",
    "Bucket",
    "CacheControl",
    "IdempotencyKey",
    "IdempotencyStore",
    "KeptResponse",
    "LimitsStore",
    "MemoryCounts",
    "MemoryResponses",
    "Rate",
    "RateLimit",
    "RateLimitStore",
    "RequestId",
    "RequestIdFilter",
    "Standing",
    "Timeout",
    "cache_control",
    "current_request_id",
    "idempotency",
    "new_request_id",
    "parse_cache_control",
    "ratelimit",
    "timeout",
]
