from flask import Flask, abort, jsonify, render_template, session

app = Flask(__name__)
app.secret_key = "for a test"


@app.route("/")
def hello():
    return render_template("hello.html", name="<you>")


@app.route("/count")
def count():
    session["count"] = session.get("count", 0) + 1
    return str(session["count"])


@app.route("/json")
def data():
    return jsonify(words=["reach"], number=1.5)


@app.route("/missing")
def missing():
    abort(404)


@app.errorhandler(404)
def not_found(error):
    return f"nothing here: {error.code}", 404
