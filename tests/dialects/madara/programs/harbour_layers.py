"""Middlewares that a configuration names by dotted names; the application is given to them as well."""


class Pilot:
    def __init__(self, get_response, app=None):
        self.get_response = get_response

    def __call__(self, request):
        print("pilot aboard", request.path)
        response = self.get_response(request)
        print("pilot ashore", response.status_code)
        return response

    def process_exception(self, request, exception):
        print("pilot hears:", exception)
        return None


class Tug(Pilot):
    def __call__(self, request):
        print("tug made fast")
        response = self.get_response(request)
        print("tug cast off")
        return response

    def process_exception(self, request, exception):
        print("tug hears:", exception)
        return None
