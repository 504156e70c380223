from nacre import Nacre, WSGIMiddleware


class Language:
    def __init__(self, app, tag):
        self.app = app
        self.tag = tag

    def __call__(self, environ, start_response):
        def start(status, headers, exc_info=None):
            return start_response(status, [*headers, ("Content-Language", self.tag)], exc_info)

        return self.app(environ, start)


app = Nacre(middlewares=[WSGIMiddleware(Language, "en")])


@app.get("/")
async def home():
    return "hello"
