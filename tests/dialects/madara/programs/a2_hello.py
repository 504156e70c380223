from madara.app import Madara

app = Madara(config={})


@app.route("/")
def greet(request):
    return "Ahoy, harbour!"


if __name__ == "__main__":
    app.run()
