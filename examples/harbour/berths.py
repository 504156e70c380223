"""Berths, as a Madara program."""

from nacre.dialects.madara.app import Madara

BERTHS = {1: "free", 2: "Halcyon", 3: "free"}


class Watch:
    """Answers 409 for berths that are taken, before the view is called."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_view(self, request, callback, callback_kwargs):
        if request.method == "POST" and BERTHS.get(callback_kwargs.get("number")) not in (None, "free"):
            return {"error": "taken"}, 409
        return None


app = Madara(config={"middlewares": [Watch]})


@app.route("/<int:number>", methods=["GET", "POST"])
def berth(request, number):
    if number not in BERTHS:
        return {"error": "no such berth"}, 404
    if request.method == "POST":
        BERTHS[number] = request.get_json()["ship"]
    return {"number": number, "ship": BERTHS[number]}
