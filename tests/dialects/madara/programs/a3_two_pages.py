from madara.app import Madara

app = Madara({})


@app.route("/")
def quay(request):
    return "The quay"


@app.route("/hello")
def greeting(request):
    return "Ahoy, captain"
