"""Entity tags for what handlers return, and the 304 and 412 that follow from them: RFC 9110 §13."""

from __future__ import annotations

from hashlib import blake2b

from nacre.callables import Call
from nacre.chain.hooks import Hooks
from nacre.errors import HTTPError
from nacre.etags import ETag, evaluate
from nacre.media import parse_http_date
from nacre.request import Request
from nacre.response import Response
from nacre.streams import close_unsent, prime
from nacre.threads import Threads

_INLINE_SIZE = 256 * 1024  # hashed in 0.3 ms; the way to a worker thread takes 0.1 ms

_CONDITIONS = ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since")

# Of the fields that a 200 would have had, RFC 9110 §15.4.5 wants Cache-Control, Content-Location, Date, ETag, Expires
# and Vary, and none that describes the body. All others stay: cookies count for the client as in any other answer, and
# the browser checks CORS and security headers on the 304 itself.
_OF_BODY = (
    "content-type",
    "content-length",
    "content-encoding",
    "content-language",
    "content-range",
    "content-digest",
    "repr-digest",
    "content-md5",
    "accept-ranges",
)


class ConditionalGet(Hooks):
    """A layer that gives responses to GET and HEAD an `ETag`, and spares clients the body that they have already.

    A 200 with a whole body gets a tag made of its bytes and its content type; a tag that it has is kept. No stream or
    file is read for one: they are compared by the `ETag` or `Last-Modified` that they bring. Responses that may not be
    stored (`Cache-Control: no-store`) get no tag. The handler runs in any case: what is spared is the transfer.

    A client that has the body (`If-None-Match`, `If-Modified-Since`) gets a 304, with all header fields but those that
    describe the body; a failed `If-Match` or `If-Unmodified-Since` raises a 412. A stream that isn't sent is closed.

    The tag is a weak one unless `weak` is False: then no layer outside may change the body without changing the tag.
    Inside `Compression` or outside of it both work: `Compression` makes the tag of a body that it compresses weak.
    Inside is better, as then a 304 costs no compression, and streams too keep theirs.
    """

    def __init__(self, *, weak: bool = True) -> None:
        super().__init__(after=Call(self._on_loop, self._in_thread))
        self._weak = weak

    def __repr__(self) -> str:
        return "ConditionalGet()"

    async def _on_loop(self, request: Request, response: Response) -> None:
        if request.method not in ("GET", "HEAD") or response.status != 200:
            return
        threads = request.app.workers
        if response.stream is None and len(response.body) >= _INLINE_SIZE and self._lacks_tag(request, response):
            response.headers.add("etag", await threads.run(request, lambda: self._tag_of(response)))
        await self._answer(request, response, threads)

    async def _in_thread(self, request: Request, response: Response) -> None:
        if request.method in ("GET", "HEAD") and response.status == 200:
            await self._answer(request, response, None)

    async def _answer(self, request: Request, response: Response, threads: Threads | None) -> None:
        if response.stream is not None and response.eager:
            await prime(response, request, threads)  # one that a layer has made may not know yet what it is
            if response.status != 200:
                return  # it was a file, which has weighed the conditions itself
        if response.stream is None and self._lacks_tag(request, response):
            response.headers.add("etag", self._tag_of(response))
        if not any(name in _CONDITIONS for name, _ in request.headers.pairs()):
            return
        text, date = response.headers.get("etag"), response.headers.get("last-modified")
        etag = None if text is None else ETag.parse(text)
        modified = None if date is None else parse_http_date(date)
        match evaluate(request.method, request.headers, etag, modified):
            case "not modified":
                await close_unsent(response, request, threads)
                response.status, response.body = 304, b""
                response.raw_headers[:] = [pair for pair in response.raw_headers if pair[0] not in _OF_BODY]
            case "failed":
                raise HTTPError(status=412)
            case "send":
                pass

    def _lacks_tag(self, request: Request, response: Response) -> bool:
        names = {name for name, _ in response.raw_headers}
        if "etag" in names or (request.method == "HEAD" and not response.body and "content-length" in names):
            return False  # a handler that answers HEAD itself has no body to make a tag of
        return "cache-control" not in names or not _is_private_to_the_moment(response)

    def _tag_of(self, response: Response) -> str:
        # RFC 9110 §8.8.1: bodies of equal bytes and other types are told apart.
        digest = blake2b(response.headers.get("content-type", "").encode("latin-1") + b"\0", digest_size=16)
        digest.update(response.body)
        return str(ETag(digest.hexdigest(), self._weak))


def _is_private_to_the_moment(response: Response) -> bool:
    values = response.headers.getlist("cache-control")
    return any(part.strip().lower() == "no-store" for value in values for part in value.split(","))
