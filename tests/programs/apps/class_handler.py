"""A class that handles several methods of one path."""

from nacre import Nacre

app = Nacre()


@app.route("/jars/<int:number>", name="jar", tags=["jars"])
class Jar:
    def __init__(self):
        self.pearls = {}

    async def get(self, request, number):
        return {"pearls": self.pearls.get(number, 0)}

    def put(self, request, number):
        self.pearls[number] = int(request.query["pearls"])
        return 204

    async def delete(self, request, number):
        return {"removed": self.pearls.pop(number, 0), "tags": list(request.route.tags)}
