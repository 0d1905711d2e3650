import asyncio

from jinja2 import DictLoader, Environment, TemplateSyntaxError, select_autoescape
from jinja2.exceptions import SecurityError
from jinja2.sandbox import SandboxedEnvironment

pages = {
    "base.html": "<title>{% block title %}base{% endblock %}</title>{% block body %}{% endblock %}",
    "page.html": "{% extends 'base.html' %}{% macro twice(x) %}{{ x }}{{ x }}{% endmacro %}"
    "{% block body %}{{ twice('a') }} {{ words|sort|join(', ')|title }} {{ '<b>' }} {{ data|tojson }} "
    "{% for group, items in words|groupby(0) %}{{ loop.index }}{{ group }}{% endfor %}{% endblock %}",
}
environment = Environment(loader=DictLoader(pages), autoescape=select_autoescape(), extensions=["jinja2.ext.do"])
text = environment.get_template("page.html").render(words=["pear", "apple"], data={"a": 1})
assert text == '<title>base</title>aa Apple, Pear &lt;b&gt; {"a": 1} 1a2p', text
try:
    environment.from_string("{% if %}")
    raise SystemExit("that is no template")
except TemplateSyntaxError as error:
    assert error.lineno == 1
try:
    SandboxedEnvironment().from_string("{{ ''.__class__.__mro__ }}").render()
    raise SystemExit("the sandbox let it through")
except SecurityError:
    pass


async def value():
    return "later"


later = Environment(enable_async=True).from_string("{{ value() }}")
assert asyncio.run(later.render_async(value=value)) == "later"
print("ok")
