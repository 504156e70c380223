from madara.app import Madara
from madara.blueprints import Blueprint
from madara.wrappers import Request

app = Madara(config={"debug": True, "middlewares": ["harbour_layers.Pilot", "harbour_layers.Tug"]})
cargo = Blueprint("cargo")


@app.route("/leak", methods=["GET"])
def leak(request: Request):
    raise Exception("the bilge is full")


@app.route("/berth/<int:number>", methods=["GET"])
def berth(request: Request, number):
    return "you lie at berth {}".format(number)


@cargo.route("/item", methods=["POST"])
def unload(request: Request):
    return {"code": 0, "result": request.get_json()}


app.register_blueprint(cargo, url_prefix="/blueprint")

if __name__ == "__main__":
    app.run()
