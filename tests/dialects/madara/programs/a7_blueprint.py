from madara.app import Madara
from madara.blueprints import Blueprint
from madara.wrappers import Request

app = Madara(config={})
crates = Blueprint("crates")


@app.route("/")
def greet(request):
    return "Ahoy, crates!"


@crates.route("/item", methods=["POST"])
def take_in(request: Request):
    data = request.get_json()
    return {"code": 0, "result": data}


app.register_blueprint(crates, url_prefix="/blueprint")

if __name__ == "__main__":
    app.run()
