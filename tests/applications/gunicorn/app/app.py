def application(environ, start_response):
    body = b"3" if environ["PATH_INFO"] == "/length" else b"Hello from gunicorn"
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
